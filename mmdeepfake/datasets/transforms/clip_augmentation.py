"""Clip augmentations of AltFreezing.

Z. Wang et al., CVPR 2023, https://arxiv.org/abs/2307.08317: clips that skip or repeat
frames, and real clips blended with an altered copy of themselves under one mask for all
frames, which makes them fake. The public code has neither; the number of frames, the
alterations and the shape of the mask are our choices. RATF's recipe uses neither.
"""

from __future__ import annotations

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from mmdeepfake.datasets.argument_checks import check_counts, check_probability
from mmdeepfake.errors import ConfigError, DataError
from mmdeepfake.registry import TRANSFORMS
from mmdeepfake.structures import FAKE, REAL

from .blending import blend


def drop_frames(
    indices: np.ndarray, *, place: int, num_dropped: int, num_frames: int
) -> np.ndarray | None:
    """Drop frames of a clip and continue after them, keeping its length.

    In a video of 10 frames, 2 dropped at place 1:

        3 4 5 6  ->  3 6 7 8
        5 6 7 8  ->  4 7 8 9, moved back: there is no frame 10

    Args:
        indices: (T,) frames of the clip at equal distances, T > 1.
        place: index in the clip of the first dropped frame, 1 .. T - 1.
        num_dropped: number of dropped frames.
        num_frames: length of the video.

    Returns:
        (T,), or None if the video is too short.
    """
    stride = indices[1] - indices[0]
    longer = np.arange(len(indices) + num_dropped) * stride
    if longer[-1] >= num_frames:
        return None
    longer += min(indices[0], num_frames - 1 - longer[-1])
    return np.delete(longer, slice(place, place + num_dropped))


def repeat_frame(indices: np.ndarray, *, place: int, num_repeats: int) -> np.ndarray:
    """Repeat one frame of a clip, dropping frames at the end.

    3 4 5 6, twice at place 1  ->  3 4 4 4
    """
    counts = np.ones(len(indices), dtype=np.int64)
    counts[place] += num_repeats
    return indices.repeat(counts)[: len(indices)]


@TRANSFORMS.register_module()
class DropOrRepeatFrames(BaseTransform):
    """Make snippets skip or repeat frames, each with the same probability.

    Place it between `SampleSnippets` and `DecodeFrames`. Every snippet has its own
    draw; a video too short to skip frames repeats one.

    Required keys: frame_inds, num_clips, clip_len, total_frames; optional: start_index,
    avg_fps or fps. Changed keys: frame_inds, frame_times_seconds where there is one.

    Args:
        ratio: probability that a snippet is changed.
        max_frames: maximum number of skipped frames or repeats.
    """

    def __init__(self, ratio: float = 0.5, max_frames: int = 4) -> None:
        check_probability(self, ratio=ratio)
        check_counts(self, max_frames=max_frames)
        self.ratio = ratio
        self.max_frames = max_frames

    def transform(self, results: dict) -> dict:
        """Change the frame indices."""
        first, num_frames = results.get('start_index', 0), int(results['total_frames'])
        snippets = results['frame_inds'].reshape(-1, results['clip_len']) - first
        if results['clip_len'] < 2:
            raise ConfigError(
                'DropOrRepeatFrames: clip_len = 1; a snippet needs 2 frames or more'
            )
        changed = np.stack([self._change(s, num_frames) for s in snippets]).reshape(-1)
        fps = results.get('avg_fps') or results.get('fps')
        if fps and 'frame_times_seconds' in results:
            results['frame_times_seconds'] = (changed / fps).astype(np.float32)
        results['frame_inds'] = changed + first
        return results

    def _change(self, snippet: np.ndarray, num_frames: int) -> np.ndarray:
        if np.random.random() >= self.ratio:
            return snippet
        place = np.random.randint(1, len(snippet))
        number = np.random.randint(1, self.max_frames + 1)
        dropped = None
        if np.random.random() < 0.5:
            dropped = drop_frames(
                snippet, place=place, num_dropped=number, num_frames=num_frames
            )
        if dropped is not None:
            return dropped
        return repeat_frame(snippet, place=place - 1, num_repeats=number)


