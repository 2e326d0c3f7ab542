"""Landmarks of the sampled frames, transformed like their pixels."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from mmcv.transforms import BaseTransform
from numpy.typing import NDArray

from mmdeepfake.errors import ConfigError, DataError
from mmdeepfake.registry import TRANSFORMS
from mmdeepfake.structures.face_landmarks import MIRRORED, read_landmarks

from .cropping import source_indices_of_samples

# Keys left by cropping steps of MMAction2 that are not supported here.
_UNKNOWN_CROPS = ('crop_quadruple', 'crop_bbox')


def move_into_crop(
    points: NDArray[np.floating],
    crop_boxes_x1y1x2y2_px: NDArray[np.integer],
    *,
    height: int,
    width: int,
) -> NDArray[np.float32]:
    """Map points of uncropped frames into the cropped and resized frames.

    x = 0 is the centre of the first column; a resize by s maps x to
    (x + 1/2) s - 1/2, as OpenCV does.

    Args:
        points: (M, K, 2) x and y of K points in each of M frames.
        crop_boxes_x1y1x2y2_px: (M, 4), the last two exclusive.
        height: height of the resized frames.
        width: width of the resized frames.

    Returns:
        (M, K, 2) float32; points outside the crop stay outside.
    """
    corners = crop_boxes_x1y1x2y2_px.astype(np.float64)[:, None]  # (M, 1, 4)
    sides = corners[..., 2:] - corners[..., :2]
    scale = np.array([width, height]) / sides
    return ((points - corners[..., :2] + 0.5) * scale - 0.5).astype(np.float32)


def mirror_landmarks(points: NDArray[np.floating], *, width: int) -> NDArray:
    """Flip (M, 68, 2) points horizontally, swapping left and right landmarks."""
    mirrored = points[:, MIRRORED].copy()
    mirrored[..., 0] = width - 1 - mirrored[..., 0]
    return mirrored


@TRANSFORMS.register_module()
class LoadFaceLandmarks(BaseTransform):
    """Load the landmarks of the sampled frames, in pixels of the current frames.

    Place it after every step that moves pixels (`CropFace`, `Resize`, `Flip`): it
    applies what those steps recorded. A flip also swaps left and right points.

    Required keys: imgs, img_shape, frame_inds, landmarks (path of the file); optional:
        crop_boxes, original_shape, flip, flip_direction, source_frames.
    Added key: face_landmarks, (N * T, 68, 2) float32 x and y, one row for each of
        `imgs`; x = 0 is the centre of the first column of pixels.

    Raises:
        DataError: the video has no landmarks, or not for all of its frames.
        ConfigError: an earlier step cropped the frames in an unsupported way.
    """

    # Fields that a VideoRecord must have; datasets check them before a run.
    needed_files: ClassVar[tuple[str, ...]] = ('landmarks',)

    def transform(self, results: dict) -> dict:
        """Add the points."""
        self._reject_unsupported_steps(results)
        name = results.get('filename', results.get('frame_dir'))
        if results.get('landmarks') is None:
            raise DataError(
                f'LoadFaceLandmarks: video {name!r} has no landmarks; prepare the '
                'faces with tools/prepare.py --landmarks'
            )
        points = read_landmarks(results['landmarks'])
        sampled = source_indices_of_samples(results)
        if sampled.max() >= len(points):
            raise DataError(
                f'video {name!r}: sampled frame {sampled.max()}, but only '
                f'{len(points)} frames have landmarks; prepare this video again'
            )
        results['face_landmarks'] = self._transform_points(points[sampled], results)
        return results

    @staticmethod
    def _transform_points(
        points: NDArray[np.float32], results: dict
    ) -> NDArray[np.float32]:
        height, width = results['img_shape']
        crops = results.get('crop_boxes')
        if crops is None:
            rows, columns = results.get('original_shape', results['img_shape'])
            crops = np.array([[0, 0, columns, rows]]).repeat(len(points), axis=0)
        points = move_into_crop(points, crops, height=height, width=width)
        return mirror_landmarks(points, width=width) if results.get('flip') else points

    @staticmethod
    def _reject_unsupported_steps(results: dict) -> None:
        found = [key for key in _UNKNOWN_CROPS if key in results]
        if results.get('flip') and results.get('flip_direction') != 'horizontal':
            found.append(f'flip_direction={results.get("flip_direction")!r}')
        if found:
            raise ConfigError(
                f'LoadFaceLandmarks: unsupported {", ".join(found)} of an earlier '
                'step; supported are CropFace, Resize and a horizontal Flip'
            )
