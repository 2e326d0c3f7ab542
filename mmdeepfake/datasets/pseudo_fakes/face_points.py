"""The five points of a face track, moved like their pixels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mmdeepfake.datasets.transforms.cropping import source_indices_of_samples
from mmdeepfake.datasets.transforms.load_face_landmarks import move_into_crop
from mmdeepfake.errors import ConfigError, DataError
from mmdeepfake.structures import FaceTrack


def read_face_points(item: Mapping) -> NDArray[np.float32]:
    """Read the points of an item's track: (F, 5, 2) pixels of its stored frames.

    Raises:
        DataError: the video has none.
    """
    points = None
    if item.get('track_file') is not None:
        points = FaceTrack.load(item['track_file']).points_in_clip()
    if points is None:
        name = item.get('video_key', item.get('filename'))
        raise DataError(
            f'video {name} has no face points; prepare the faces with tools/prepare.py '
            'and a detector that finds them (centerface, the default)'
        )
    return points


def locate_face_points(results: dict) -> NDArray[np.float32]:
    """Return the points of the sampled frames: (N * T, 5, 2) pixels of the frames.

    Args:
        results: of a pipeline after `DecodeFrames`, `CropFace` and `Resize`.

    Raises:
        DataError: the video has no points, or not for all of its frames.
        ConfigError: the frames were flipped.
    """
    if results.get('flip'):
        raise ConfigError('points do not follow Flip: put pseudo-fakes before it')
    points = read_face_points(results)
    sampled = source_indices_of_samples(results)
    if sampled.max() >= len(points):
        raise DataError(
            f'video {results.get("video_key")}: sampled frame {sampled.max()}, but '
            f'only {len(points)} frames have points; prepare this video again'
        )
    height, width = results['img_shape']
    crops = results.get('crop_boxes')
    if crops is None:
        rows, columns = results.get('original_shape', results['img_shape'])
        crops = np.array([[0, 0, columns, rows]]).repeat(len(sampled), axis=0)
    return move_into_crop(points[sampled], crops, height=height, width=width)
