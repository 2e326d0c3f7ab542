"""Plays videos backwards at random: an augmentation of methods that compare frames."""

from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform

from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import TRANSFORMS


@TRANSFORMS.register_module()
class ReverseTime(BaseTransform):
    """Give the frames of a video in the reverse order of time, at random.

    Stands between `SampleSnippets` and `DecodeFrames`, so that whatever comes later
    (boxes, crops) finds each frame under its own number. Snippets swap places and play
    backwards: 3 4 | 7 8 becomes 8 7 | 4 3.

    Required key: frame_inds; optional: frame_times_seconds. Both are changed.

    Args:
        reverse_ratio: probability, drawn from NumPy's global generator, which MMEngine
            seeds anew in each data worker.
    """

    def __init__(self, reverse_ratio: float = 0.5) -> None:
        if not 0 <= reverse_ratio <= 1:
            raise ConfigError(
                f'ReverseTime: reverse_ratio={reverse_ratio!r}; allowed is a '
                'probability, 0 to 1'
            )
        self.reverse_ratio = reverse_ratio

    def transform(self, results: dict) -> dict:
        """Reverse or not; see the class for the keys."""
        if np.random.random() < self.reverse_ratio:
            for key in ('frame_inds', 'frame_times_seconds'):
                if key in results:
                    results[key] = results[key][::-1].copy()
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(reverse_ratio={self.reverse_ratio})'
