"""Makes every step of a training a function of the state before it, and of the seed.

A checkpoint holds no state of the random generators, nor could it: each data-loading
worker has its own. So none is carried from one step to the next. The generators of the
main process are seeded at each step, those of the workers at each sample, see
`seeded_batches`; a run that is resumed then does what it would have done.
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

# State in a checkpoint, beside what MMEngine keeps there.
KEY = 'data_order'


@HOOKS.register_module()
class RepeatableRunHook(Hook):
    """Seeds each sample and each step, and resumes the order of the training data.

    An epoch that was under way is repeated from its start, or goes on where the
    checkpoint was made in its midst (`CheckpointHook` with `by_epoch=False`). Training
    by iterations (`IterBasedTrainLoop`) goes on behind the last video that it used.
    """

    priority = 'VERY_HIGH'

    def __init__(self) -> None:
        self._batches: SeededBatches | None = None
        self._resumed: dict[str, int] = {}
        self._num_done = 0  # batches of this epoch

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Note where the data of a resumed training stood."""
        if runner._resume:
            self._resumed = checkpoint.get(KEY, {})

    def before_train(self, runner: Runner) -> None:
        """Take over the data; the seed is the checkpoint's where one was loaded."""
        loop = runner.train_loop
        loader = loop.dataloader
        self._batches = seed_loader(loader, seed=runner.seed, stage=TRAINING)
        if self._batches is None:
            return
        sampler = self._batches.sampler
        if 'sampler_seed' in self._resumed:
            sampler.seed = self._resumed['sampler_seed']
        if isinstance(loop, IterBasedTrainLoop):
            # Its iteration has begun already, under the seed of the config.
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
        """Seed what the network itself draws, as by dropout."""
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
        """Count the batches of the epoch; batch_idx does not know of skipped ones."""
        self._num_done += 1

    def after_train_epoch(self, runner: Runner) -> None:
        """Begin to count again, before a checkpoint is made of the whole epoch."""
        self._num_done = 0

    def before_val(self, runner: Runner) -> None:
        """Let a validation depend on the weights alone, not on those before it."""
        if isinstance(runner._train_loop, BaseLoop):
            seed_loader(runner.val_dataloader, seed=runner.seed, stage=VALIDATION)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Add what a resumed training needs to find its place in the data."""
        if self._batches is None or 'optimizer' not in checkpoint:
            return
        order = {}
        if not isinstance(runner.train_loop, IterBasedTrainLoop):
            order['num_batches'] = self._num_done
        seed = getattr(self._batches.sampler, 'seed', None)
        if seed is not None:
            order['sampler_seed'] = int(seed)
        checkpoint[KEY] = order
