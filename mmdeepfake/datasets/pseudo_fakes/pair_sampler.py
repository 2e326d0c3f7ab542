"""The order of training pairs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from mmengine.dataset import DefaultSampler

from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import DATA_SAMPLERS


@DATA_SAMPLERS.register_module()
class PairSampler(DefaultSampler):
    """Yield items 2i and 2i + 1 one after the other, the pairs in random order.

    An epoch has as many pairs as the dataset has of pseudo-fakes; a share of them is
    left out for pairs of own fakes, the next ones of a drawn order.

    Processes take pairs in turn; the last get some of the first again, so that all have
    as many. With an even batch size a pair is in one batch.

    Args:
        dataset: an even number of items, see `PseudoFakeDataset`.
        shuffle: draw the order of the pairs anew in every epoch.
        seed: of the order, the same in all processes.
        **kwargs: of MMEngine's `DefaultSampler`.
    """

    # `SeededBatches` seeds as many neighbours alike.
    samples_per_draw = 2

    def __init__(self, dataset: Any, **kwargs: Any) -> None:
        if len(dataset) % 2:
            raise ConfigError(
                f'PairSampler: {type(dataset).__name__} has {len(dataset)} items; '
                'needs pairs, as of PseudoFakeDataset in training'
            )
        super().__init__(dataset, **kwargs)
        self._num_own = getattr(dataset, 'num_own_pairs', 0)
        self._num_pairs = len(dataset) // 2 - self._num_own
        share = dataset.own_fake_share if self._num_own else 0
        self._num_own_shown = round(share * self._num_pairs)
        num_mine = -(-self._num_pairs // self.world_size)
        self.num_samples = 2 * num_mine
        self.total_size = self.num_samples * self.world_size

    def __iter__(self) -> Iterator[int]:
        """Yield the items of this process."""
        pairs, own = np.arange(self._num_pairs), np.arange(self._num_own)
        rng = np.random.default_rng([self.seed, self.epoch])
        if self.shuffle:
            pairs = rng.permutation(pairs)
            own = np.random.default_rng(self.seed).permutation(own)
        if self._num_own_shown:
            first = self.epoch * self._num_own_shown
            places = np.arange(first, first + self._num_own_shown) % self._num_own
            kept = pairs[: self._num_pairs - self._num_own_shown]
            pairs = np.concatenate([kept, self._num_pairs + own[places]])
        if self.shuffle:
            pairs = rng.permutation(pairs)
        # Repeats the order where there are more processes than pairs.
        mine = np.resize(pairs, self.total_size // 2)[self.rank :: self.world_size]
        return iter((2 * mine[:, None] + np.arange(2)).reshape(-1).tolist())
