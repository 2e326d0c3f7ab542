"""Real videos that lost as much as the generator's fakes beside them."""

from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform

from mmdeepfake.datasets.argument_checks import check_probability
from mmdeepfake.datasets.transforms.clip_degradation import reduce_and_enlarge
from mmdeepfake.registry import TRANSFORMS

BESIDE_OWN_FAKE = 'beside_own_fake'  # key of such a real video's item


@TRANSFORMS.register_module()
class ReduceOriginal(BaseTransform):
    """Reduce and enlarge the real video of a pair whose fake is one of the manifest.

    For fakes of a generator that repaints reduced pictures, as
    tools/generate_fakes.py makes them: else a network learns that what has few pixels
    is fake. `PseudoFakeDataset` marks the videos; others stay as they are. Place it
    after `Resize`.

    Required key: imgs, (H, W, 3) uint8 of one size. Changed key: imgs.

    Args:
        ratios: range of the reduced side over the frame's.
        prob: of a reduction; with 1, what is blurred is learnt as real.
    """

    def __init__(
        self, ratios: tuple[float, float] = (0.25, 0.6), prob: float = 0.5
    ) -> None:
        check_probability(self, prob=prob)
        self.ratios, self.prob = ratios, prob

    def transform(self, results: dict) -> dict:
        """Reduce a marked video."""
        # Drawn for every video: the steps after it go on alike for real and fake.
        rng = np.random.default_rng(np.random.randint(2**31))
        if results.get(BESIDE_OWN_FAKE) and rng.random() < self.prob:
            results['imgs'] = reduce_and_enlarge(results['imgs'], rng, self.ratios)
        return results
