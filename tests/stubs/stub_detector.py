"""A face detector for made-up videos: a face is a bright green rectangle."""

from __future__ import annotations

import os
import signal

import cv2
import numpy as np

from mmdeepfake.faces.detection import Faces

GREEN = (30, 230, 40)
# A frame of this colour makes the detector end its process, as a crash would.
DEADLY = (250, 0, 250)


class StubDetector:
    """Finds green rectangles of ten pixels or more."""

    name = 'stub'

    def __init__(self, needs=None):
        if needs is not None:
            from mmdeepfake.errors import ConfigError

            raise ConfigError(f'the stub needs {needs}')

    def detect(self, frames):
        return [self._find(frame) for frame in frames]

    def _find(self, frame):
        red, green, blue = (frame[..., i].astype(int) for i in range(3))
        if (np.abs(frame[0, 0].astype(int) - DEADLY) < 40).all():
            os.kill(os.getpid(), signal.SIGKILL)
        mask = (green - np.maximum(red, blue) > 80).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(mask)
        boxes = [(x, y, x + w, y + h) for x, y, w, h, _ in stats[1:] if min(w, h) > 9]
        return Faces(
            np.array(boxes, np.float32).reshape(-1, 4),
            np.full(len(boxes), 0.9, np.float32),
        )


def build_stub(name, **options):
    """Stand in for `build_detector`."""
    return StubDetector(**options)
