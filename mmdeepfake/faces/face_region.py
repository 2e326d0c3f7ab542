"""Which part of the frames is stored of a face, and at what scale.

One fixed rectangle for the whole track: around every box, with a margin, so that the
crop can be chosen when it is loaded (a square a snippet, at any margin up to this one)
and nothing in the stored clip moves that did not move in the video.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from mmdeepfake.errors import DataError
from mmdeepfake.video.source_frames import SourceFrame, as_source_frame

_PARTS = 8  # scales are whole eighths, see FaceRegion


class FaceRegion(NamedTuple):
    """A rectangle of the source frame and how much it is reduced.

    Attributes:
        x1y1x2y2_px: whole pixels, the last two exclusive, inside the frame.
        eighths: the clip is eighths / 8 of the region's size, 1 to 8. The region's
            sides are such that the clip's are even whole numbers, so one number is the
            exact scale of both axes.
    """

    x1y1x2y2_px: tuple[int, int, int, int]
    eighths: int

    @classmethod
    def of_scale(
        cls, x1y1x2y2_px: tuple[int, int, int, int], scale: float
    ) -> FaceRegion:
        """Make the region of a stored track again."""
        return cls(x1y1x2y2_px, round(scale * _PARTS))

    @property
    def scale(self) -> float:
        """Pixels of the clip over pixels of the source frame."""
        return self.eighths / _PARTS

    def cut(self, frame: SourceFrame | NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Cut the region out of a frame and reduce it: (h, w, 3) uint8."""
        x1, y1, x2, y2 = self.x1y1x2y2_px
        part = as_source_frame(frame).part(self.x1y1x2y2_px)
        if self.eighths == _PARTS:
            return np.ascontiguousarray(part)
        size = tuple(side * self.eighths // _PARTS for side in (x2 - x1, y2 - y1))
        return cv2.resize(part, size, interpolation=cv2.INTER_AREA)


def choose_region(
    boxes_x1y1x2y2_px: NDArray[np.float32],
    *,
    height: int,
    width: int,
    margin_ratio: float,
    face_px: int,
) -> FaceRegion:
    """Choose what is stored of a face.

    The region holds, for every frame, the square around that frame's box whose side is
    `margin_ratio` times the longer side of the box, as far as the frame has it (a
    region as long as the frame lacks up to 15 pixels that are no whole multiple). The
    scale is the smallest number of eighths at which the face, by the median of the
    boxes' longer sides, has `face_px` or more; a smaller face is not enlarged.

    Args:
        boxes_x1y1x2y2_px: (F, 4) of one track.
        height: of the frame, in pixels.
        width: of the frame, in pixels.
        margin_ratio: side of the square over the longer side of the box.
        face_px: side of the face in the clip that is enough.

    Raises:
        DataError: the frame is too small to hold the region.
    """
    boxes = np.asarray(boxes_x1y1x2y2_px, np.float64)
    low, high = boxes[:, :2], boxes[:, 2:]
    sides = (high - low).max(axis=1)
    middle, half = (low + high) / 2, sides[:, None] * margin_ratio / 2
    eighths = min(_PARTS, math.ceil(_PARTS * face_px / float(np.median(sides))))
    multiple = 2 * _PARTS // math.gcd(eighths, _PARTS)
    x1, x2 = _choose_span(
        (middle - half)[:, 0].min(), (middle + half)[:, 0].max(), width, multiple
    )
    y1, y2 = _choose_span(
        (middle - half)[:, 1].min(), (middle + half)[:, 1].max(), height, multiple
    )
    if x1 == x2 or y1 == y2:
        raise DataError(f'frames of {width} x {height} pixels are too small for a face')
    return FaceRegion((x1, y1, x2, y2), eighths)


def whole_region(*, height: int, width: int) -> FaceRegion:
    """Give the whole frame, less its last row and column where it is odd."""
    if min(height, width) < 2:
        raise DataError(f'frames of {width} x {height} pixels; two each way are needed')
    return FaceRegion((0, 0, width // 2 * 2, height // 2 * 2), _PARTS)


def _choose_span(low: float, high: float, limit: int, multiple: int) -> tuple[int, int]:
    """Find whole pixels from an even one on, a multiple of pixels long, within limits.

    Example:
        >>> _choose_span(10.2, 29.5, 64, 8)  # 10 to 30, grown to 24
        (8, 32)
    """
    first = max(0, math.floor(low)) // 2 * 2
    needed = min(limit, math.ceil(high)) - first
    length = min(math.ceil(needed / multiple), limit // multiple) * multiple
    start = max(0, first - (length - needed) // 2)
    start = min(start, limit - length) // 2 * 2
    return start, start + length
