import random

import numpy as np
import pytest
import torch
from mmengine.dataset import DefaultSampler, InfiniteSampler
from torch.utils.data import DataLoader, Dataset

from mmdeepfake.engine.seeded_batches import (
    TRAINING,
    VALIDATION,
    SeededBatches,
    seed_generators,
    seed_loader,
)


class Draws(Dataset):
    """An item is its index, and a number of each generator."""

    def __len__(self):
        return 10

    def __getitem__(self, index):
        return index, random.random(), np.random.random(), torch.rand(()).item()


class BatchedDraws(Draws):
    def __getitems__(self, indices):
        return [self[index] for index in indices]


def make_loader(
    *, num_workers=0, seed=3, stage=TRAINING, dataset=None, batch_size=3, **options
):
    dataset = dataset or Draws()
    sampler = DefaultSampler(dataset, shuffle=True, seed=7)
    loader = DataLoader(
        dataset,
        batch_size=batch_size,
        sampler=sampler,
        num_workers=num_workers,
        collate_fn=list,
        **options,
    )
    seed_loader(loader, seed=seed, stage=stage)
    return loader


def read(loader, epoch=0):
    loader.sampler.set_epoch(epoch)
    return [item for batch in loader for item in batch]


def test_draws_do_not_depend_on_workers_batches_or_what_was_read_before():
    expected = [read(make_loader(), epoch) for epoch in range(3)]
    for words in (
        {'num_workers': 2, 'persistent_workers': True},
        {'batch_size': 4},
        {'dataset': BatchedDraws()},
    ):
        loader = make_loader(**words)
        torch.manual_seed(5)
        np.random.seed(5)
        assert [read(loader, epoch) for epoch in range(3)] == expected
        late = make_loader(**words)  # a run that was resumed at epoch 2
        assert read(late, 2) == expected[2]


def test_draws_differ_between_samples_epochs_seeds_and_stages():
    runs = [
        read(make_loader()),
        read(make_loader(), 1),
        read(make_loader(seed=4)),
        read(make_loader(stage=VALIDATION)),
    ]
    for generator in (1, 2, 3):
        drawn = {item[generator] for run in runs for item in run}
        assert len(drawn) == 40


def test_draws_of_two_processes_are_those_of_their_videos_in_one(monkeypatch):
    alone = read(make_loader(batch_size=1))
    dealt = []
    for rank in range(2):
        monkeypatch.setattr(
            'mmengine.dataset.sampler.get_dist_info', lambda rank=rank: (rank, 2)
        )
        monkeypatch.setattr(
            'mmdeepfake.engine.seeded_batches.get_dist_info',
            lambda rank=rank: (rank, 2),
        )
        dealt.append(read(make_loader(batch_size=1)))
    assert [item for pair in zip(*dealt, strict=True) for item in pair] == alone


def test_skipped_batches_leave_the_rest_of_the_epoch_as_it_was():
    expected = read(make_loader())
    loader = make_loader()
    loader.batch_sampler.num_skipped = 2
    assert read(loader) == expected[6:]
    assert read(loader) == expected  # once alone


def test_loader_keeps_its_attributes():
    loader = make_loader(drop_last=True)
    assert len(loader) == 3
    assert loader.batch_sampler.drop_last
    assert loader.batch_sampler.batch_size == loader.batch_size == 3
    assert isinstance(loader.batch_sampler.sampler, DefaultSampler)
    again = seed_loader(loader, seed=8, stage=TRAINING)
    assert again is loader.batch_sampler and again.seed == 8
    assert not isinstance(again.batches, SeededBatches)


def test_infinite_sampler_is_supported():
    dataset = Draws()
    loader = DataLoader(
        dataset, batch_size=4, sampler=InfiniteSampler(dataset), collate_fn=list
    )
    seed_loader(loader, seed=0, stage=TRAINING)
    batches = iter(loader)
    drawn = {item[1] for _ in range(10) for item in next(batches)}
    assert len(drawn) == 40


def test_loader_without_batches_is_left_alone():
    assert seed_loader(DataLoader(Draws(), batch_size=None), seed=0, stage=0) is None


@pytest.mark.parametrize('other', [(1, 2, 4), (1, 2), (2, 1, 3), (1, 2, 3, 0, 0, 1)])
def test_other_entropy_gives_other_numbers(other):
    drawn = []
    for entropy in ((1, 2, 3), other, (1, 2, 3)):
        seed_generators(*entropy)
        drawn.append((random.random(), np.random.random(), torch.rand(()).item()))
    assert drawn[0] == drawn[2]
    assert not set(drawn[0]) & set(drawn[1])
