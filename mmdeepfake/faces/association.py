"""Linking the detections of one person in different frames.

Detections are matched to the existing chains by their IoU with the box that each
chain's motion predicts (constant velocity), all faces of a frame at once (the
assignment problem), strong detections before weak ones, which may extend a chain but
not start one (after ByteTrack, Zhang et al., ECCV 2022,
https://arxiv.org/abs/2110.06864). The rest may be matched by distance: between frames
some steps apart a fast head moves out of its own box.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .detection.boxes import box_iou
from .detection.detector import Faces

_NUM_FOR_VELOCITY = 3  # detections that the velocity is estimated from
_MAX_SIZE_RATIO = 1.6  # of two boxes that may be matched by distance


@dataclass(eq=False)
class Chain:
    """The detections of one person within one shot, in temporal order.

    Attributes:
        frames: index of the frame of each.
        boxes: (4,) x1, y1, x2, y2 of each.
        scores: confidence of each.
        points: (5, 2) of each, or None of each.
    """

    frames: list[int] = field(default_factory=list)
    boxes: list[NDArray] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    points: list[NDArray | None] = field(default_factory=list)

    def append(self, frame: int, faces: Faces, which: int) -> None:
        """Add face `which` of a frame."""
        self.frames.append(frame)
        self.boxes.append(np.asarray(faces.boxes[which], float))
        self.scores.append(float(faces.scores[which]))
        self.points.append(None if faces.points is None else faces.points[which])

    def predict_box(self, frame: int) -> NDArray[np.float64]:
        """Return the last box moved on at its recent velocity, (4,)."""
        recent = slice(-_NUM_FOR_VELOCITY, None)
        frames, boxes = self.frames[recent], self.boxes[recent]
        if len(frames) < 2:
            return boxes[-1]
        moved = _centres(np.stack((boxes[0], boxes[-1])))
        velocity = (moved[1] - moved[0]) / (frames[-1] - frames[0])
        return boxes[-1] + np.tile(velocity * (frame - frames[-1]), 2)


def link_detections(
    detections: Sequence[tuple[int, Faces]],
    cuts: Sequence[int],
    *,
    start_score: float,
    min_iou: float,
    max_gap_frames: int,
) -> list[Chain]:
    """Link detections into one chain per person and shot.

    Args:
        detections: frame index and faces, in temporal order.
        cuts: first frames of new shots, in order; no chain crosses one.
        start_score: minimum confidence of a detection that starts a chain.
        min_iou: minimum IoU with the predicted box, for a match by IoU.
        max_gap_frames: a person unseen for longer starts a new chain.

    Returns:
        The chains in the order of their first detections.
    """
    ended: list[Chain] = []
    alive: list[Chain] = []
    shot = 0
    for frame, faces in detections:
        shot_now = bisect.bisect_right(cuts, frame)
        lost = [
            chain
            for chain in alive
            if shot_now != shot or frame - chain.frames[-1] > max_gap_frames
        ]
        ended += lost
        alive = [chain for chain in alive if chain not in lost]
        shot = shot_now
        alive += _extend_chains(alive, frame, faces, start_score, min_iou)
    return sorted(ended + alive, key=lambda chain: chain.frames[0])


def _extend_chains(
    chains: list[Chain], frame: int, faces: Faces, start_score: float, min_iou: float
) -> list[Chain]:
    """Append a frame's faces to matching chains; return new chains of the rest."""
    strong = np.flatnonzero(faces.scores >= start_score)
    weak = np.flatnonzero(faces.scores < start_score)
    open_chains = list(chains)
    for candidates in (strong, weak):
        predicted = np.array([c.predict_box(frame) for c in open_chains])
        affinity = box_iou(predicted.reshape(-1, 4), faces.boxes[candidates])
        open_chains, left = _append_matches(
            open_chains, frame, faces, candidates, affinity, min_iou
        )
        if candidates is strong:
            strong_left = left
    last = np.array([c.boxes[-1] for c in open_chains]).reshape(-1, 4)
    affinity = _nearness(last, faces.boxes[strong_left])
    _, strong_left = _append_matches(
        open_chains, frame, faces, strong_left, affinity, 0.0
    )
    started = []
    for which in strong_left:
        started.append(Chain())
        started[-1].append(frame, faces, which)
    return started


def _append_matches(
    chains: list[Chain],
    frame: int,
    faces: Faces,
    candidates: NDArray,
    affinity: NDArray,
    minimum: float,
) -> tuple[list[Chain], NDArray]:
    """Append the best matches; return the chains and candidates without one."""
    # A pair that is not allowed must not affect how the others are paired.
    allowed = np.where(affinity > minimum, affinity, 0.0)
    rows, columns = _assign(allowed)
    matched = allowed[rows, columns] > 0
    rows, columns = rows[matched], columns[matched]
    for row, column in zip(rows, columns, strict=True):
        chains[row].append(frame, faces, candidates[column])
    taken = set(rows.tolist())
    return (
        [chain for row, chain in enumerate(chains) if row not in taken],
        np.delete(candidates, columns),
    )


def _assign(affinity: NDArray) -> tuple[NDArray, NDArray]:
    """Return the rows and columns of the pairs with the largest sum."""
    if min(affinity.shape) < 2:  # one face, as in most videos: no need of scipy
        rows, columns = np.nonzero(affinity == affinity.max(initial=0))
        return rows[:1], columns[:1]
    from scipy.optimize import linear_sum_assignment

    return linear_sum_assignment(affinity, maximize=True)


def _nearness(first: NDArray, second: NDArray) -> NDArray[np.float64]:
    """Return (M, N): 1 for concentric boxes, 0 if a side apart or of unlike sizes."""
    offsets = _centres(first)[:, None] - _centres(second)[None]
    sides = [np.sqrt((b[:, 2:] - b[:, :2]).prod(-1)) for b in (first, second)]
    ratios = sides[0][:, None] / sides[1][None]
    mean_sides = (sides[0][:, None] + sides[1][None]) / 2
    nearness = 1 - np.linalg.norm(offsets, axis=-1) / mean_sides
    alike = np.maximum(ratios, 1 / ratios) <= _MAX_SIZE_RATIO
    return np.where(alike, np.clip(nearness, 0, None), 0.0)


def _centres(boxes: NDArray) -> NDArray[np.float64]:
    return (boxes[:, :2] + boxes[:, 2:]) / 2
