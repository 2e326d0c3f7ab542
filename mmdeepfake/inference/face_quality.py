"""What speaks against trusting the score of a face.

The limits are ours. They lie between what was measured on faces of some 37 clips, H.264
at CRF 23 to 40, and on the same faces still or blurred (sigma 1/80 to 1/40 of a face).
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from mmdeepfake.structures import FaceTrack

SMALL_PX = 80  # the models' inputs show such a face enlarged about twice
_SHARPNESS_SIDE_PX = 224  # larger inputs are reduced to it before they are compared
_MIN_SHARPNESS = 6.0  # real: 10 to 259; blurred: 2 to 8
_MIN_MOTION = 0.05  # of 255; real: 0.3 to 12; still: 0.002 to 0.011
_MAX_CUT_SHARE = 0.3  # of the frames
_EDGE_PX = 1.5


class Doubt(NamedTuple):
    """What speaks against trusting a face's score, in a word and in a clause."""

    kind: str
    reason: str

    def __str__(self) -> str:
        """Return 'kind: reason'."""
        return f'{self.kind}: {self.reason}'


class FaceLook:
    """Sharpness and motion of a face as the model sees it, snippet by snippet."""

    def __init__(self) -> None:
        self._sharpness: list[float] = []
        self._motion: list[float] = []

    def add(self, frames: NDArray[np.uint8]) -> None:
        """Add one snippet, (T, H, W, 3) RGB."""
        self._sharpness.append(measure_sharpness(frames[len(frames) // 2]))
        if len(frames) > 1:
            self._motion.append(measure_motion(frames))

    def list_doubts(self) -> list[Doubt]:
        """Return what speaks against the face."""
        doubts = []
        if self._motion and np.mean(self._motion) < _MIN_MOTION:
            doubts.append(
                Doubt('still', 'its pixels do not change, as in a photograph')
            )
        if self._sharpness and np.median(self._sharpness) < _MIN_SHARPNESS:
            doubts.append(Doubt('blurred', 'little detail is left'))
        return doubts


def measure_sharpness(frame: NDArray[np.uint8]) -> float:
    """Return the variance of the Laplacian of a frame, (H, W, 3) RGB."""
    side = max(frame.shape[:2])
    if side > _SHARPNESS_SIDE_PX:
        scale = _SHARPNESS_SIDE_PX / side
        frame = cv2.resize(
            frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA
        )
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_64F).var())


def measure_motion(frames: NDArray[np.uint8]) -> float:
    """Return the mean difference of adjacent frames, (T, H, W, 3), in 0..255."""
    pairs = itertools.pairwise(frames)
    return float(np.mean([cv2.absdiff(a, b).mean() for a, b in pairs]))


def measure_size(track: FaceTrack) -> float:
    """Return the median of the longer side of the boxes, in pixels."""
    return float(np.median((track.boxes[:, 2:] - track.boxes[:, :2]).max(axis=1)))


def list_track_doubts(track: FaceTrack, *, height: int, width: int) -> list[Doubt]:
    """Return what speaks against a face of this size and place."""
    doubts = []
    if measure_size(track) < SMALL_PX:
        doubts.append(Doubt('small', 'the model sees it enlarged'))
    low = (track.boxes[:, :2] <= _EDGE_PX).any(1)
    high = (track.boxes[:, 2:] >= np.array((width, height)) - _EDGE_PX).any(1)
    share = (low | high).mean()
    if share > _MAX_CUT_SHARE:
        reason = f'it touches the edge in {share:.0%} of its frames'
        doubts.append(Doubt('cut off', reason))
    return doubts
