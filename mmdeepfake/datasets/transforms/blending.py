"""Blending of one clip over another."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray


def blend(
    target: Iterable[NDArray[np.uint8]],
    source: Iterable[NDArray[np.floating | np.uint8]],
    masks: Iterable[NDArray[np.float32]],
) -> NDArray[np.uint8]:
    """Lay the source over the target where the mask is 1.

    Args:
        target: F frames, (H, W, 3) uint8.
        source: likewise, or float32 of 0 to 255.
        masks: F masks, (H, W), 0 to 1.
    """
    mixed = []
    for below, above, mask in zip(target, source, masks, strict=True):
        share = cv2.merge([mask, mask, mask])
        difference = cv2.subtract(above, below, dtype=cv2.CV_32F)
        changed = cv2.multiply(difference, share)
        mixed.append(cv2.add(below, changed, dtype=cv2.CV_8U))
    return np.stack(mixed)
