"""What a face detector is to the rest of the preparation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Faces:
    """The faces found in one frame, in any order; there may be none.

    Attributes:
        boxes: (K, 4) float32 x1, y1, x2, y2 in pixels of the frame that was given.
        scores: (K,) float32 confidence in 0..1.
        points: (K, 5, 2) float32 pixels, see `structures.face_track.NUM_POINTS`, or
            None where the detector tells none.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    points: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.boxes)


class FaceDetector(Protocol):
    """Finds faces in frames.

    Made anew in every worker process from its name and options, since networks cannot
    be sent between processes.
    """

    name: str

    def detect(self, frames: Sequence[NDArray[np.uint8]]) -> list[Faces]:
        """Find the faces of each frame; frames are (H, W, 3) RGB, all of one size."""
        ...
