"""What becomes of videos that cannot be read while a run goes on."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import torch
from mmengine.dist import all_gather_object, all_reduce, get_world_size, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, Runner
from torch.utils.data import DataLoader

from mmdeepfake.registry import HOOKS
from mmdeepfake.structures import BrokenSample

from ..broken_sample_batches import (
    CollateReadable,
    innermost_datasets,
    put_back,
    take_broken,
)
from ..data_workers import watch_reading
from ..skipped_videos import SkippedVideos, from_plain, to_plain
from .run_report_hook import RECORD, add_facts

# Name in the checkpoint and in the record of the run.
SKIPPED = 'skipped_videos'
_STEPS = {'train': 'train_step', 'val': 'val_step', 'test': 'test_step'}


@HOOKS.register_module()
class BrokenSampleHook(Hook):
    """Goes on without broken videos where the dataset says `on_error='skip'`.

    The batch is smaller by them. Each is logged with its key and its fault, counted
    once however often it comes, and named in `run.json`; the run stops when more than
    the dataset's limit are. A predicted batch keeps a place without a score for each,
    which `DeepfakeMetric` counts as left out.

    A training step of whose batch nothing is left is not made, but counted. With
    several processes all of them leave such a step out, if it happens to one: the
    others would wait for its gradients for ever. They keep one list between them.

    The list goes into the checkpoints, so a training that is resumed counts on.

    Where no dataset skips, nothing is changed; data workers tell in either case which
    video they are reading, so that a message can name it if one of them dies.
    """

    def __init__(self) -> None:
        self._lists: dict[str, list[SkippedVideos]] = {}
        self._loaders: dict[str, DataLoader] = {}
        self._undo: dict[str, list[Callable[[], None]]] = {}
        self._num_steps_left_out = 0
        self._earlier: list[BrokenSample] = []

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Remember what a training that is resumed has skipped before."""
        if not runner._resume:
            return
        earlier = checkpoint.get(SKIPPED, {})
        if not isinstance(earlier, dict):
            earlier = {'samples': earlier}
        self._earlier = from_plain(earlier.get('samples', ()))
        self._num_steps_left_out = int(earlier.get('num_steps_left_out', 0))

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Put the list into the checkpoint."""
        lists = [one for lists in self._lists.values() for one in lists]
        found = [sample for one in lists for sample in one.found.values()]
        # Of validation videos none is met before the first validation.
        samples = dict.fromkeys((*self._earlier, *found))
        if samples:
            checkpoint[SKIPPED] = {
                'samples': to_plain(samples),
                'num_steps_left_out': self._num_steps_left_out,
            }

    def before_train(self, runner: Runner) -> None:
        """Watch the training videos, and those of validation once they come."""
        self._watch(runner, 'train', runner.train_dataloader)

    def before_train_epoch(self, runner: Runner) -> None:
        """Write down what was skipped before; the record of the run stands by now."""
        if self._lists.get('train'):
            self._write(runner, 'train')

    def before_val(self, runner: Runner) -> None:
        """Watch the videos of the validation."""
        self._watch(runner, 'val', runner.val_dataloader)

    def before_test(self, runner: Runner) -> None:
        """Watch the videos of the test."""
        self._watch(runner, 'test', runner.test_dataloader)

    def after_train(self, runner: Runner) -> None:
        """Write down what was skipped, also where it was nothing."""
        self._leave(runner, 'train')

    def after_val(self, runner: Runner) -> None:
        """Write down what was skipped."""
        self._leave(runner, 'val')

    def after_test(self, runner: Runner) -> None:
        """Write down what was skipped."""
        self._leave(runner, 'test')

    def _watch(self, runner: Runner, stage: str, loader: DataLoader) -> None:
        if self._loaders.get(stage) is not loader:
            self._loaders[stage] = loader
            self._begin(runner, stage, loader)
        if self._lists[stage]:
            self._guard(runner, stage)

    def _begin(self, runner: Runner, stage: str, loader: DataLoader) -> None:
        datasets = list(innermost_datasets(loader.dataset))
        watch_reading(datasets, num_workers=loader.num_workers)
        skipping = [
            dataset
            for dataset in datasets
            if hasattr(dataset, 'skip_rule') and dataset.skip_rule.skips
        ]
        name = f'{stage}_dataloader'
        self._lists[stage] = [SkippedVideos.of_dataset(one, name) for one in skipping]
        if not skipping:
            return
        # MMEngine gives a loader no way to be told of markers but its collate_fn.
        if not isinstance(loader.collate_fn, CollateReadable):
            loader.collate_fn = CollateReadable(loader.collate_fn)
        for dataset in skipping:
            dataset.mark_broken()
        for one in self._lists[stage]:
            one.add(self._earlier)
            runner.logger.info(
                f"{name}, split {one.split!r}: on_error='skip'; {one.count_text()}"
            )

    def _guard(self, runner: Runner, stage: str) -> None:
        """Stand between the loop and the model, since a hook cannot skip a step."""
        name = _STEPS[stage]
        step = getattr(runner.model, name)

        def train_step(data: Any, optim_wrapper: Any) -> dict:
            if self._admit(runner, data):
                return step(data, optim_wrapper=optim_wrapper)
            return {}

        def predict_step(data: Any) -> list:
            broken = take_broken(data)
            self._note(runner, stage, [sample for _, sample in broken])
            return put_back(step(data) if data else [], broken)

        if stage == 'train':
            self._undo[stage] = [replace_method(runner.model, name, train_step)]
            return
        evaluator = getattr(runner, f'{stage}_loop').evaluator
        evaluate = evaluator.evaluate

        def evaluate_within_limit(size: int) -> dict:
            self._share(runner, stage)
            return evaluate(size)

        self._undo[stage] = [
            replace_method(runner.model, name, predict_step),
            replace_method(evaluator, 'evaluate', evaluate_within_limit),
        ]

    def _admit(self, runner: Runner, batch: Any) -> bool:
        """Note the markers of a batch, and say whether the step is to be made."""
        samples = [sample for _, sample in take_broken(batch)]
        samples, is_empty = agree(samples, not batch, lists=self._lists['train'])
        self._note(runner, 'train', samples)
        if is_empty:
            self._num_steps_left_out += 1
            whose = ' of one of the processes' if get_world_size() > 1 else ''
            runner.logger.warning(
                f'iteration {runner.iter + 1}: nothing is left of the batch{whose}; '
                'no step is made'
            )
        return not is_empty

    def _note(self, runner: Runner, stage: str, samples: list[BrokenSample]) -> None:
        for one in self._lists[stage]:
            new = one.add(samples)
            for sample in new:
                runner.logger.warning(f'skipped: {sample} ({one.count_text()})')
            if new:
                self._write(runner, stage)
            one.check()

    def _share(self, runner: Runner, stage: str) -> None:
        """Bring the lists of all processes together once each has predicted."""
        found = [s for one in self._lists[stage] for s in one.found.values()]
        parts = all_gather_object(found)
        self._note(runner, stage, [sample for part in parts for sample in part])

    def _leave(self, runner: Runner, stage: str) -> None:
        if self._lists.get(stage):
            self._write(runner, stage)
        for undo in self._undo.pop(stage, ()):
            undo()

    def _write(self, runner: Runner, stage: str) -> None:
        """Put the counts into the record, a validation's beside its training's."""
        if not is_main_process():
            return
        in_training = isinstance(runner._train_loop, BaseLoop)
        facts: dict[str, Any] = {
            name: [one.record() for one in lists]
            for name, lists in self._lists.items()
            if lists and (in_training or name == stage)
        }
        if 'train' in facts:
            facts['steps_left_out'] = self._num_steps_left_out
        phase = 'train' if in_training else stage
        add_facts(pathlib.Path(runner.work_dir, RECORD), phase, {SKIPPED: facts})


def agree(
    samples: Sequence[BrokenSample],
    is_empty: bool,
    *,
    lists: Sequence[SkippedVideos],
) -> tuple[list[BrokenSample], bool]:
    """Bring the processes' broken samples of one training step together.

    Args:
        samples: of this process.
        is_empty: whether nothing is left of its batch.
        lists: what all processes know already.

    Returns:
        The new samples of all processes, and whether one of them has an empty batch.
    """
    new = [s for s in samples if not any(one.knows(s) for one in lists)]
    if get_world_size() == 1:
        return new, is_empty
    counts = torch.tensor([len(new), int(is_empty)])
    all_reduce(counts)
    # Objects are costly to exchange, and there are none in nearly all steps.
    parts = all_gather_object(new) if counts[0] else []
    return [sample for part in parts for sample in part], bool(counts[1])


def replace_method(owner: Any, name: str, method: Callable) -> Callable[[], None]:
    """Put a function in place of a method of one object; give what undoes it."""
    is_own = name in vars(owner)
    previous = getattr(owner, name)
    setattr(owner, name, method)

    def undo() -> None:
        if is_own:
            setattr(owner, name, previous)
        else:
            delattr(owner, name)

    return undo
