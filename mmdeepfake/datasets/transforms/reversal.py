"""Random reversal of time, an augmentation for methods that compare frames."""

from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform

from mmdeepfake.datasets.argument_checks import check_probability
from mmdeepfake.registry import TRANSFORMS


@TRANSFORMS.register_module()
class ReverseTime(BaseTransform):
    """Reverse the order of a video's frames at random.

    Place it between `SampleSnippets` and `DecodeFrames`, so that later steps (boxes,
    crops) find every frame under its own index. The order of snippets is reversed too:
    3 4 | 7 8 becomes 8 7 | 4 3.

    Required key: frame_inds; optional: frame_times_seconds. Both are changed.

    Args:
        reverse_ratio: probability of reversal.
    """

    def __init__(self, reverse_ratio: float = 0.5) -> None:
        check_probability(self, reverse_ratio=reverse_ratio)
        self.reverse_ratio = reverse_ratio

    def transform(self, results: dict) -> dict:
        """Reverse the frame indices."""
        if np.random.random() < self.reverse_ratio:
            for key in ('frame_inds', 'frame_times_seconds'):
                if key in results:
                    results[key] = results[key][::-1].copy()
        return results
