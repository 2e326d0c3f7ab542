"""Scene cuts, found in one pass over the frames of a video.

A cut changes the whole image in one step and permanently. That distinguishes it from
other large changes: a pan or a fade, whose steps are all alike; a flash, after which
the old image comes back; noise and motion, which hardly show in a thumbnail. A fade
through black (or any blank image) is one cut, at the first frame after it. A dissolve
of one shot into another is not found.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mmdeepfake.video.source_frames import SourceFrame, as_source_frame

_THUMBNAIL_SIZE = (32, 18)  # columns, rows
_NUM_NEIGHBOURS = 8  # steps on either side that a cut is compared with
_MIN_RATIO = 3.0  # of a cut to the usual step
_FLASH_FRAMES = 3  # maximum length of a flash
_BLANK_SPREAD = 3.0  # grey levels; an image of less contrast is blank


@dataclass(eq=False)
class _Candidate:
    """A step that may be a cut, and the least difference of images across it."""

    index: int
    before: NDArray[np.float32]
    nearest: float
    num_after: int = 1


class SceneCutFinder:
    """Takes frames one by one and returns the scene cuts at the end.

    Args:
        threshold: mean difference, in grey levels of 0..255, of the thumbnails of two
            frames above which there may be a cut between them.
    """

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        # The last image, and those before it that a flash may have hidden.
        self._recent: deque[NDArray[np.float32]] = deque(maxlen=_FLASH_FRAMES + 1)
        self._steps: list[float] = [0.0]  # difference of each frame to the one before
        self._watched: list[_Candidate] = []
        self._lasting: list[int] = []
        self._after_blank: list[int] = []
        self._num_blank = 0

    def add(self, frame: SourceFrame | NDArray[np.uint8]) -> bool:
        """Take the next frame; return whether it may be the first of a shot.

        Only later frames decide, so not every frame that may be a cut is one; but every
        cut is among them.
        """
        thumbnail = make_thumbnail(frame)
        if not self._recent:
            self._recent.append(thumbnail)
            self._num_blank = int(_is_blank(thumbnail))
            return False
        index = len(self._steps)
        self._watch(thumbnail)
        differences = [_difference(image, thumbnail) for image in self._recent]
        step = differences[-1]
        may_be_cut = step > self._threshold
        if may_be_cut:
            nearest = min(differences)  # small if this ends a flash
            self._watched.append(_Candidate(index, self._recent[-1], nearest))
        if self._ends_blank_run(thumbnail, index):
            self._after_blank.append(index)
            may_be_cut = True
        self._steps.append(step)
        self._recent.append(thumbnail)
        return may_be_cut

    def _watch(self, thumbnail: NDArray[np.float32]) -> None:
        """Check whether the image before a recent step has come back."""
        for candidate in self._watched:
            candidate.nearest = min(
                candidate.nearest, _difference(candidate.before, thumbnail)
            )
            candidate.num_after += 1
        finished = [c for c in self._watched if c.num_after >= _FLASH_FRAMES + 1]
        self._watched = [c for c in self._watched if c not in finished]
        self._keep_lasting(finished)

    def _keep_lasting(self, candidates: list[_Candidate]) -> None:
        self._lasting += [c.index for c in candidates if c.nearest > self._threshold]

    def _ends_blank_run(self, thumbnail: NDArray[np.float32], index: int) -> bool:
        num_blank = self._num_blank
        self._num_blank = num_blank + 1 if _is_blank(thumbnail) else 0
        # A blank start of the video is not between two shots.
        return not self._num_blank and _FLASH_FRAMES < num_blank < index

    def finish(self) -> list[int]:
        """Return the indices of the first frames of new shots, in order, without 0."""
        self._keep_lasting(self._watched)
        self._watched = []
        sudden = [i for i in self._lasting if _stands_out(self._steps, i)]
        return sorted({*sudden, *self._after_blank})


def make_thumbnail(frame: SourceFrame | NDArray[np.uint8]) -> NDArray[np.float32]:
    """Scale a frame (H, W, 3) down to (18, 32, 3).

    Most rows and columns are skipped: averaging all pixels of a large frame would cost
    as much as the rest of finding cuts.
    """
    rows, columns = _THUMBNAIL_SIZE[1], _THUMBNAIL_SIZE[0]
    frame = as_source_frame(frame)
    skip_rows = max(1, frame.height // (4 * rows))
    skip_columns = max(1, frame.width // (4 * columns))
    thinned = np.ascontiguousarray(frame.thinned(skip_rows, skip_columns))
    return cv2.resize(thinned, _THUMBNAIL_SIZE, interpolation=cv2.INTER_AREA).astype(
        np.float32
    )


def _difference(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    return float(np.abs(first - second).mean())


def _is_blank(thumbnail: NDArray[np.float32]) -> bool:
    return bool(thumbnail.std(axis=(0, 1)).max() < _BLANK_SPREAD)


def _stands_out(steps: list[float], index: int) -> bool:
    """Return whether a step is far above those around it.

    It is compared with the second largest on either side: another cut or flash nearby
    does not hide it, and a pan that repeats every other frame is still a pan.
    """
    before = steps[max(0, index - _NUM_NEIGHBOURS) : index]
    after = steps[index + 1 : index + 1 + _NUM_NEIGHBOURS]
    usual = max(sorted(side)[-2] if len(side) > 1 else 0.0 for side in (before, after))
    return steps[index] > _MIN_RATIO * usual
