"""The protocol of face detectors, and how one is built by its name."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mmdeepfake.errors import ConfigError

# Imported on demand: the packages that they need may not be installed.
_CLASSES = {
    'centerface': ('.centerface', 'CenterFaceDetector'),
    'dlib': ('.dlib_hog', 'DlibHogDetector'),
    'mmdet': ('.mmdetection', 'MMDetDetector'),
}
DETECTOR_NAMES = tuple(_CLASSES)


@dataclass(frozen=True, eq=False)
class Faces:
    """The faces found in one frame, in any order; possibly none.

    Attributes:
        boxes: (K, 4) float32 x1, y1, x2, y2 in pixels of the given frame.
        scores: (K,) float32 confidence in 0..1.
        points: (K, 5, 2) float32 pixels, see `structures.face_track.NUM_POINTS`, or
            None if the detector finds no points.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    points: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.boxes)


class FaceDetector(Protocol):
    """Finds faces in frames.

    Each worker process builds its own from a name and options, since networks cannot
    be sent between processes.
    """

    name: str

    def detect(self, frames: Sequence[NDArray[np.uint8]]) -> list[Faces]:
        """Find the faces of each frame; frames are (H, W, 3) RGB, all of one size."""
        ...


def build_detector(name: str, **options: Any) -> FaceDetector:
    """Build a face detector.

    Args:
        name: one of `DETECTOR_NAMES`.
        options: arguments of that detector's class, see its docstring.

    Raises:
        ConfigError: the name or an option is unknown or out of range, or a package
            that the detector needs is not installed.
    """
    if name not in _CLASSES:
        raise ConfigError(
            f'detector {name!r} is unknown; allowed are '
            + ', '.join(map(repr, DETECTOR_NAMES))
        )
    module, class_name = _CLASSES[name]
    detector_class = getattr(importlib.import_module(module, __package__), class_name)
    signature = inspect.signature(detector_class)
    try:
        signature.bind(**options)
    except TypeError as error:
        raise ConfigError(
            f'options of detector {name!r}: {error}; allowed are '
            + ', '.join(map(repr, signature.parameters))
        ) from error
    return detector_class(**options)
