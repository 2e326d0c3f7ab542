"""Frame sampling: N snippets of T consecutive frames per video.

The sampling of RATF ("Region-Aware Temporal Inconsistency Learning for DeepFake Video
Detection", IJCAI 2022, Sec. 3.1 and 4.1): the video is cut into N equal segments;
training draws one snippet at random in each, testing takes the middle one. That a
snippet stays inside its segment, and the handling of short videos, are our choices.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from mmcv.transforms import BaseTransform

from mmdeepfake.datasets.argument_checks import check_choice, check_counts
from mmdeepfake.errors import DataError
from mmdeepfake.registry import TRANSFORMS


def segment_borders(num_frames: int, *, num_segments: int) -> np.ndarray:
    """Cut a video into segments of equal length, up to rounding: floor(i * F / N).

    Returns:
        (num_segments + 1,) int64: segment i holds frames borders[i] .. borders[i+1]-1.
    """
    return np.arange(num_segments + 1, dtype=np.int64) * num_frames // num_segments


def sample_starts(
    num_frames: int,
    *,
    num_snippets: int,
    span: int,
    centred: bool,
    rng: np.random.Generator | None = None,
) -> np.ndarray:
    """Choose the first frame of one snippet in each of `num_snippets` segments.

        12 frames, 3 snippets of span 2, centred  ->  .XX. .XX. .XX.  ->  [1, 5, 9]

    A snippet is inside its segment [low, high). A segment shorter than the snippet is
    covered by it, and the snippet is moved inside the video, so that snippets overlap:

        6 frames, 3 snippets of span 4, centred  ->  XXXX.. .XXXX. ..XXXX  ->  [0, 1, 2]

    Args:
        num_frames: frames of the video, at least `span`.
        num_snippets: N, one snippet per segment.
        span: frames from a snippet's first to its last: (clip_len - 1) * stride + 1.
        centred: take the middle start (the earlier of two) instead of a random one.
        rng: generator for the starts, uniform over the allowed ones of a segment and
            sorted afterwards; required unless `centred`.

    Returns:
        (num_snippets,) int64 frame indices, not decreasing, all in [0, F - span].
    """
    if num_frames < span:
        raise ValueError(f'{num_frames} frames hold no snippet that spans {span}')
    borders = segment_borders(num_frames, num_segments=num_snippets)
    low, high = borders[:-1], borders[1:]
    if centred:
        starts = (low + high - span) // 2
    else:
        if rng is None:
            raise ValueError('random starts need `rng`')
        first, last = np.minimum(low, high - span), np.maximum(low, high - span)
        # Clipping before the draw keeps all allowed starts equally likely.
        first, last = np.clip((first, last), 0, num_frames - span)
        # Overlapping snippets may be drawn in any order; sort them by time.
        starts = np.sort(rng.integers(first, last, endpoint=True))
    return np.clip(starts, 0, num_frames - span)


def _refuse_short_video(offsets: np.ndarray, num_frames: int, name: str) -> np.ndarray:
    raise DataError(
        f'video {name!r} has {num_frames} frames, fewer than one snippet needs: '
        f'{offsets[-1] + 1} (T={len(offsets)}, stride={offsets[1]}). Remove the '
        'video, lower `clip_len` or `stride_frames`, or set '
        "short_video='repeat_last'"
    )


def _repeat_last_frame(offsets: np.ndarray, num_frames: int, name: str) -> np.ndarray:
    return np.minimum(offsets, num_frames - 1)


def _reflect_at_ends(offsets: np.ndarray, num_frames: int, name: str) -> np.ndarray:
    if num_frames == 1:
        return np.zeros_like(offsets)
    there_and_back = offsets % (2 * (num_frames - 1))
    return np.minimum(there_and_back, 2 * (num_frames - 1) - there_and_back)


_SHORT_VIDEO_RULES: dict[str, Callable[[np.ndarray, int, str], np.ndarray]] = {
    'error': _refuse_short_video,
    'repeat_last': _repeat_last_frame,
    'reflect': _reflect_at_ends,
}
_POSITIONS = {'random': False, 'centred': True}


@TRANSFORMS.register_module()
class SampleSnippets(BaseTransform):
    """Choose N snippets of T frames, one in each of N equal segments of the video.

    Place it between the transform that counts the frames (`OpenVideo`, or MMAction2's
    `DecordInit`; frame folders need none) and the one that decodes them.

    Required key: total_frames; optional: start_index, avg_fps or fps, filename or
    frame_dir for messages.
    Added keys:
        frame_inds: (N * T,) int64, snippet by snippet, plus `start_index`.
        frame_times_seconds: (N * T,) float32, where the frame rate is known.
        num_clips: N; clip_len: T; frame_interval: the stride.

    Random draws come from NumPy's global generator, seeded per worker by MMEngine.

    Args:
        num_snippets: N; 4 in training and 8 at test in the paper.
        clip_len: T, frames per snippet; 4 in the paper.
        stride_frames: distance between two frames of a snippet; 1 is consecutive.
        position: 'random' inside the segment (training) or 'centred' in it (test).
        short_video: handling of a video shorter than one snippet: 'error',
            'repeat_last' (repeat the last frame) or 'reflect' (play it backwards and
            forwards: 0 1 2 1 0 1 for 3 frames). A video that holds one snippet but not
            N side by side gets overlapping ones, see `sample_starts`.
    """

    def __init__(
        self,
        num_snippets: int,
        clip_len: int,
        stride_frames: int = 1,
        position: str = 'random',
        short_video: str = 'error',
    ) -> None:
        check_counts(
            self,
            num_snippets=num_snippets,
            clip_len=clip_len,
            stride_frames=stride_frames,
        )
        check_choice(self, _POSITIONS, position=position)
        check_choice(self, _SHORT_VIDEO_RULES, short_video=short_video)
        self.num_snippets = num_snippets
        self.clip_len = clip_len
        self.stride_frames = stride_frames
        self.position = position
        self.short_video = short_video

    @property
    def min_frames(self) -> int:
        """Minimum number of frames; datasets check it before a run starts."""
        span = (self.clip_len - 1) * self.stride_frames + 1
        return span if self.short_video == 'error' else 1

    def transform(self, results: dict) -> dict:
        """Add the frame indices; see the class for the keys."""
        num_frames = int(results['total_frames'])
        name = results.get('filename', results.get('frame_dir', '?'))
        if num_frames < 1:
            raise DataError(
                f'video {name!r} has {num_frames} frames; at least 1 needed'
            )
        offsets = np.arange(self.clip_len, dtype=np.int64) * self.stride_frames
        span = int(offsets[-1]) + 1
        if num_frames < span:
            offsets = _SHORT_VIDEO_RULES[self.short_video](offsets, num_frames, name)
            starts = np.zeros(self.num_snippets, dtype=np.int64)
        else:
            centred = _POSITIONS[self.position]
            starts = sample_starts(
                num_frames,
                num_snippets=self.num_snippets,
                span=span,
                centred=centred,
                rng=None
                if centred
                else np.random.default_rng(np.random.randint(2**31)),
            )
        frame_inds = (starts[:, None] + offsets).reshape(-1)  # (N * T,)
        fps = results.get('avg_fps') or results.get('fps')
        if fps:
            results['frame_times_seconds'] = (frame_inds / fps).astype(np.float32)
        results['frame_inds'] = frame_inds + results.get('start_index', 0)
        results['num_clips'] = self.num_snippets
        results['clip_len'] = self.clip_len
        results['frame_interval'] = self.stride_frames
        return results
