"""From the box of a face to the square that is cut out."""

from __future__ import annotations

import numpy as np


def square_inside_frame(
    boxes_x1y1x2y2_px: np.ndarray, *, margin_ratio: float, height: int, width: int
) -> np.ndarray:
    """Grow boxes to squares of whole pixels that lie inside the frame.

    The side is `margin_ratio` times the longer side of the box, but at most the shorter
    side of the frame. A square that reaches over an edge is moved inwards, neither
    padded nor cut, so that resizing never distorts a face.

    Args:
        boxes_x1y1x2y2_px: (M, 4).
        margin_ratio: side of the square over the longer side of the box.
        height: of the frame, in pixels.
        width: of the frame, in pixels.

    Returns:
        (M, 4) int64 x1, y1, x2, y2, the last two exclusive.
    """
    low, high = boxes_x1y1x2y2_px[:, :2], boxes_x1y1x2y2_px[:, 2:]
    side = np.rint((high - low).max(axis=1, keepdims=True) * margin_ratio)
    side = np.clip(side, 1, min(height, width))  # (M, 1)
    corner = np.rint((low + high - side) / 2)
    corner = np.clip(corner, 0, np.array([width, height]) - side)
    return np.concatenate((corner, corner + side), axis=1).astype(np.int64)
