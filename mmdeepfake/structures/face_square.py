"""From a face box to the square crop around it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def square_inside_frame(
    boxes_x1y1x2y2_px: NDArray[Any], *, margin_ratio: float, height: int, width: int
) -> NDArray[np.int64]:
    """Enlarge boxes to squares of whole pixels inside the frame.

    The side is `margin_ratio` times the longer side of the box, but at most the shorter
    side of the frame. A square that crosses an edge is moved inwards, neither padded
    nor cut, so that resizing never distorts a face.

    Args:
        boxes_x1y1x2y2_px: (M, 4).
        margin_ratio: side of the square over the longer side of the box.
        height: frame height in pixels.
        width: frame width in pixels.

    Returns:
        (M, 4) int64 x1, y1, x2, y2, the last two exclusive.
    """
    low, high = boxes_x1y1x2y2_px[:, :2], boxes_x1y1x2y2_px[:, 2:]
    side = np.rint((high - low).max(axis=1, keepdims=True) * margin_ratio)
    side = np.clip(side, 1, min(height, width))  # (M, 1)
    corner = np.rint((low + high - side) / 2)
    corner = np.clip(corner, 0, np.array([width, height]) - side)
    return np.concatenate((corner, corner + side), axis=1).astype(np.int64)
