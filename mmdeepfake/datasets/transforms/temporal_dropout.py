"""Temporal dropout: an augmentation that drops random frames of a clip.

Paper: D. Zhang et al., "Detecting Deepfake Videos with Temporal Dropout 3DCNN", IJCAI
2021, https://doi.org/10.24963/ijcai.2021/178, Algorithm 1. A reconstruction: no
public code exists. The lengths, a new draw for every clip without replacement, and
removing instead of blackening dropped frames are our choices.
"""

from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform

from mmdeepfake.datasets.argument_checks import check_choice, check_counts
from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import TRANSFORMS

_POSITIONS = ('random', 'uniform')


def uniform_places(length: int, *, keep: int) -> np.ndarray:
    """Choose the middle (the earlier of two) of each of `keep` equal parts.

        8 frames, keep 4  ->  X.X.X.X.  ->  [0, 2, 4, 6]

    With fewer frames than parts, frames are repeated.
    """
    ends = np.arange(keep + 1) * length
    return (ends[:-1] + ends[1:] - 1) // (2 * keep)


def draw_places(length: int, *, keep: int, rng: np.random.Generator) -> np.ndarray:
    """Draw `keep` of `length` frames, every choice equally likely, in order."""
    return np.sort(rng.choice(length, size=keep, replace=False))


@TRANSFORMS.register_module()
class TemporalDropout(BaseTransform):
    """Keep K of the M frames of each snippet, at random in training.

    Place it between `SampleSnippets` and `DecodeFrames`, so that dropped frames are
    never decoded.

    Required keys: frame_inds, num_clips, clip_len; optional: frame_times_seconds.
    Changed keys: frame_inds, frame_times_seconds: (N * K,); clip_len: K.

    Args:
        keep: K; 16 of 32 frames is our choice.
        position: 'random' (training) or 'uniform', evenly spaced (test).
    """

    def __init__(self, keep: int, position: str = 'random') -> None:
        check_counts(self, keep=keep)
        check_choice(self, _POSITIONS, position=position)
        self.keep = keep
        self.position = position

    def kept_frames(self, clip_len: int) -> int:
        """Return the new snippet length; raise a `ConfigError` for a short snippet."""
        if clip_len < self.keep:
            raise ConfigError(
                f'TemporalDropout: keep={self.keep} of clip_len={clip_len} frames; '
                'raise SampleSnippets.clip_len'
            )
        return self.keep

    def transform(self, results: dict) -> dict:
        """Drop frames."""
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
        return draw_places(length, keep=self.keep, rng=rng)
