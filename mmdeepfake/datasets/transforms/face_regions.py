"""Regions of the face, drawn from its landmarks as a fourth channel.

A channel is cropped, stacked and batched with its frame, so models need no extra input.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from numpy.typing import NDArray

from mmdeepfake.datasets.argument_checks import check_argument
from mmdeepfake.errors import ConfigError, DataError
from mmdeepfake.registry import TRANSFORMS
from mmdeepfake.structures.face_landmarks import LEFT_EYE, MOUTH, NOSE, RIGHT_EYE

_FRACTION_BITS = 4  # sub-pixel precision of OpenCV's drawing
_EYE_GROWTH = 1.6  # ours; includes the lids
# Parts that DIANet reads, by their bit in the channel.
PARTS = (RIGHT_EYE, LEFT_EYE, NOSE, MOUTH)


def draw_attention(
    points: NDArray[np.floating], *, height: int, width: int, blur_ratio: float
) -> NDArray[np.float32]:
    """Draw ADDNet's attention mask: a grey face with bright eyes, nose and mouth.

    The convex hull of all points has half the brightness; the enlarged eyes and the
    hull of nose and mouth add the other half. The mask is then blurred.

    Args:
        points: (68, 2) x and y of one frame, in pixels.
        height: height of the frame.
        width: width of the frame.
        blur_ratio: standard deviation of the blur, in widths.

    Returns:
        (H, W) float32 in [0, 1].
    """
    face = np.zeros((height, width), np.float32)
    bright = np.zeros((height, width), np.float32)
    _fill_hull(face, points)
    for eye in (points[RIGHT_EYE], points[LEFT_EYE]):
        centre = eye.mean(axis=0)
        _fill_hull(bright, centre + _EYE_GROWTH * (eye - centre))
    _fill_hull(bright, np.concatenate((points[NOSE], points[MOUTH])))
    return cv2.GaussianBlur((face + bright) / 2, (0, 0), blur_ratio * width)


def _fill_hull(canvas: NDArray[np.float32], points: NDArray[np.floating]) -> None:
    fixed = np.rint(points * 2**_FRACTION_BITS).astype(np.int32)
    cv2.fillConvexPoly(canvas, cv2.convexHull(fixed), 1.0, shift=_FRACTION_BITS)


def box_parts(
    points: NDArray[np.floating], *, height: int, width: int, growth: float
) -> NDArray[np.int64]:
    """Box each of `PARTS`, inside the frame and at least one pixel large.

    Args:
        points: (68, 2) x and y of one frame, in pixels.
        height: height of the frame.
        width: width of the frame.
        growth: side of a box over the extent of its points.

    Returns:
        (4, 4) integer x1, y1, x2, y2, the last two exclusive.
    """
    boxes = np.empty((len(PARTS), 4), np.int64)
    size = np.array([width, height])
    for box, part in zip(boxes, PARTS, strict=True):
        low, high = points[part].min(axis=0), points[part].max(axis=0)
        middle, half = (low + high) / 2, growth * (high - low) / 2
        # A point is the centre of its pixel, which extends half a pixel further.
        first = np.clip(np.rint(middle - half), 0, size - 1)
        box[:2] = first
        box[2:] = np.clip(np.rint(middle + half) + 1, first + 1, size)
    return boxes


def mark_parts(
    boxes: NDArray[np.integer], *, height: int, width: int
) -> NDArray[np.uint8]:
    """Set one bit per box in its pixels: (H, W) uint8."""
    marks = np.zeros((height, width), np.uint8)
    for bit, (x1, y1, x2, y2) in enumerate(boxes):
        marks[y1:y2, x1:x2] |= 1 << bit
    return marks


class _DrawFromLandmarks(BaseTransform):
    """Append a fourth channel drawn from the landmarks of a frame.

    Required keys: imgs, (H, W, 3) each, and face_landmarks (see `LoadFaceLandmarks`,
    which comes before it). Changed key: imgs, (H, W, 4) uint8 each.
    """

    added_channels: ClassVar[int] = 1

    def transform(self, results: dict) -> dict:
        """Append the channel."""
        name = type(self).__name__
        if 'face_landmarks' not in results:
            raise ConfigError(f'{name}: no landmarks; put LoadFaceLandmarks before it')
        frames: Sequence[NDArray[np.uint8]] = results['imgs']
        if frames[0].shape[-1] != 3:
            raise DataError(
                f'{name}: frames of shape {frames[0].shape}; needs three channels'
            )
        results['imgs'] = [
            np.dstack((frame, self._draw(points, *frame.shape[:2])))
            for frame, points in zip(frames, results['face_landmarks'], strict=True)
        ]
        return results

    @abstractmethod
    def _draw(self, points: NDArray, height: int, width: int) -> NDArray[np.uint8]:
        """Draw the channel: (height, width)."""


@TRANSFORMS.register_module()
class FaceAttentionMask(_DrawFromLandmarks):
    """Append ADDNet's attention mask, 0 to 255; see `draw_attention`.

    Args:
        blur_ratio: standard deviation of the mask's blur over the frame's width.
    """

    def __init__(self, blur_ratio: float = 0.04) -> None:
        check_argument(self, blur_ratio > 0, 'numbers > 0', blur_ratio=blur_ratio)
        self.blur_ratio = blur_ratio

    def _draw(self, points: NDArray, height: int, width: int) -> NDArray[np.uint8]:
        mask = draw_attention(
            points, height=height, width=width, blur_ratio=self.blur_ratio
        )
        return np.rint(255 * mask).astype(np.uint8)


@TRANSFORMS.register_module()
class MarkFacialParts(_DrawFromLandmarks):
    """Append the boxes of eyes, nose and mouth as bits of a channel.

    The bits are: right eye (of the person), left eye, nose, mouth. Boxes may overlap.

    Args:
        growth: side of a box over the extent of its landmarks.
    """

    def __init__(self, growth: float = 1.4) -> None:
        check_argument(self, growth > 0, 'numbers > 0', growth=growth)
        self.growth = growth

    def _draw(self, points: NDArray, height: int, width: int) -> NDArray[np.uint8]:
        size = dict(height=height, width=width)
        return mark_parts(box_parts(points, growth=self.growth, **size), **size)
