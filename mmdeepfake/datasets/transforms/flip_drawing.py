"""Random flips that the data preprocessor applies on the device."""

from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform

from mmdeepfake.datasets.argument_checks import check_probability
from mmdeepfake.registry import TRANSFORMS


@TRANSFORMS.register_module()
class DrawFlip(BaseTransform):
    """Draw whether to flip a video, leaving its pixels unchanged.

    `FlippingDataPreprocessor` flips; `'flip'` must be in the `meta_keys` of
    `PackActionInputs`. Like MMAction2's `Flip` this takes one number from NumPy's
    generator, so that a seed flips the same videos either way.

    Added keys: flip, flip_direction.

    Args:
        flip_ratio: probability of a flip.
    """

    def __init__(self, flip_ratio: float = 0.5) -> None:
        check_probability(self, flip_ratio=flip_ratio)
        self.flip_ratio = flip_ratio

    def transform(self, results: dict) -> dict:
        """Draw the flip."""
        results['flip'] = bool(np.random.rand() < self.flip_ratio)
        results['flip_direction'] = 'horizontal'
        return results
