"""Regions of the face, drawn from its landmarks into a channel beside the colours.

As a fourth channel a region is cut, stacked and batched with its frame, and no model
has to be handed anything but frames.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from numpy.typing import NDArray

from mmdeepfake.errors import ConfigError, DataError
from mmdeepfake.registry import TRANSFORMS
from mmdeepfake.structures.face_landmarks import LEFT_EYE, MOUTH, NOSE, RIGHT_EYE

_FRACTION_BITS = 4  # of a pixel, in OpenCV's drawing
_EYE_GROWTH = 1.6  # ours; a bright eye takes in its lids
# Parts that DIANet looks at, by the bit that marks them in the channel.
PARTS = (RIGHT_EYE, LEFT_EYE, NOSE, MOUTH)


def draw_attention(
    points: NDArray[np.floating], *, height: int, width: int, blur_ratio: float
) -> NDArray[np.float32]:
    """Draw ADDNet's mask: a grey face with bright eyes and a bright middle, blurred.

    Half the brightness is the convex hull of all points; the other half that of the
    eyes, grown, and the hull of nose and mouth.

    Args:
        points: (68, 2) x and y of one frame, in pixels.
        height: of the frame.
        width: of the frame.
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
    """Put a box around each of `PARTS`, inside the frame and at least a pixel large.

    Args:
        points: (68, 2) x and y of one frame, in pixels.
        height: of the frame.
        width: of the frame.
        growth: sides of a box over the extent of its points, around their middle.

    Returns:
        (4, 4) x1, y1, x2, y2 in whole pixels, the last two exclusive.
    """
    boxes = np.empty((len(PARTS), 4), np.int64)
    size = np.array([width, height])
    for box, part in zip(boxes, PARTS, strict=True):
        low, high = points[part].min(axis=0), points[part].max(axis=0)
        middle, half = (low + high) / 2, growth * (high - low) / 2
        # A point is the middle of its pixel: the pixel reaches half a pixel further.
        first = np.clip(np.rint(middle - half), 0, size - 1)
        box[:2] = first
        box[2:] = np.clip(np.rint(middle + half) + 1, first + 1, size)
    return boxes


def mark_parts(
    boxes: NDArray[np.integer], *, height: int, width: int
) -> NDArray[np.uint8]:
    """Mark the pixels of each box by a bit of its own: (H, W) uint8."""
    marks = np.zeros((height, width), np.uint8)
    for bit, (x1, y1, x2, y2) in enumerate(boxes):
        marks[y1:y2, x1:x2] |= 1 << bit
    return marks


class _DrawFromLandmarks(BaseTransform):
    """Append what is drawn from the landmarks of a frame as a fourth channel.

    Required keys: imgs, (H, W, 3) each, and face_landmarks (see `LoadFaceLandmarks`,
    which comes before it). Changed key: imgs, (H, W, 4) uint8 each.
    """

    added_channels: ClassVar[int] = 1

    def transform(self, results: dict) -> dict:
        """Append the channel."""
        name = type(self).__name__
        if 'face_landmarks' not in results:
            raise ConfigError(
                f'{name}: no landmarks have been loaded; put LoadFaceLandmarks before '
                'it in the pipeline'
            )
        frames: Sequence[NDArray[np.uint8]] = results['imgs']
        if frames[0].shape[-1] != 3:
            raise DataError(
                f'{name}: frames of shape {frames[0].shape}; needed are three channels'
            )
        results['imgs'] = [
            np.dstack((frame, self._draw(points, *frame.shape[:2])))
            for frame, points in zip(frames, results['face_landmarks'], strict=True)
        ]
        return results

    @abstractmethod
    def _draw(self, points: NDArray, height: int, width: int) -> NDArray[np.uint8]:
        """Draw what stands beside the colours: (height, width)."""


@TRANSFORMS.register_module()
class FaceAttentionMask(_DrawFromLandmarks):
    """Append ADDNet's attention mask, 0 to 255; see `draw_attention`.

    Required keys: imgs, face_landmarks. Changed key: imgs, (H, W, 4) uint8 each.

    Args:
        blur_ratio: standard deviation of the mask's blur over the frame's width.
    """

    def __init__(self, blur_ratio: float = 0.04) -> None:
        if not blur_ratio > 0:
            raise ConfigError(
                f'FaceAttentionMask: blur_ratio={blur_ratio!r}; allowed is a number '
                'above 0'
            )
        self.blur_ratio = blur_ratio

    def _draw(self, points: NDArray, height: int, width: int) -> NDArray[np.uint8]:
        mask = draw_attention(
            points, height=height, width=width, blur_ratio=self.blur_ratio
        )
        return np.rint(255 * mask).astype(np.uint8)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(blur_ratio={self.blur_ratio})'


@TRANSFORMS.register_module()
class MarkFacialParts(_DrawFromLandmarks):
    """Append the boxes of eyes, nose and mouth, each a bit of the channel.

    Bit 0 is the person's right eye, then left eye, nose and mouth; boxes may overlap.

    Required keys: imgs, face_landmarks. Changed key: imgs, (H, W, 4) uint8 each.

    Args:
        growth: sides of a box over the extent of its landmarks.
    """

    def __init__(self, growth: float = 1.4) -> None:
        if not growth > 0:
            raise ConfigError(
                f'MarkFacialParts: growth={growth!r}; allowed is a number above 0'
            )
        self.growth = growth

    def _draw(self, points: NDArray, height: int, width: int) -> NDArray[np.uint8]:
        size = dict(height=height, width=width)
        return mark_parts(box_parts(points, growth=self.growth, **size), **size)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(growth={self.growth})'
