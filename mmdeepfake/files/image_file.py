"""Pictures in files that are written whole or not at all."""

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
    """Write a picture; see `replace_bytes`.

    It is encoded in memory: OpenCV does not tell of a disk that is full.

    Args:
        path: its suffix tells the format.
        picture: (H, W, 3) RGB.
        alone: see `replace_bytes`.

    Raises:
        DataError: no format has that suffix.
    """
    suffix = Path(path).suffix
    try:
        content = cv2.imencode(suffix, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1]
    except cv2.error as error:
        raise DataError(
            f'picture {os.fspath(path)!r}: no format has the suffix {suffix!r}; .png '
            'and .jpg are known'
        ) from error
    replace_bytes(path, content.tobytes(), alone=alone)
