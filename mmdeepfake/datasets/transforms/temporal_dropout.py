"""Temporal dropout: frames of a clip are left out at random, an augmentation.

Paper: D. Zhang et al., "Detecting Deepfake Videos with Temporal Dropout 3DCNN", IJCAI
2021, https://doi.org/10.24963/ijcai.2021/178, Algorithm 1. A reconstruction: no code is
public. Ours are the lengths, that frames are drawn for each clip anew, without
replacement, that a dropped frame is removed and not blackened, and all of `drop_rate`.
"""

from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform

from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import TRANSFORMS

_POSITIONS = ('random', 'uniform')


def uniform_places(length: int, *, keep: int) -> np.ndarray:
    """Choose the middle (the earlier of two) of each of `keep` equal parts.

        8 frames, keep 4  ->  X.X.X.X.  ->  [0, 2, 4, 6]

    Where there are fewer frames than parts, frames come again.
    """
    ends = np.arange(keep + 1) * length
    return (ends[:-1] + ends[1:] - 1) // (2 * keep)


def draw_places(
    length: int,
    *,
    keep: int,
    drop_rate: float | None = None,
    rng: np.random.Generator,
) -> np.ndarray:
    """Choose frames at random, in the order of time.

    Args:
        length: M, frames of the clip.
        keep: K, frames that are left.
        drop_rate: None keeps K of the M frames, each choice being equally likely. A
            probability drops each frame by itself, and K evenly spaced ones of those
            that are left are taken, the same frame more than once where fewer are left;
            one frame, drawn at random, is left where all were dropped.
        rng: draws.

    Returns:
        (keep,) int64 places in 0 .. length - 1: rising, and without a `drop_rate` each
        of them once.
    """
    if drop_rate is None:
        return np.sort(rng.choice(length, size=keep, replace=False))
    left = np.flatnonzero(rng.random(length) >= drop_rate)
    if not len(left):
        left = rng.integers(length, size=1)
    return left[uniform_places(len(left), keep=keep)]


@TRANSFORMS.register_module()
class TemporalDropout(BaseTransform):
    """Leave K frames of each snippet of M, at random in training.

    Stands between `SampleSnippets`, which gives M frames a snippet, and `DecodeFrames`,
    so that dropped frames are not even decoded.

    Required keys: frame_inds, num_clips, clip_len; optional: frame_times_seconds.
    Changed keys: frame_inds, frame_times_seconds: (N * K,); clip_len: K.

    The randomness comes from NumPy's global generator, which MMEngine seeds anew in
    each data worker.

    Args:
        keep: K; 16 of 32 frames is our choice.
        position: 'random' (training) or 'uniform', evenly spaced (test).
        drop_rate: see `draw_places`.
    """

    def __init__(
        self, keep: int, position: str = 'random', drop_rate: float | None = None
    ) -> None:
        if not isinstance(keep, int) or keep < 1:
            raise ConfigError(
                f'TemporalDropout: keep={keep!r}; allowed is a whole number >= 1'
            )
        if position not in _POSITIONS:
            raise ConfigError(
                f'TemporalDropout: position={position!r}; allowed are '
                + ', '.join(map(repr, _POSITIONS))
            )
        if drop_rate is not None and not 0 <= drop_rate < 1:
            raise ConfigError(
                f'TemporalDropout: drop_rate={drop_rate!r}; allowed is a probability, '
                '0 <= p < 1, or None'
            )
        self.keep = keep
        self.position = position
        self.drop_rate = drop_rate

    def kept_frames(self, clip_len: int) -> int:
        """The frames that a snippet of `clip_len` has afterwards; refuses too few."""
        if clip_len < self.keep:
            raise ConfigError(
                f'TemporalDropout: keep={self.keep} of clip_len={clip_len} frames; let '
                'SampleSnippets give as many or more'
            )
        return self.keep

    def transform(self, results: dict) -> dict:
        """Drop frames; see the class for the keys."""
        length = results['clip_len']
        self.kept_frames(length)
        places = np.concatenate(
            [
                start * length + self._choose(length)
                for start in range(results['num_clips'])
            ]
        )
        for key in ('frame_inds', 'frame_times_seconds'):
            if key in results:
                results[key] = np.asarray(results[key])[places]
        results['clip_len'] = self.keep
        return results

    def _choose(self, length: int) -> np.ndarray:
        if self.position == 'uniform':
            return uniform_places(length, keep=self.keep)
        rng = np.random.default_rng(np.random.randint(2**31))
        return draw_places(length, keep=self.keep, drop_rate=self.drop_rate, rng=rng)

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(keep={self.keep}, position={self.position!r}, '
            f'drop_rate={self.drop_rate})'
        )
