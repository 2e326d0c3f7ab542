"""Atomic writing of images."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mmdeepfake.errors import DataError

from .atomic_write import replace_bytes


def replace_image(
    path: str | os.PathLike[str], picture: NDArray[np.uint8], *, alone: bool = False
) -> None:
    """Write an (H, W, 3) RGB image in the format of the suffix; see `replace_bytes`.

    It is encoded in memory, since OpenCV does not report a full disk.

    Raises:
        DataError: the suffix is not that of an image format.
    """
    suffix = Path(path).suffix
    try:
        content = cv2.imencode(suffix, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1]
    except cv2.error as error:
        raise DataError(
            f'image {os.fspath(path)!r}: unknown suffix {suffix!r}; use .png or .jpg'
        ) from error
    replace_bytes(path, content.tobytes(), alone=alone)
