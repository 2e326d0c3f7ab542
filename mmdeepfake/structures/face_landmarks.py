"""The 68 facial landmarks: their groups, mirroring, and file.

The points are those of 300-W (Sagonas et al., ICCV Workshops 2013): "right" is the
person's right, left in the image.
"""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.files.array_reading import read_array

NUM_LANDMARKS = 68
JAW = slice(0, 17)  # from the person's right ear via the chin to the left ear
BROWS = slice(17, 27)
NOSE = slice(27, 36)  # four points on the bridge, five below the tip
RIGHT_EYE = slice(36, 42)
LEFT_EYE = slice(42, 48)
MOUTH = slice(48, 68)
INNER_FACE = slice(17, 68)  # without the jaw, whose points slide along the outline
_NUM_WITH_FOREHEAD = 81  # in DeepfakeBench; the first 68 are the same


def _mirror_points() -> NDArray[np.int64]:
    # Runs of points that mirroring reverses.
    reversed_runs = ((0, 17), (17, 27), (31, 36), (48, 55), (55, 60), (60, 65))
    order = np.arange(NUM_LANDMARKS)
    for start, end in (*reversed_runs, (65, 68)):
        order[start:end] = np.arange(start, end)[::-1]
    # Eyes swap: a corner, two of the upper lid, a corner, two of the lower lid.
    order[36:42] = (45, 44, 43, 42, 47, 46)
    order[42:48] = (39, 38, 37, 36, 41, 40)
    return order


# points[MIRRORED] reorders the points of a horizontally flipped face.
MIRRORED = _mirror_points()
MIRRORED.setflags(write=False)


def read_landmarks(path: str | os.PathLike[str]) -> NDArray[np.float32]:
    """Read the landmarks that preparation stores beside a face clip.

    Args:
        path: an .npz archive with `points`, or an .npy file. Of the 81 points a frame
            of DeepfakeBench, the last 13 (forehead) are dropped.

    Returns:
        (F, 68, 2) float32 x and y in pixels of the clip's frames.

    Raises:
        DataNotFoundError: the file does not exist.
        DataError: it is damaged or holds no landmarks.
    """
    name = os.fspath(path)
    if not os.path.isfile(path):
        raise DataNotFoundError(f'no landmark file {os.path.abspath(name)!r}')
    try:
        points = read_array(path, name='points')
    except (OSError, ValueError) as error:
        raise DataError(
            f'landmark file {name!r} is damaged or not a landmark file ({error}); '
            'prepare this video again'
        ) from error
    shape = points.shape
    counts = (NUM_LANDMARKS, _NUM_WITH_FOREHEAD)
    if len(shape) != 3 or shape[1] not in counts or shape[2] != 2:
        raise DataError(
            f'landmark file {name!r} holds an array of shape {shape}; expected is '
            f'(F, {NUM_LANDMARKS}, 2) or (F, {_NUM_WITH_FOREHEAD}, 2)'
        )
    points = np.asarray(points[:, :NUM_LANDMARKS], np.float32)
    if not np.isfinite(points).all():
        raise DataError(
            f'landmark file {name!r} holds points that are not finite; prepare this '
            'video again'
        )
    return points
