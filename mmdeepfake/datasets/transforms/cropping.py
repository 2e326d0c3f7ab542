"""Face crops with a box that is fixed within a snippet.

A separate box for every frame turns the face detector's noise into apparent motion of
the image, the very signal that a temporal network reads; a box fixed over the snippet
keeps the true motion of the head. Hence the default `box='snippet'`, which is our
choice: the RATF paper only says that faces are detected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from mmcv.transforms import BaseTransform

from mmdeepfake.datasets.argument_checks import check_argument, check_choice
from mmdeepfake.errors import DataError
from mmdeepfake.registry import TRANSFORMS
from mmdeepfake.structures.face_square import square_inside_frame


def mean_box_of_snippet(boxes: np.ndarray) -> np.ndarray:
    """Average the boxes over each snippet's T frames: (N, T, 4) -> (N, T, 4)."""
    return np.broadcast_to(boxes.mean(axis=1, keepdims=True), boxes.shape)


def union_box_of_video(boxes: np.ndarray) -> np.ndarray:
    """Take the smallest box around all boxes: (N, T, 4) -> (N, T, 4)."""
    low = boxes[..., :2].min(axis=(0, 1))
    high = boxes[..., 2:].max(axis=(0, 1))
    return np.broadcast_to(np.concatenate((low, high)), boxes.shape)


_BOX_RULES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    'frame': lambda boxes: boxes,
    'snippet': mean_box_of_snippet,
    'video': union_box_of_video,
}


def centre_square(*, ratio: float, height: int, width: int) -> np.ndarray:
    """Return the centred square with `ratio` of the shorter side: (1, 4)."""
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
    """Crop one square around the face out of every frame.

    Place it between `DecodeFrames` and a `Resize` with `keep_ratio=False`. Prepared
    face clips need no crop.

    Required keys: imgs, img_shape, frame_inds, num_clips, clip_len; optional:
    face_boxes, (F, 4) pixels for the F frames of the video or (1, 4) for all, and
    source_frames (see `CorruptVideo`).
    Changed keys: imgs, img_shape.
    Added key: crop_boxes, (N * T, 4) int64 pixels of the uncropped frame.

    Args:
        margin_ratio: side of the square over the longer side of the face box: a number
            (1.3 is common at test), or a range (low, high) to draw from per video.
        box: source of a frame's box: 'snippet' (mean over the snippet), 'video' (around
            all sampled boxes: no motion of the crop, but a moving head becomes small)
            or 'frame' (its own).
        fallback: crop if there are no boxes: 'centre', a square in the middle, or
            'whole', the uncropped frame.
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
        check_argument(
            self,
            len(margins) == 2 and 0 < margins[0] <= margins[1],
            'a number > 0 or a range (low, high)',
            margin_ratio=margin_ratio,
        )
        check_choice(self, _BOX_RULES, box=box)
        check_choice(self, ('centre', 'whole'), fallback=fallback)
        is_ratio = 0 < centre_ratio <= 1
        check_argument(self, is_ratio, '0 < ratio <= 1', centre_ratio=centre_ratio)
        self.margin_range = tuple(margins)
        self.box = box
        self.fallback = fallback
        self.centre_ratio = centre_ratio

    def transform(self, results: dict) -> dict:
        """Crop the frames."""
        crops = self._crop_boxes(results)  # (N * T, 4)
        frames = results['imgs']
        # Views: `Resize` reads them in place, and copies would take most of the time.
        cropped = (
            frame[y1:y2, x1:x2]
            for frame, (x1, y1, x2, y2) in zip(frames, crops, strict=True)
        )
        is_stream = isinstance(frames, Iterator)
        results['imgs'] = cropped if is_stream else list(cropped)
        results['crop_boxes'] = crops
        # With box='frame' sizes differ until `Resize`; use the first.
        x1, y1, x2, y2 = crops[0].tolist()
        results['img_shape'] = (y2 - y1, x2 - x1)
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
        return one.repeat(np.size(results['frame_inds']), axis=0)


def source_indices_of_samples(results: dict) -> np.ndarray:
    """Return the stored video's frame of each sampled frame: (N * T,) int64."""
    frame_inds = np.asarray(results['frame_inds']) - results.get('start_index', 0)
    if 'source_frames' in results:  # a corrupted video drops frames
        frame_inds = results['source_frames'][frame_inds]
    return frame_inds


def _boxes_of_sampled_frames(face_boxes: np.ndarray, results: dict) -> np.ndarray:
    """Select the box of each sampled frame: (F, 4) or (1, 4) -> (N, T, 4)."""
    frame_inds = source_indices_of_samples(results)
    if len(face_boxes) == 1:
        frame_inds = np.zeros_like(frame_inds)
    elif frame_inds.max() >= len(face_boxes):
        raise DataError(
            f'video {results.get("filename", results.get("frame_dir"))!r}: sampled '
            f'frame {frame_inds.max()}, but only {len(face_boxes)} frames have face '
            'boxes; prepare this video again'
        )
    return face_boxes[frame_inds].reshape(results['num_clips'], results['clip_len'], 4)
