"""Landmarks of the sampled frames, brought to where the pixels have gone."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from mmcv.transforms import BaseTransform
from numpy.typing import NDArray

from mmdeepfake.errors import ConfigError, DataError
from mmdeepfake.registry import TRANSFORMS
from mmdeepfake.structures.face_landmarks import MIRRORED, read_landmarks

from .cropping import source_indices_of_samples

# What steps of MMAction2 leave behind that cut frames in ways not followed here.
_UNKNOWN_CROPS = ('crop_quadruple', 'crop_bbox')


def move_into_crop(
    points: NDArray[np.floating],
    crop_boxes_x1y1x2y2_px: NDArray[np.integer],
    *,
    height: int,
    width: int,
) -> NDArray[np.float32]:
    """Tell where points of uncut frames lie once these are cut and resized.

    A point is where a pixel's middle is, so x = 0 is the middle of the first column;
    a resize by s takes x to (x + 1/2) s - 1/2, as OpenCV's does.

    Args:
        points: (M, K, 2) x and y of K points in each of M frames.
        crop_boxes_x1y1x2y2_px: (M, 4), the last two exclusive.
        height: of the frames after the resize, in pixels.
        width: of them.

    Returns:
        (M, K, 2) float32; points beyond the crop's border keep their place outside.
    """
    corners = crop_boxes_x1y1x2y2_px.astype(np.float64)[:, None]  # (M, 1, 4)
    sides = corners[..., 2:] - corners[..., :2]
    scale = np.array([width, height]) / sides
    return ((points - corners[..., :2] + 0.5) * scale - 0.5).astype(np.float32)


def mirror_landmarks(points: NDArray[np.floating], *, width: int) -> NDArray:
    """Mirror 68 points with the frame, so that each keeps its meaning: (M, 68, 2).

    The person's right eye becomes the left one of the mirrored face, point by point.
    """
    mirrored = points[:, MIRRORED].copy()
    mirrored[..., 0] = width - 1 - mirrored[..., 0]
    return mirrored


@TRANSFORMS.register_module()
class LoadFaceLandmarks(BaseTransform):
    """Read the landmarks of the sampled frames, in pixels of the frames as they are.

    Stands behind every step that moves pixels (`CropFace`, `Resize`, `Flip`) and does
    what they did, once, from what they recorded: whether a frame was flipped is decided
    in one place, and followed here. A flip swaps left and right points as well.

    Required keys: imgs, img_shape, frame_inds, landmarks (the file's path); optional:
        crop_boxes, original_shape, flip, flip_direction, source_frames.
    Added key: face_landmarks, (N * T, 68, 2) float32 x and y, one row for each of
        `imgs`; x = 0 is the middle of the first column of pixels.

    Raises:
        DataError: the video has no landmarks, or not for all of its frames.
        ConfigError: a step before this one cut the frames in a way that is not known.
    """

    # Fields of a VideoRecord without which a video cannot be used; datasets check them
    # before a run starts.
    needed_files: ClassVar[tuple[str, ...]] = ('landmarks',)

    def transform(self, results: dict) -> dict:
        """Add the points; see the class for the keys."""
        self._refuse_unknown_steps(results)
        name = results.get('filename', results.get('frame_dir'))
        if results.get('landmarks') is None:
            raise DataError(
                f'video {name!r} has no landmarks, and LoadFaceLandmarks needs them: '
                'prepare the faces with tools/prepare.py --landmarks'
            )
        points = read_landmarks(results['landmarks'])
        sampled = source_indices_of_samples(results)
        if sampled.max() >= len(points):
            raise DataError(
                f'video {name!r}: frame {sampled.max()} was sampled, but there are '
                f'landmarks for {len(points)} frames only; prepare this video again'
            )
        results['face_landmarks'] = self._follow(points[sampled], results)
        return results

    @staticmethod
    def _follow(points: NDArray[np.float32], results: dict) -> NDArray[np.float32]:
        height, width = results['img_shape']
        crops = results.get('crop_boxes')
        if crops is None:
            rows, columns = results.get('original_shape', results['img_shape'])
            crops = np.array([[0, 0, columns, rows]]).repeat(len(points), axis=0)
        points = move_into_crop(points, crops, height=height, width=width)
        return mirror_landmarks(points, width=width) if results.get('flip') else points

    @staticmethod
    def _refuse_unknown_steps(results: dict) -> None:
        found = [key for key in _UNKNOWN_CROPS if key in results]
        if results.get('flip') and results.get('flip_direction') != 'horizontal':
            found.append(f'flip_direction={results.get("flip_direction")!r}')
        if found:
            raise ConfigError(
                f'LoadFaceLandmarks: a step before it left {", ".join(found)}, which '
                'the landmarks cannot follow; allowed before it are CropFace, Resize '
                'and a horizontal Flip'
            )

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'
