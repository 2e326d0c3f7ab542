"""Arithmetic of boxes x1, y1, x2, y2."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def box_iou(first: NDArray, second: NDArray) -> NDArray[np.float64]:
    """Return the IoU of every box with every other: (M, 4), (N, 4) -> (M, N).

    The IoU of two boxes without area is 0.
    """
    first, second = np.asarray(first, float), np.asarray(second, float)
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(-1)
    areas = [np.clip(b[:, 2:] - b[:, :2], 0, None).prod(-1) for b in (first, second)]
    union = areas[0][:, None] + areas[1][None, :] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def suppress_overlaps(boxes: NDArray, scores: NDArray, *, max_iou: float) -> NDArray:
    """Return the indices left by greedy non-maximum suppression, best first.

    A box is dropped if its IoU with a better one that is kept is above `max_iou`. Of
    equal scores the earlier box is the better one.

    Args:
        boxes: (N, 4) x1, y1, x2, y2.
        scores: (N,).
        max_iou: largest IoU of two different faces.
    """
    order = np.argsort(-np.asarray(scores), kind='stable')
    overlaps = box_iou(boxes, boxes) > max_iou
    kept: list[int] = []
    for index in order:
        if not overlaps[index, kept].any():
            kept.append(int(index))
    return np.array(kept, int)
