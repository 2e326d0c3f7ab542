"""Random draws of training data that depend only on the position of a sample.

MMEngine seeds a data worker once, at its start. A sample's draws then depend on the
number of samples that its worker has read before, so a resumed run differs from an
uninterrupted one, and workers that restart every epoch repeat their draws. Here every
sample has its own seed from the run's seed, the epoch and the position in the epoch,
independent of the number of workers and processes and of when the run began.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.dist import get_dist_info
from torch.utils.data import DataLoader

TRAINING, VALIDATION, STEP = range(3)  # part of the seed

Entropy = tuple[int, ...]


def seed_generators(*entropy: int) -> None:
    """Seed Python's, NumPy's and PyTorch's CPU generators from integers >= 0."""
    words = np.random.SeedSequence(entropy).generate_state(4)
    random.seed(int(words[0]))
    np.random.seed(int(words[1]))
    torch.default_generator.manual_seed(int(words[2]) << 32 | int(words[3]))


class SeededIndices(list):
    """Indices of a batch that seed all generators before each index is yielded.

    A DataLoader reads a sample right after taking its index, in a worker or the main
    process, so the dataset needs no wrapper.
    """

    def __init__(self, indices: Sequence[int], entropies: Sequence[Entropy]) -> None:
        super().__init__(indices)
        self.entropies = entropies

    def __iter__(self) -> Iterator[int]:
        for index, entropy in zip(self[:], self.entropies, strict=True):
            seed_generators(*entropy)
            yield index

    def __reduce__(self) -> tuple:
        # Pickling a list subclass iterates by default, which would seed here.
        return SeededIndices, (self[:], self.entropies)


class SeededBatches:
    """A batch sampler whose batches are `SeededIndices`.

    Args:
        batches: the original batch sampler.
        seed: seed of the run.
        stage: TRAINING or VALIDATION.

    Attributes:
        num_skipped: batches to skip at the start of the next iteration, for a run that
            is resumed in the middle of an epoch.
    """

    def __init__(self, batches: Any, *, seed: int, stage: int) -> None:
        self.batches, self.seed, self.stage = batches, seed, stage
        self.num_skipped = 0

    def __iter__(self) -> Iterator[SeededIndices]:
        rank, num_processes = get_dist_info()
        epoch = getattr(self.sampler, 'epoch', 0)
        num_skipped, self.num_skipped = self.num_skipped, 0
        # Of a sampler of pairs, real and pseudo-fake: both draw alike.
        num_alike = getattr(self.sampler, 'samples_per_draw', 1)
        place = 0
        for number, batch in enumerate(self.batches):
            places = range(place, place + len(batch))
            place += len(batch)
            if number < num_skipped:
                continue
            yield SeededIndices(
                batch,
                [
                    # A sampler assigns videos to processes in turn.
                    (
                        self.seed,
                        self.stage,
                        epoch,
                        place // num_alike * num_processes + rank,
                    )
                    for place in places
                ],
            )

    def __len__(self) -> int:
        return len(self.batches)

    def __getattr__(self, name: str) -> Any:
        if name == 'batches':  # during unpickling
            raise AttributeError(name)
        return getattr(self.batches, name)


def seed_loader(loader: DataLoader, *, seed: int, stage: int) -> SeededBatches | None:
    """Make a DataLoader seed each sample; return None if it has no batches."""
    batches = loader.batch_sampler
    if batches is None:
        return None
    if not isinstance(batches, SeededBatches):
        batches = SeededBatches(batches, seed=seed, stage=stage)
        # DataLoader forbids this for the sake of a running iteration; this is for the
        # next one.
        object.__setattr__(loader, 'batch_sampler', batches)
    batches.seed = seed
    return batches
