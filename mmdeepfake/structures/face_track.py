"""A face track: one face through consecutive frames of a video, and its file."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.files.array_file import write_arrays
from mmdeepfake.files.array_reading import read_arrays

# The five points of common face detectors: the person's right eye (left in the image),
# left eye, tip of the nose, right and left corner of the mouth.
NUM_POINTS = 5


@dataclass(frozen=True, eq=False)
class FaceTrack:
    """Boxes of one face, one per frame, without gaps.

    A stored face clip shows a fixed `region` of the source frames, resized by `scale`.
    A track without a clip has no region and scale 1.

    Attributes:
        boxes: (F, 4) float32 x1, y1, x2, y2 in pixels of the source frame, tight around
            the face.
        first_frame: index in the source video of the frame of `boxes[0]`.
        detected: (F,) bool, False where a box was interpolated between two detections.
        scores: (F,) float32 detector confidence in 0..1; interpolated likewise.
        points: (F, 5, 2) float32 pixels of the source frame, or None; see NUM_POINTS.
        region: x1, y1, x2, y2 in whole pixels of the source frame.
        scale: pixels of the clip over pixels of the source frame.
    """

    boxes: NDArray[np.float32]
    first_frame: int = 0
    detected: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, bool))
    scores: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))
    points: NDArray[np.float32] | None = None
    region: tuple[int, int, int, int] | None = None
    scale: float = 1.0

    def __post_init__(self) -> None:
        boxes = np.asarray(self.boxes, np.float32)
        if boxes.ndim != 2 or boxes.shape[1] != 4 or not len(boxes):
            raise ValueError(f'boxes of shape {boxes.shape}; expected is (F, 4), F > 0')
        if not (np.isfinite(boxes).all() and (boxes[:, :2] < boxes[:, 2:]).all()):
            raise ValueError('boxes must be finite, with x1 < x2 and y1 < y2')
        if self.first_frame < 0 or not 0 < self.scale < math.inf:
            raise ValueError(
                f'first_frame {self.first_frame} and scale {self.scale}; allowed are '
                'first_frame >= 0 and scale > 0'
            )
        if self.region is not None and np.shape(self.region) != (4,):
            raise ValueError(f'region {self.region}; expected is x1, y1, x2, y2')
        filled = {
            'boxes': boxes,
            'detected': self._fill(self.detected, np.bool_, True, len(boxes)),
            'scores': self._fill(self.scores, np.float32, 1.0, len(boxes)),
        }
        if self.points is not None:
            points = np.asarray(self.points, np.float32)
            if points.shape != (len(boxes), NUM_POINTS, 2):
                raise ValueError(
                    f'points of shape {points.shape}; expected is {(len(boxes), 5, 2)}'
                )
            if not np.isfinite(points).all():
                raise ValueError('points must be finite')
            filled['points'] = points
        for name, value in filled.items():
            object.__setattr__(self, name, value)

    @staticmethod
    def _fill(
        values: NDArray[Any], kind: type, default: float, size: int
    ) -> NDArray[Any]:
        if np.shape(values) == (0,):
            return np.full(size, default, kind)
        if np.shape(values) != (size,):
            raise ValueError(f'values of shape {np.shape(values)} for {size} boxes')
        return np.asarray(values, kind)

    def __len__(self) -> int:
        return len(self.boxes)

    def take(self, frames: slice | NDArray[np.integer]) -> FaceTrack:
        """Return the track of some of its frames; `first_frame` stays."""
        return replace(
            self,
            boxes=self.boxes[frames],
            detected=self.detected[frames],
            scores=self.scores[frames],
            points=None if self.points is None else self.points[frames],
        )

    def boxes_in_clip(self) -> NDArray[np.float32]:
        """Return the boxes in pixels of the stored clip: (F, 4) float32."""
        if self.region is None:
            return self.boxes * np.float32(self.scale)
        origin = np.array(2 * self.region[:2], np.float32)
        return (self.boxes - origin) * np.float32(self.scale)

    def points_in_clip(self) -> NDArray[np.float32] | None:
        """Return the five points in pixels of the stored clip: (F, 5, 2) float32."""
        if self.points is None:
            return None
        origin = np.array(self.region[:2] if self.region else (0, 0), np.float32)
        return (self.points - origin) * np.float32(self.scale)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the track atomically as an .npz archive."""
        arrays = dict(
            boxes=self.boxes,
            first_frame=np.int64(self.first_frame),
            detected=self.detected,
            scores=self.scores,
            scale=np.float64(self.scale),
        )
        if self.points is not None:
            arrays['points'] = self.points
        if self.region is not None:
            arrays['region'] = np.array(self.region, np.int64)
        write_arrays(path, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> FaceTrack:
        """Read a file of `save`.

        Raises:
            DataNotFoundError: the file does not exist.
            DataError: it is damaged or not a track.
        """
        if not os.path.isfile(path):
            raise DataNotFoundError(f'no face track {os.path.abspath(path)!r}')
        try:
            arrays = read_arrays(path)
            region = arrays['region'].tolist() if 'region' in arrays else None
            return cls(
                boxes=arrays['boxes'],
                first_frame=int(arrays['first_frame']),
                detected=arrays['detected'],
                scores=arrays['scores'],
                points=arrays.get('points'),
                region=None if region is None else tuple(region),
                scale=float(arrays['scale']),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f'face track {os.fspath(path)!r} is damaged or not a track ({error}); '
                'prepare this video again'
            ) from error
