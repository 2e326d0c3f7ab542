"""The five points of a face track, moved like their pixels."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from mmcv.transforms import BaseTransform
from numpy.typing import NDArray

from mmdeepfake.errors import DataError
from mmdeepfake.registry import TRANSFORMS
from mmdeepfake.structures import FaceTrack

from .cropping import source_indices_of_samples
from .load_face_landmarks import move_into_crop


def read_face_points(item: dict) -> NDArray[np.float32]:
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


@TRANSFORMS.register_module()
class LoadFacePoints(BaseTransform):
    """Load the five points of the sampled frames, in pixels of the current frames.

    Place it after `CropFace` and `Resize`, and before any flip.

    Required keys: imgs, img_shape, frame_inds, track_file; optional: crop_boxes,
        original_shape, source_frames.
    Added key: face_points, (N * T, 5, 2) float32; see `FaceTrack`.

    Raises:
        DataError: the video has no points.
    """

    needed_files: ClassVar[tuple[str, ...]] = ('track_file',)

    def transform(self, results: dict) -> dict:
        """Add the points."""
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
        results['face_points'] = move_into_crop(
            points[sampled], crops, height=height, width=width
        )
        return results
