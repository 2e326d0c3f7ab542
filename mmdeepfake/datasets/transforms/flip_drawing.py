"""Drawing whether a video is mirrored, and leaving the mirroring to the device."""

from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform

from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import TRANSFORMS


@TRANSFORMS.register_module()
class DrawFlip(BaseTransform):
    """Draw what MMAction2's `Flip` would, and touch no pixel.

    `FlippingDataPreprocessor` does the rest; `'flip'` must be among the `meta_keys` of
    `PackActionInputs`. One number is taken from numpy's generator, as `Flip` does, so
    that a seed mirrors the same videos either way.

    Added keys: flip, whether the video is to be mirrored; flip_direction.

    Args:
        flip_ratio: share of the videos that are mirrored.
    """

    def __init__(self, flip_ratio: float = 0.5) -> None:
        if not 0 <= flip_ratio <= 1:
            raise ConfigError(f'DrawFlip: flip_ratio={flip_ratio!r}; allowed is 0 to 1')
        self.flip_ratio = flip_ratio

    def transform(self, results: dict) -> dict:
        """Add the keys named in the class docstring."""
        results['flip'] = bool(np.random.rand() < self.flip_ratio)
        results['flip_direction'] = 'horizontal'
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(flip_ratio={self.flip_ratio})'
