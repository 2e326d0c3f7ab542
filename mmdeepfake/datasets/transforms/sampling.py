"""Which frames of a video are looked at: N snippets of T consecutive frames.

The sampling of RATF ("Region-Aware Temporal Inconsistency Learning for DeepFake Video
Detection", IJCAI 2022, Sec. 3.1 and 4.1): the video is cut into N equal segments, one
snippet is drawn at random inside each in training and taken from the middle of each at
test. That a snippet never crosses a border of its segment is our reading; so is all
that concerns short videos, of which the paper says nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from mmcv.transforms import BaseTransform

from mmdeepfake.errors import ConfigError, DataError
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

    A snippet lies inside its segment [low, high). Where the segment is shorter than the
    snippet it is the other way round, the snippet covers the segment, and is moved
    inwards where it would leave the video, so that snippets overlap:

        6 frames, 3 snippets of span 4, centred  ->  XXXX.. .XXXX. ..XXXX  ->  [0, 1, 2]

    Args:
        num_frames: frames of the video, at least `span`.
        num_snippets: number of snippets, one a segment ("N" in the paper).
        span: frames from a snippet's first to its last, both counted:
            (clip_len - 1) * stride + 1.
        centred: take the middle start (the earlier of two) instead of a random one.
        rng: draws the starts, each allowed one of a segment being equally likely;
            needed unless `centred`. Draws of overlapping snippets are then sorted.

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
        # Overlapping snippets may be drawn in any order, and are put in that of time.
        starts = np.sort(rng.integers(first, last, endpoint=True))
    return np.clip(starts, 0, num_frames - span)


def _refuse_short_video(offsets: np.ndarray, num_frames: int, name: str) -> np.ndarray:
    raise DataError(
        f'video {name!r} has {num_frames} frames, fewer than one snippet needs: '
        f'{offsets[-1] + 1} (T={len(offsets)}, stride={offsets[1]}). Take the video '
        'out of the dataset, lower `clip_len` or `stride_frames`, or set '
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

    Stands between the transform that counts the frames (`OpenVideo`, or MMAction2's
    `DecordInit`; frame folders need none) and the one that decodes them.

    Required keys: total_frames; optional: start_index, avg_fps or fps.
    Added keys:
        frame_inds: (N * T,) int64, snippet by snippet, T innermost.
        num_clips: N.
        clip_len: T.
        frame_interval: the stride.
        frame_times_seconds: (N * T,) float32, where the frame rate is known.

    The random starts come from NumPy's global generator, which MMEngine seeds anew in
    each data worker.

    Args:
        num_snippets: N; 4 in training and 8 at test in the paper.
        clip_len: T, frames of a snippet; 4 in the paper.
        stride_frames: distance between two frames of a snippet; 1 is consecutive.
        position: 'random' inside the segment (training) or 'centred' in it (test).
        short_video: what happens to a video shorter than one snippet: 'error',
            'repeat_last', which fills up with copies of its last frame, or 'reflect',
            which plays it backwards and forwards, 0 1 2 1 0 1 of 3 frames. (A video
            that holds one snippet but not N side by side has overlapping ones, see
            `sample_starts`.)
    """

    def __init__(
        self,
        num_snippets: int,
        clip_len: int,
        stride_frames: int = 1,
        position: str = 'random',
        short_video: str = 'error',
    ) -> None:
        for name, value in (
            ('num_snippets', num_snippets),
            ('clip_len', clip_len),
            ('stride_frames', stride_frames),
        ):
            if not isinstance(value, int) or value < 1:
                raise ConfigError(
                    f'SampleSnippets: {name}={value!r}; allowed are whole numbers >= 1'
                )
        for name, value, allowed in (
            ('position', position, _POSITIONS),
            ('short_video', short_video, _SHORT_VIDEO_RULES),
        ):
            if value not in allowed:
                raise ConfigError(
                    f'SampleSnippets: {name}={value!r}; allowed are '
                    + ', '.join(map(repr, allowed))
                )
        self.num_snippets = num_snippets
        self.clip_len = clip_len
        self.stride_frames = stride_frames
        self.position = position
        self.short_video = short_video

    @property
    def min_frames(self) -> int:
        """The frames that a video needs; datasets check it before a run starts."""
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

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(num_snippets={self.num_snippets}, '
            f'clip_len={self.clip_len}, stride_frames={self.stride_frames}, '
            f'position={self.position!r}, short_video={self.short_video!r})'
        )
