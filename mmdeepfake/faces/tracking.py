"""Tracks the faces of a video: one track of boxes for each person and shot.

The detector runs on every n-th frame, on both sides of a possible scene cut, and on the
last frame, on frames scaled down and in batches. Its detections are linked
(`association`), gaps filled linearly and the boxes smoothed (`smoothing`).

A track has a box for every frame from its first to its last and ends at a scene cut:
what a model takes for continuous time must be continuous. A person who appears again in
a later shot starts a new track; faces are told apart by place and size alone.

The tracking libraries at hand are for live video: they need every frame, never look
ahead and fill no gaps.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from mmdeepfake.errors import ConfigError, DataError
from mmdeepfake.structures import FaceTrack
from mmdeepfake.video.source_frames import SourceFrame, as_source_frame

from .association import Chain, link_detections
from .detection.detector import FaceDetector, Faces
from .scene_cuts import SceneCutFinder
from .smoothing import boxes_to_shapes, fill_gaps, shapes_to_boxes, smooth_over_time
from .track_choice import choose_dominant


@dataclass(frozen=True)
class TrackingSettings:
    """Settings of the tracker; plain numbers, stored with the clips.

    Attributes:
        detect_every: the detector runs on frames whose index is a multiple of this.
        detection_side_px: longer side of the frames given to the detector; larger ones
            are scaled down. CenterFace needs faces 16 pixels wide there: at 512, 60
            pixels of a frame 1920 pixels wide.
        batch_size: frames per call of the detector.
        start_score: minimum confidence of a detection that starts a track; weaker ones
            (above the detector's `min_score`) only continue one.
        min_iou: minimum IoU of a detection with a track's predicted box.
        max_gap_frames: a face unseen for longer than this ends its track.
        min_length_frames: shorter tracks are dropped, unless their shot is as short.
        smoothing_frames: standard deviation of the Gaussian that smooths the boxes, in
            frames; 0 for none.
        cut_threshold: mean difference of two frames' thumbnails, in grey levels, above
            which there may be a scene cut. At 12, all 478 joins between clips of 23
            talking heads were found, and no cut inside a clip.
    """

    detect_every: int = 5
    detection_side_px: int = 512
    batch_size: int = 4
    start_score: float = 0.5
    min_iou: float = 0.3
    max_gap_frames: int = 30
    min_length_frames: int = 8
    smoothing_frames: float = 3.0
    cut_threshold: float = 12.0

    def __post_init__(self) -> None:
        for field in fields(self):
            low, high = _ALLOWED.get(field.name, (1, math.inf))
            value = getattr(self, field.name)
            is_whole = isinstance(field.default, int)
            kinds = (int,) if is_whole else (int, float)
            if type(value) not in kinds or not low <= value <= high:
                raise ConfigError(
                    f'{field.name}={value!r} in the tracking settings; allowed is '
                    f'{"a whole number" if is_whole else "a number"} from {low}'
                    + ('' if high == math.inf else f' to {high}')
                )


_ALLOWED: dict[str, tuple[float, float]] = {
    'detection_side_px': (32, math.inf),
    'start_score': (0, 1),
    'min_iou': (0, 1),
    'smoothing_frames': (0, 1000),
    'cut_threshold': (0, 256),  # above 255 nothing is a cut
}


@dataclass(frozen=True, eq=False)
class TrackingResult:
    """The faces of one video.

    Attributes:
        tracks: in pixels of the frames, the dominant one first; see
            `track_choice.choose_dominant`. Empty if no face was found.
        num_frames: of the video.
        scene_cuts: indices of the first frames of new shots, without 0.
    """

    tracks: list[FaceTrack]
    num_frames: int
    scene_cuts: list[int]


def track_faces(
    frames: Iterable[SourceFrame | NDArray[np.uint8]],
    detector: FaceDetector,
    settings: TrackingSettings | None = None,
) -> TrackingResult:
    """Track every face of a video in one pass over its frames.

    Args:
        frames: in order, all of one size; arrays are (H, W, 3) uint8 RGB. The last few
            are kept for a moment and must not be overwritten.
        detector: see `detection.build_detector`.
        settings: see `TrackingSettings`.

    Raises:
        DataError: there are no frames, or they differ in size.
    """
    settings = settings or TrackingSettings()
    sparse = _SparseDetection(detector, settings)
    for frame in frames:
        sparse.add(frame)
    detections, cuts = sparse.finish()
    height, width = sparse.frame_size
    chains = link_detections(
        detections,
        cuts,
        start_score=settings.start_score,
        min_iou=settings.min_iou,
        max_gap_frames=settings.max_gap_frames,
    )
    shots = np.array([0, *cuts, sparse.num_frames])
    tracks = [
        make_track(chain, settings, height=height, width=width)
        for chain in chains
        if _is_long_enough(chain, shots, settings.min_length_frames)
    ]
    ranked = choose_dominant(
        tracks, num_frames=sparse.num_frames, frame_size=sparse.frame_size
    )
    return TrackingResult(ranked, sparse.num_frames, cuts)


def make_track(
    chain: Chain, settings: TrackingSettings, *, height: int, width: int
) -> FaceTrack:
    """Fill and smooth the boxes of one chain; clip them to the source frame."""
    frames = np.array(chain.frames)
    sigma = settings.smoothing_frames
    shapes = fill_gaps(frames, boxes_to_shapes(np.stack(chain.boxes)))
    shapes = smooth_over_time(shapes, sigma_frames=sigma)
    points = None
    if all(known is not None for known in chain.points):
        points = fill_gaps(frames, np.stack(chain.points))
        points = smooth_over_time(points, sigma_frames=sigma)
    return FaceTrack(
        shapes_to_boxes(shapes, height=height, width=width),
        first_frame=chain.frames[0],
        detected=np.isin(np.arange(frames[0], frames[-1] + 1), frames),
        scores=fill_gaps(frames, np.array(chain.scores)),
        points=points,
    )


def _is_long_enough(chain: Chain, shots: NDArray, min_length_frames: int) -> bool:
    shot = np.searchsorted(shots, chain.frames[0], side='right')
    shot_length = shots[shot] - shots[shot - 1]
    length = chain.frames[-1] - chain.frames[0] + 1
    return bool(length >= min(min_length_frames, shot_length))


class _SparseDetection:
    """Runs the detector on the frames of a stream that need it, in batches."""

    def __init__(self, detector: FaceDetector, settings: TrackingSettings) -> None:
        self._detector = detector
        self._settings = settings
        self._cuts = SceneCutFinder(settings.cut_threshold)
        self._previous: SourceFrame | None = None
        self._batch: list[tuple[int, NDArray[np.uint8]]] = []
        self._last_chosen = -1
        self._detections: list[tuple[int, Faces]] = []
        self.num_frames = 0
        self.frame_size = (0, 0)

    def add(self, given: SourceFrame | NDArray[np.uint8]) -> None:
        """Take the next frame."""
        index, frame = self.num_frames, as_source_frame(given)
        if index == 0:
            self.frame_size = (frame.height, frame.width)
        elif (frame.height, frame.width) != self.frame_size:
            raise DataError(
                f'frame {index} is {frame.width} x {frame.height} pixels; all before '
                f'it are {self.frame_size[1]} x {self.frame_size[0]}'
            )
        may_be_cut = self._cuts.add(frame)
        if may_be_cut:
            self._choose(index - 1, self._previous)
        if may_be_cut or index % self._settings.detect_every == 0:
            self._choose(index, frame)
        self._previous = frame
        self.num_frames += 1

    def finish(self) -> tuple[list[tuple[int, Faces]], list[int]]:
        """Return the detections of all chosen frames, and the scene cuts."""
        if self._previous is None:
            raise DataError('no frames to find faces in')
        self._choose(self.num_frames - 1, self._previous)
        self._detect_batch()
        return self._detections, self._cuts.finish()

    def _choose(self, index: int, frame: SourceFrame) -> None:
        if index <= self._last_chosen:
            return
        self._last_chosen = index
        self._batch.append((index, self._scale_down(frame)))
        if len(self._batch) == self._settings.batch_size:
            self._detect_batch()

    def _scale_down(self, frame: SourceFrame) -> NDArray[np.uint8]:
        scale = self._settings.detection_side_px / max(self.frame_size)
        if scale >= 1:
            return frame.whole()
        return frame.reduced(*(max(1, round(side * scale)) for side in self.frame_size))

    def _detect_batch(self) -> None:
        if not self._batch:
            return
        found = self._detector.detect([frame for _, frame in self._batch])
        scaled_size = self._batch[0][1].shape[:2]
        # From pixels of the scaled frame to pixels of the source, x first.
        scale = np.array(self.frame_size[::-1]) / np.array(scaled_size[::-1])
        for (index, _), faces in zip(self._batch, found, strict=True):
            scaled = Faces(
                faces.boxes * np.tile(scale, 2),
                faces.scores,
                None if faces.points is None else faces.points * scale,
            )
            self._detections.append((index, scaled))
        self._batch = []
