"""Cutting the face out of the frames, with a box that is fixed within a snippet.

A box of its own for every frame turns the face detector's noise into apparent motion of
the whole picture, which is the very signal that a temporal network reads; a box fixed
over the snippet keeps the true motion of the head alone. So `box='snippet'` is the
default, and our choice: the RATF paper says only that faces are detected.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from mmcv.transforms import BaseTransform

from mmdeepfake.errors import ConfigError, DataError
from mmdeepfake.registry import TRANSFORMS
from mmdeepfake.structures.face_square import square_inside_frame


def mean_box_of_snippet(boxes: np.ndarray) -> np.ndarray:
    """Average the boxes over each snippet's T frames: (N, T, 4) -> (N, T, 4)."""
    return np.broadcast_to(boxes.mean(axis=1, keepdims=True), boxes.shape)


def union_box_of_video(boxes: np.ndarray) -> np.ndarray:
    """Take the smallest box around all of the boxes: (N, T, 4) -> (N, T, 4)."""
    low = boxes[..., :2].min(axis=(0, 1))
    high = boxes[..., 2:].max(axis=(0, 1))
    return np.broadcast_to(np.concatenate((low, high)), boxes.shape)


_BOX_RULES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    'frame': lambda boxes: boxes,
    'snippet': mean_box_of_snippet,
    'video': union_box_of_video,
}


def centre_square(*, ratio: float, height: int, width: int) -> np.ndarray:
    """Give the square in the frame's middle, its side `ratio` of the shorter side."""
    middle = np.array([[width, height, width, height]]) / 2
    half = min(height, width) * ratio / 2
    return square_inside_frame(
        middle + np.array([-half, -half, half, half]),
        margin_ratio=1.0,
        height=height,
        width=width,
    )


@TRANSFORMS.register_module()
class CropFace(BaseTransform):
    """Cut one square around the face out of every frame.

    Stands between `DecodeFrames` and a `Resize` with `keep_ratio=False`. Videos
    prepared as face clips, whose frames are the crop, need none.

    Required keys: imgs, img_shape, frame_inds, num_clips, clip_len; optional:
    face_boxes, (F, 4) or (1, 4) pixels for all F frames of the video, or one for all,
    and source_frames (see `CorruptVideo`).
    Changed keys: imgs, img_shape.
    Added keys: crop_boxes, (N * T, 4) int64 pixels of the uncut frame.

    Args:
        margin_ratio: side of the square over the longer side of the face box: a number
            (1.3 is common at test), or a range (low, high) out of which one is drawn
            for each video.
        box: where the box of a frame comes from: 'snippet' (the mean over its snippet),
            'video' (around all the sampled frames: no motion of the crop at all, but a
            moving head becomes small) or 'frame' (its own).
        fallback: what is taken where no boxes are known: 'centre', a square in the
            middle, or 'whole', the uncut frame (which `Resize` then distorts, unless it
            is square).
        centre_ratio: side of that middle square over the frame's shorter side.
    """

    def __init__(
        self,
        margin_ratio: float | tuple[float, float] = 1.3,
        box: str = 'snippet',
        fallback: str = 'centre',
        centre_ratio: float = 1.0,
    ) -> None:
        margins = (
            margin_ratio
            if isinstance(margin_ratio, tuple | list)
            else 2 * (margin_ratio,)
        )
        if len(margins) != 2 or not 0 < margins[0] <= margins[1]:
            raise ConfigError(
                f'CropFace: margin_ratio={margin_ratio!r}; allowed is a number above 0 '
                'or a range (low, high) of them'
            )
        if box not in _BOX_RULES:
            raise ConfigError(
                f'CropFace: box={box!r}; allowed are '
                + ', '.join(map(repr, _BOX_RULES))
            )
        if fallback not in ('centre', 'whole'):
            raise ConfigError(
                f"CropFace: fallback={fallback!r}; allowed are 'centre', 'whole'"
            )
        if not 0 < centre_ratio <= 1:
            raise ConfigError(
                f'CropFace: centre_ratio={centre_ratio!r}; allowed is 0 < ratio <= 1'
            )
        self.margin_range = tuple(margins)
        self.box = box
        self.fallback = fallback
        self.centre_ratio = centre_ratio

    def transform(self, results: dict) -> dict:
        """Crop; see the class for the keys."""
        crops = self._crop_boxes(results)  # (N * T, 4)
        # Views: `Resize` reads them where they lie, and a copy of all takes nine tenths
        # of the time here.
        results['imgs'] = [
            frame[y1:y2, x1:x2]
            for frame, (x1, y1, x2, y2) in zip(results['imgs'], crops, strict=True)
        ]
        results['crop_boxes'] = crops
        # With box='frame' sizes differ until `Resize`; the first stands for all.
        results['img_shape'] = results['imgs'][0].shape[:2]
        return results

    def _crop_boxes(self, results: dict) -> np.ndarray:
        height, width = results['img_shape']
        face_boxes = results.get('face_boxes')
        if face_boxes is not None:
            sampled = _boxes_of_sampled_frames(np.asarray(face_boxes, float), results)
            return square_inside_frame(
                _BOX_RULES[self.box](sampled).reshape(-1, 4),
                margin_ratio=np.random.uniform(*self.margin_range),
                height=height,
                width=width,
            )
        if self.fallback == 'whole':
            one = np.array([[0, 0, width, height]], dtype=np.int64)
        else:
            one = centre_square(ratio=self.centre_ratio, height=height, width=width)
        return one.repeat(len(results['imgs']), axis=0)

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(margin_ratio={self.margin_range}, '
            f'box={self.box!r}, fallback={self.fallback!r}, '
            f'centre_ratio={self.centre_ratio})'
        )


def source_indices_of_samples(results: dict) -> np.ndarray:
    """Tell which frame of the stored video each sampled frame is: (N * T,) int64."""
    frame_inds = np.asarray(results['frame_inds']) - results.get('start_index', 0)
    if 'source_frames' in results:  # of a corrupted video, some frames are lost
        frame_inds = results['source_frames'][frame_inds]
    return frame_inds


def _boxes_of_sampled_frames(face_boxes: np.ndarray, results: dict) -> np.ndarray:
    """Pick each sampled frame's box: (F, 4) or (1, 4) -> (N, T, 4)."""
    frame_inds = source_indices_of_samples(results)
    if len(face_boxes) == 1:
        frame_inds = np.zeros_like(frame_inds)
    elif frame_inds.max() >= len(face_boxes):
        raise DataError(
            f'video {results.get("filename", results.get("frame_dir"))!r}: frame '
            f'{frame_inds.max()} was sampled, but there are face boxes for '
            f'{len(face_boxes)} frames only; prepare this video again'
        )
    return face_boxes[frame_inds].reshape(results['num_clips'], results['clip_len'], 4)
