"""dlib's frontal face detector: histograms of gradients and a linear classifier.

Slower than CenterFace, misses profiles and small faces, and gives no points; most
earlier work on these datasets used it. Its boxes end at the brows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mmdeepfake.errors import ConfigError

from .detector import Faces


class DlibHogDetector:
    """Finds upright frontal faces, by dlib.

    Args:
        min_score: minimum confidence of a face, above 0 and below 1: the logistic
            function of dlib's margin, so that 0.5 is dlib's own threshold.
        num_upsamplings: number of times that frames are doubled in size first. Faces
            need 80 pixels then; each doubling takes four times as long.
    """

    name = 'dlib'

    def __init__(self, *, min_score: float = 0.3, num_upsamplings: int = 1) -> None:
        if not 0 < min_score < 1:
            raise ConfigError(
                f"min_score {min_score} of detector 'dlib': allowed is above 0 and "
                'below 1'
            )
        if num_upsamplings not in range(5):
            raise ConfigError(
                f"num_upsamplings {num_upsamplings} of detector 'dlib': allowed are 0 "
                'to 4'
            )
        self._run = import_dlib("detector 'dlib'").get_frontal_face_detector().run
        self._min_margin = math.log(min_score / (1 - min_score))
        self._num_upsamplings = num_upsamplings

    def detect(self, frames: Sequence[NDArray[np.uint8]]) -> list[Faces]:
        """Find the faces of each frame, (H, W, 3) RGB."""
        return [self._detect_in(np.ascontiguousarray(frame)) for frame in frames]

    def _detect_in(self, frame: NDArray[np.uint8]) -> Faces:
        found, margins, _ = self._run(frame, self._num_upsamplings, self._min_margin)
        height, width = frame.shape[:2]
        boxes = np.array(
            # dlib's last row and column are inclusive.
            [[r.left(), r.top(), r.right() + 1, r.bottom() + 1] for r in found],
            np.float32,
        ).reshape(-1, 4)
        boxes = boxes.clip(0, np.array([width, height] * 2, np.float32))
        scores = 1 / (1 + np.exp(-np.array(margins, np.float32)))
        inside = (boxes[:, :2] < boxes[:, 2:]).all(1)
        return Faces(boxes[inside], scores[inside])


def import_dlib(needed_by: str):
    """Import dlib; raise a ConfigError that names the package if it is missing."""
    try:
        import dlib
    except ImportError as error:
        raise ConfigError(
            f"{needed_by} needs dlib ({error}): pip install 'mmdeepfake[dlib]', or "
            'pip install dlib-bin'
        ) from error
    return dlib
