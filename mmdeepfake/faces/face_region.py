"""Which part of the frames is stored of a face, and at what scale.

One fixed rectangle for the whole track: around every box, with a margin, so that the
crop can be chosen at load time (one square per snippet, at any margin up to this one)
and nothing moves in the stored clip that did not move in the video.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from mmdeepfake.errors import DataError
from mmdeepfake.structures import FaceTrack
from mmdeepfake.video.source_frames import SourceFrame, as_source_frame

_PARTS = 8  # scales are multiples of 1/8, see FaceRegion


class FaceRegion(NamedTuple):
    """A rectangle of the source frame and the scale at which it is stored.

    Attributes:
        x1y1x2y2_px: whole pixels, the last two exclusive, inside the frame.
        eighths: the clip is eighths / 8 of the region's size, 1 to 8. The region's
            sides are such that the clip's are even whole numbers, so one number is the
            exact scale of both axes.
    """

    x1y1x2y2_px: tuple[int, int, int, int]
    eighths: int

    @property
    def scale(self) -> float:
        """Pixels of the clip per pixel of the source frame."""
        return self.eighths / _PARTS

    def cut(self, frame: SourceFrame | NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Cut the region out of a frame and scale it down: (h, w, 3) uint8."""
        x1, y1, x2, y2 = self.x1y1x2y2_px
        part = as_source_frame(frame).part(self.x1y1x2y2_px)
        if self.eighths == _PARTS:
            return np.ascontiguousarray(part)
        size = tuple(side * self.eighths // _PARTS for side in (x2 - x1, y2 - y1))
        return cv2.resize(part, size, interpolation=cv2.INTER_AREA)


@dataclass(frozen=True, eq=False)
class Cut:
    """One face to be stored.

    Attributes:
        track: its boxes, in pixels of the source frame.
        region: what is stored of the frames.
    """

    track: FaceTrack
    region: FaceRegion

    @classmethod
    def of_stored(cls, track: FaceTrack) -> Cut:
        """Return the cut that a stored track was made with."""
        region = FaceRegion(track.region, round(track.scale * _PARTS))
        return cls(replace(track, region=None, scale=1.0), region)

    @property
    def end_frame(self) -> int:
        """Index of the first source frame after the track."""
        return self.track.first_frame + len(self.track)

    def is_in(self, frame_index: int) -> bool:
        """Return whether the face is in a frame of the source video."""
        return self.track.first_frame <= frame_index < self.end_frame

    def stored_track(self, num_frames: int) -> FaceTrack:
        """Return the track to save beside a clip of `num_frames` frames."""
        return replace(
            self.track.take(slice(num_frames)),
            region=self.region.x1y1x2y2_px,
            scale=self.region.scale,
        )


def cut_frames(
    frames: Iterable[SourceFrame | NDArray[np.uint8]], cuts: Sequence[Cut]
) -> Iterator[tuple[int, dict[int, NDArray[np.uint8]]]]:
    """Cut every face out of every frame, in one pass.

    Args:
        frames: all frames of the video; arrays are (H, W, 3) uint8 RGB.
        cuts: the faces.

    Yields:
        For each frame, its index and the images of the faces in it, keyed by their
        position in `cuts`: (h, w, 3) uint8 RGB.
    """
    for index, frame in enumerate(frames):
        images = {
            which: cut.region.cut(frame)
            for which, cut in enumerate(cuts)
            if cut.is_in(index)
        }
        yield index, images


def choose_region(
    boxes_x1y1x2y2_px: NDArray[np.float32],
    *,
    height: int,
    width: int,
    margin_ratio: float,
    face_px: int,
) -> FaceRegion:
    """Choose what is stored of a face.

    For every frame, the region covers the square around that frame's box whose side is
    `margin_ratio` times the longer side of the box, clipped to the frame (a region as
    long as the frame may lack up to 15 pixels, to keep its sides divisible). The scale
    is the smallest number of eighths at which the face, by the median of the boxes'
    longer sides, has at least `face_px`; a smaller face is not enlarged.

    Args:
        boxes_x1y1x2y2_px: (F, 4) of one track.
        height: of the frame, in pixels.
        width: of the frame, in pixels.
        margin_ratio: side of the square over the longer side of the box.
        face_px: minimum side of the face in the clip.

    Raises:
        DataError: the frame is too small to contain the region.
    """
    boxes = np.asarray(boxes_x1y1x2y2_px, np.float64)
    sides = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = sides[:, None] * margin_ratio / 2
    low, high = (centres - half).min(axis=0), (centres + half).max(axis=0)
    eighths = min(_PARTS, math.ceil(_PARTS * face_px / float(np.median(sides))))
    multiple = 2 * _PARTS // math.gcd(eighths, _PARTS)
    x1, x2 = _choose_span(low[0], high[0], width, multiple)
    y1, y2 = _choose_span(low[1], high[1], height, multiple)
    if x1 == x2 or y1 == y2:
        raise DataError(f'frames of {width} x {height} pixels are too small for a face')
    return FaceRegion((x1, y1, x2, y2), eighths)


def whole_region(*, height: int, width: int) -> FaceRegion:
    """Return the whole frame, without the last row or column of an odd side."""
    if min(height, width) < 2:
        raise DataError(
            f'frames of {width} x {height} pixels; at least 2 x 2 are needed'
        )
    return FaceRegion((0, 0, width // 2 * 2, height // 2 * 2), _PARTS)


def _choose_span(low: float, high: float, limit: int, multiple: int) -> tuple[int, int]:
    """Return an even start and an end within limits, a multiple of pixels apart.

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