def alter_copy(
    frames: np.ndarray, *, warp: np.ndarray, gain: np.ndarray, offset: np.ndarray
) -> np.ndarray:
    """Apply one affine warp and one colour change to all frames.

    Args:
        frames: (T, H, W, 3) uint8.
        warp: (2, 3) affine map of pixels; empty pixels mirror the border.
        gain: (3,) factor per channel.
        offset: (3,) added per channel after the factor.

    Returns:
        (T, H, W, 3) float32, 0 to 255.
    """
    height, width = frames.shape[1:3]
    moved = [
        cv2.warpAffine(frame, warp, (width, height), borderMode=cv2.BORDER_REFLECT_101)
        for frame in frames
    ]
    recoloured = np.stack(moved).astype(np.float32) * gain + offset
    return recoloured.clip(0, 255).astype(np.float32)


@TRANSFORMS.register_module()
class BlendClipWithItself(BaseTransform):
    """Turn a real video into a fake by blending it with an altered copy of itself.

    Place it after `Resize`, in training only. The copy is rotated, scaled, shifted and
    recoloured, and blended through a soft ellipse in the middle of the crop. All of
    this is drawn once per snippet, so that the forgery is consistent over time. A video
    becomes a fake in all of its snippets or in none; its label changes with it.

    Required keys: imgs, (H, W, 3) uint8 of one size, label, num_clips, clip_len.
    Changed keys: imgs, label.

    Args:
        ratio: probability that a real video becomes a fake; fakes are unchanged.
    """

    def __init__(self, ratio: float = 0.5) -> None:
        check_probability(self, ratio=ratio)
        self.ratio = ratio

    def transform(self, results: dict) -> dict:
        """Blend the snippets."""
        if results['label'] != REAL or np.random.random() >= self.ratio:
            return results
        if len({frame.shape for frame in results['imgs']}) > 1:
            raise DataError(
                'BlendClipWithItself: the frames of '
                f'{results.get("filename", results.get("frame_dir"))!r} differ in '
                'size; place it after Resize'
            )
        frames = np.stack(results['imgs'])
        snippets = frames.reshape(-1, results['clip_len'], *frames.shape[1:])
        results['imgs'] = [frame for s in snippets for frame in self._blend_snippet(s)]
        results['label'] = FAKE
        return results

    @staticmethod
    def _blend_snippet(frames: np.ndarray) -> np.ndarray:
        height, width = frames.shape[1:3]
        side = min(height, width)
        uniform = np.random.uniform
        warp = cv2.getRotationMatrix2D(
            (width / 2, height / 2), uniform(-5, 5), uniform(0.95, 1.05)
        )
        warp[:, 2] += uniform(-0.03, 0.03, 2) * side
        altered = alter_copy(
            frames, warp=warp, gain=uniform(0.85, 1.15, 3), offset=uniform(-12, 12, 3)
        )
        return blend(frames, altered, [_draw_mask(height, width)] * len(frames))


def _draw_mask(height: int, width: int) -> np.ndarray:
    """Draw a soft ellipse near the middle: (H, W) float32, 0 to 1."""
    uniform = np.random.uniform
    size = np.array([width, height])
    centre = (size * (0.5 + uniform(-0.05, 0.05, 2))).round().astype(int)
    axes = (size * uniform(0.2, 0.4, 2)).round().astype(int)
    mask = np.zeros((height, width), np.float32)
    cv2.ellipse(
        mask, tuple(map(int, centre)), tuple(map(int, axes)), 0, 0, 360, 1.0, -1
    )
    return cv2.GaussianBlur(mask, (0, 0), uniform(0.02, 0.08) * min(height, width))
