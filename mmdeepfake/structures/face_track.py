"""One person's face through consecutive frames of a video, and the file for it."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.files.array_file import write_arrays
from mmdeepfake.files.array_reading import read_arrays

# The five points of common face detectors, in this order: the person's right eye (left
# in the picture), left eye, tip of the nose, right and left corner of the mouth.
NUM_POINTS = 5


@dataclass(frozen=True, eq=False)
class FaceTrack:
    """Boxes of one face, one a frame, without gaps.

    A stored face clip shows a fixed part of the source frames, its `region`, enlarged
    or reduced by `scale`; for a track that was not cut out of anything, the region is
    empty and the scale 1.

    Attributes:
        boxes: (F, 4) float32 x1, y1, x2, y2 in pixels of the source frame, around the
            face alone, without a margin.
        first_frame: index, in the source video, of the frame that `boxes[0]` is for.
        detected: (F,) bool, False where a box was interpolated between two detections.
        scores: (F,) float32, the detector's confidence in 0..1; interpolated likewise.
        points: (F, 5, 2) float32 pixels of the source frame, or None; see NUM_POINTS.
        region: x1, y1, x2, y2, whole pixels of the source frame that the clip shows.
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
            raise ValueError(f'boxes of shape {boxes.shape}; needed is (F, 4), F > 0')
        if not (np.isfinite(boxes).all() and (boxes[:, :2] < boxes[:, 2:]).all()):
            raise ValueError('boxes must be finite, with x1 < x2 and y1 < y2')
        if self.first_frame < 0 or not 0 < self.scale < math.inf:
            raise ValueError(
                f'first_frame {self.first_frame} and scale {self.scale}; allowed are '
                'first_frame >= 0 and scale > 0'
            )
        if self.region is not None and np.shape(self.region) != (4,):
            raise ValueError(f'region {self.region}; needed are x1, y1, x2, y2')
        filled = {
            'boxes': boxes,
            'detected': self._fill(self.detected, np.bool_, True, len(boxes)),
            'scores': self._fill(self.scores, np.float32, 1.0, len(boxes)),
        }
        if self.points is not None:
            points = np.asarray(self.points, np.float32)
            if points.shape != (len(boxes), NUM_POINTS, 2):
                raise ValueError(
                    f'points of shape {points.shape}; needed is {(len(boxes), 5, 2)}'
                )
            if not np.isfinite(points).all():
                raise ValueError('points must be finite')
            filled['points'] = points
        for name, value in filled.items():
            object.__setattr__(self, name, value)

    @staticmethod
    def _fill(values: NDArray, kind: type, default: float, size: int) -> NDArray:
        if np.ndim(values) != 1:
            raise ValueError(f'values of shape {np.shape(values)} for {size} boxes')
        if not len(values):
            return np.full(size, default, kind)
        if len(values) != size:
            raise ValueError(f'{len(values)} values for {size} boxes; one each needed')
        return np.asarray(values, kind)

    def __len__(self) -> int:
        return len(self.boxes)

    def boxes_in_clip(self) -> NDArray[np.float32]:
        """Give the boxes in pixels of the stored clip: (F, 4) float32."""
        if self.region is None:
            return self.boxes * np.float32(self.scale)
        origin = np.array(2 * self.region[:2], np.float32)
        return (self.boxes - origin) * np.float32(self.scale)

    def points_in_clip(self) -> NDArray[np.float32] | None:
        """Give the five points in pixels of the stored clip: (F, 5, 2) float32."""
        if self.points is None:
            return None
        origin = np.array(self.region[:2] if self.region else (0, 0), np.float32)
        return (self.points - origin) * np.float32(self.scale)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the track as an .npz archive, whole or not at all."""
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
        """Read what `save` wrote; nothing in the file is ever run.

        Raises:
            DataNotFoundError: there is no such file.
            DataError: it is torn, or holds no track.
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
                f'face track {os.fspath(path)!r} is torn or no face track ({error}); '
                'prepare this video again'
            ) from error
