import random
from collections import Counter

import numpy as np
import pytest
from torch.utils.data import DataLoader

from mmdeepfake.datasets import PairSampler
from mmdeepfake.engine.seeded_batches import TRAINING, seed_loader
from mmdeepfake.errors import ConfigError

SAMPLER = 'mmengine.dataset.sampler.get_dist_info'
SEEDS = 'mmdeepfake.engine.seeded_batches.get_dist_info'


class Draws(list):
    """Items that are their index, and what they draw."""

    def __getitem__(self, index):
        return index, random.random(), np.random.random()


def read(monkeypatch, *, num_items=14, num_processes=1, epoch=0, batch_size=4):
    """Return the batches of every process."""
    batches = []
    for rank in range(num_processes):
        for place in (SAMPLER, SEEDS):
            monkeypatch.setattr(place, lambda rank=rank: (rank, num_processes))
        dataset = Draws(range(num_items))
        sampler = PairSampler(dataset, shuffle=True, seed=5)
        sampler.set_epoch(epoch)
        loader = DataLoader(
            dataset, batch_size=batch_size, sampler=sampler, collate_fn=list
        )
        seed_loader(loader, seed=3, stage=TRAINING)
        batches.append(list(loader))
    return batches


@pytest.mark.parametrize('num_processes', [1, 2, 3])
def test_pairs_stay_in_one_batch_and_draw_alike(monkeypatch, num_processes):
    seen = []
    for batches in read(monkeypatch, num_processes=num_processes):
        for batch in batches:
            assert len(batch) % 2 == 0
            for real, fake in zip(batch[::2], batch[1::2], strict=True):
                assert real[0] % 2 == 0 and fake[0] == real[0] + 1
                assert real[1:] == fake[1:]
                seen.append(real)
    assert {index for index, *_ in seen} == set(range(0, 14, 2))
    assert len(seen) == -(-7 // num_processes) * num_processes
    assert len({draw for _, draw, _ in seen}) == len(seen)  # pairs differ


def test_order_changes_with_the_epoch_and_is_repeatable(monkeypatch):
    first, again, other = (read(monkeypatch, epoch=epoch) for epoch in (0, 0, 1))
    assert first == again
    assert [i for b in first[0] for i, *_ in b] != [i for b in other[0] for i, *_ in b]


def test_more_processes_than_pairs_each_get_one(monkeypatch):
    found = read(monkeypatch, num_items=2, num_processes=3)
    assert [[i for i, *_ in batch] for (batch,) in found] == [[0, 1]] * 3


def test_half_a_pair_is_refused():
    with pytest.raises(ConfigError, match='5 items'):
        PairSampler(Draws(range(5)), seed=0)


@pytest.mark.parametrize('shuffle', [False, True])
def test_own_fakes_take_their_share_and_are_shown_equally_often(shuffle):
    dataset = Draws(range(2 * (8 + 5)))  # 8 pairs of pseudo-fakes, 5 of own fakes
    dataset.num_own_pairs, dataset.own_fake_share = 5, 0.25
    sampler = PairSampler(dataset, shuffle=shuffle, seed=5)
    counts = Counter()
    for epoch in range(5):
        sampler.set_epoch(epoch)
        pairs = [index // 2 for index in list(sampler)[::2]]
        assert len(pairs) == len(set(pairs)) == len(sampler) // 2 == 8
        assert sum(pair >= 8 for pair in pairs) == 2
        counts.update(pair for pair in pairs if pair >= 8)
    assert counts == dict.fromkeys(range(8, 13), 2)
