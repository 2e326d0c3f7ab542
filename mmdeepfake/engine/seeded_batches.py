"""Randomness of training data that depends on where a sample stands, on nothing else.

MMEngine seeds a data-loading worker once, when it starts. What a sample then draws
depends on how many its worker has read before, so a resumed run draws otherwise than
one that was left alone; workers that start anew with each epoch draw the same in each.
Here every sample has a seed of its own, from the run's seed, the epoch and its place in
it: the number of workers and processes, and when a run began, do not matter.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.dist import get_dist_info
from torch.utils.data import DataLoader

TRAINING, VALIDATION, STEP = range(3)  # told apart in the seeds

Entropy = tuple[int, ...]


def seed_generators(*entropy: int) -> None:
    """Seed Python's, NumPy's and PyTorch's CPU generator, which transforms draw from.

    Args:
        entropy: whole numbers of 0 or more; any other set of them gives other numbers.
    """
    words = np.random.SeedSequence(entropy).generate_state(4)
    random.seed(int(words[0]))
    np.random.seed(int(words[1]))
    torch.default_generator.manual_seed(int(words[2]) << 32 | int(words[3]))


class SeededIndices(list):
    """Indices of a batch; whoever reads them one by one is seeded before each.

    A DataLoader reads a sample as soon as it has taken its index, in a worker or in the
    main process, so that nothing need be put around the dataset.
    """

    def __init__(self, indices: Sequence[int], entropies: Sequence[Entropy]) -> None:
        super().__init__(indices)
        self.entropies = entropies

    def __iter__(self) -> Iterator[int]:
        for index, entropy in zip(self[:], self.entropies, strict=True):
            seed_generators(*entropy)
            yield index

    def __reduce__(self) -> tuple:
        # By default, pickling on the way to a worker would iterate, and so seed here.
        return SeededIndices, (self[:], self.entropies)


class SeededBatches:
    """A batch sampler whose batches are `SeededIndices`.

    Args:
        batches: the batch sampler that it takes them from.
        seed: of the run.
        stage: TRAINING or VALIDATION.

    Attributes:
        num_skipped: batches that the next iteration leaves out at its start, because a
            run is resumed in the middle of an epoch.
    """

    def __init__(self, batches: Any, *, seed: int, stage: int) -> None:
        self.batches, self.seed, self.stage = batches, seed, stage
        self.num_skipped = 0

    def __iter__(self) -> Iterator[SeededIndices]:
        rank, num_processes = get_dist_info()
        epoch = getattr(self.sampler, 'epoch', 0)
        num_skipped, self.num_skipped = self.num_skipped, 0
        place = 0
        for number, batch in enumerate(self.batches):
            places = range(place, place + len(batch))
            place += len(batch)
            if number < num_skipped:
                continue
            yield SeededIndices(
                batch,
                [
                    # A sampler deals the videos out to the processes by turns.
                    (self.seed, self.stage, epoch, place * num_processes + rank)
                    for place in places
                ],
            )

    def __len__(self) -> int:
        return len(self.batches)

    def __getattr__(self, name: str) -> Any:
        if name == 'batches':  # not there yet: it is being unpickled
            raise AttributeError(name)
        return getattr(self.batches, name)


def seed_loader(loader: DataLoader, *, seed: int, stage: int) -> SeededBatches | None:
    """Have a DataLoader seed each sample; None for one that makes no batches."""
    batches = loader.batch_sampler
    if batches is None:
        return None
    if not isinstance(batches, SeededBatches):
        batches = SeededBatches(batches, seed=seed, stage=stage)
        # DataLoader forbids it because an iteration may be under way; the next one is
        # what this is for.
        object.__setattr__(loader, 'batch_sampler', batches)
    batches.seed = seed
    return batches
