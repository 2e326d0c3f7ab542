"""Repeatable training: every step depends only on the previous state and the seed.

A checkpoint has no state of the random generators, as each data worker has its own. So
no random state is carried from step to step: the main process is seeded at every step
and the workers at every sample, see `seeded_batches`. A resumed run then does what an
uninterrupted one would have done.
"""

from __future__ import annotations

from typing import Any

import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, IterBasedTrainLoop, Runner

from mmdeepfake.registry import HOOKS

from ..seeded_batches import (
    STEP,
    TRAINING,
    VALIDATION,
    SeededBatches,
    seed_generators,
    seed_loader,
)

# Key in a checkpoint.
KEY = 'data_order'


@HOOKS.register_module()
class RepeatableRunHook(Hook):
    """Seed each sample and each step, and resume the order of the training data.

    An interrupted epoch is repeated, or continued if the checkpoint was made inside it
    (`CheckpointHook` with `by_epoch=False`). Training by iterations
    (`IterBasedTrainLoop`) continues after the last video.
    """

    priority = 'VERY_HIGH'

    def __init__(self) -> None:
        self._batches: SeededBatches | None = None
        self._resumed: dict[str, int] = {}
        self._num_done = 0  # batches in this epoch

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Read the position in the data of a resumed training."""
        if runner._resume:
            self._resumed = checkpoint.get(KEY, {})

    def before_train(self, runner: Runner) -> None:
        """Seed the data; the seed of a loaded checkpoint has priority."""
        loop = runner.train_loop
        loader = loop.dataloader
        self._batches = seed_loader(loader, seed=runner.seed, stage=TRAINING)
        if self._batches is None:
            return
        sampler = self._batches.sampler
        if 'sampler_seed' in self._resumed:
            sampler.seed = self._resumed['sampler_seed']
        if isinstance(loop, IterBasedTrainLoop):
            # Its iteration has already begun, with the seed of the config.
            if hasattr(sampler, '_indices_of_rank'):
                sampler.indices = sampler._indices_of_rank()
            loop.dataloader_iterator = type(loop.dataloader_iterator)(loader)
        else:
            self._num_done = self._resumed.get('num_batches', 0)
            self._batches.num_skipped = self._num_done
        self._resumed = {}

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None
    ) -> None:
        """Seed the draws of the network, e.g. for dropout."""
        seed_generators(runner.seed, STEP, runner.iter, get_rank())
        if torch.cuda.is_available():
            torch.cuda.manual_seed_all(torch.initial_seed())

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Any = None,
    ) -> None:
        """Count the batches of the epoch; batch_idx ignores skipped ones."""
        self._num_done += 1

    def after_train_epoch(self, runner: Runner) -> None:
        """Reset the count before the checkpoint of the epoch."""
        self._num_done = 0

    def before_val(self, runner: Runner) -> None:
        """Make a validation independent of previous ones."""
        if isinstance(runner._train_loop, BaseLoop):
            seed_loader(runner.val_dataloader, seed=runner.seed, stage=VALIDATION)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Add the position in the data."""
        if self._batches is None or 'optimizer' not in checkpoint:
            return
        order = {}
        if not isinstance(runner.train_loop, IterBasedTrainLoop):
            order['num_batches'] = self._num_done
        seed = getattr(self._batches.sampler, 'seed', None)
        if seed is not None:
            order['sampler_seed'] = int(seed)
        checkpoint[KEY] = order
