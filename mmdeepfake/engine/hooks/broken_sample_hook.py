"""Skip videos that cannot be read during a run."""

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
from ..run_record import RECORD, add_facts
from ..skipped_videos import SkippedVideos, from_plain, to_plain

# Key in the checkpoint and in the record of the run.
SKIPPED = 'skipped_videos'
_STEPS = {'train': 'train_step', 'val': 'val_step', 'test': 'test_step'}


@HOOKS.register_module()
class BrokenSampleHook(Hook):
    """Skip broken videos of datasets with `on_error='skip'`.

    The batch is smaller without them. Each one is logged with its key and error,
    counted once, and listed in `run.json`; the run stops beyond the dataset's limit. A
    predicted batch has a placeholder without a score for each, which `DeepfakeMetric`
    counts as left out.

    A training step with an empty batch is not made, but counted as an iteration. All
    processes skip a step if the batch of one of them is empty, since they would wait
    for its gradients. They share one list.

    The list is saved in checkpoints, so a resumed training continues it.

    Without such a dataset nothing changes. In any case data workers record the video
    that they are reading, for the message if one of them dies.
    """

    def __init__(self) -> None:
        self._lists: dict[str, list[SkippedVideos]] = {}
        self._loaders: dict[str, DataLoader] = {}
        self._undo: dict[str, list[Callable[[], None]]] = {}
        self._num_steps_skipped = 0
        self._earlier: list[BrokenSample] = []

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Restore the list of a resumed training."""
        if not runner._resume:
            return
        earlier = checkpoint.get(SKIPPED, {})
        if not isinstance(earlier, dict):
            earlier = {'samples': earlier}
        self._earlier = from_plain(earlier.get('samples', ()))
        self._num_steps_skipped = int(earlier.get('num_steps_left_out', 0))

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Save the list in the checkpoint."""
        lists = [one for lists in self._lists.values() for one in lists]
        found = [sample for one in lists for sample in one.found.values()]
        # Earlier samples include validation videos, unknown until the first validation.
        samples = dict.fromkeys((*self._earlier, *found))
        if samples:
            checkpoint[SKIPPED] = {
                'samples': to_plain(samples),
                'num_steps_left_out': self._num_steps_skipped,
            }

    def before_train(self, runner: Runner) -> None:
        """Watch the training videos."""
        self._watch(runner, 'train', runner.train_dataloader)

    def before_train_epoch(self, runner: Runner) -> None:
        """Record what was skipped before; `run.json` exists by now."""
        if self._lists.get('train'):
            self._write(runner, 'train')

    def before_val(self, runner: Runner) -> None:
        """Watch the validation videos."""
        self._watch(runner, 'val', runner.val_dataloader)

    def before_test(self, runner: Runner) -> None:
        """Watch the test videos."""
        self._watch(runner, 'test', runner.test_dataloader)

    def after_train(self, runner: Runner) -> None:
        """Record what was skipped."""
        self._leave(runner, 'train')

    def after_val(self, runner: Runner) -> None:
        """Record what was skipped."""
        self._leave(runner, 'val')

    def after_test(self, runner: Runner) -> None:
        """Record what was skipped."""
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
        # The collate_fn is the only place that sees all samples of a batch.
        if not isinstance(loader.collate_fn, CollateReadable):
            loader.collate_fn = CollateReadable(loader.collate_fn)
        for dataset in skipping:
            dataset.marks_broken = True
        for one in self._lists[stage]:
            one.add(self._earlier)
            runner.logger.info(
                f"{name}, split {one.split!r}: on_error='skip'; {one.count_text()}"
            )

    def _guard(self, runner: Runner, stage: str) -> None:
        """Wrap the model's step, since a hook cannot skip it."""
        name = _STEPS[stage]
        step = getattr(runner.model, name)

        def train_step(data: Any, optim_wrapper: Any) -> dict:
            if self._has_samples(runner, data):
                return step(data, optim_wrapper=optim_wrapper)
            return {}

        def predict_step(data: Any) -> list:
            broken = take_broken(data)
            self._record(runner, stage, [sample for _, sample in broken])
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

    def _has_samples(self, runner: Runner, batch: Any) -> bool:
        """Record the markers of a batch and return whether to make the step."""
        samples = [sample for _, sample in take_broken(batch)]
        samples, is_empty = agree(samples, not batch, lists=self._lists['train'])
        self._record(runner, 'train', samples)
        if is_empty:
            self._num_steps_skipped += 1
            whose = ' in one of the processes' if get_world_size() > 1 else ''
            runner.logger.warning(
                f'iteration {runner.iter + 1}: empty batch{whose}; step skipped'
            )
        return not is_empty

    def _record(self, runner: Runner, stage: str, samples: list[BrokenSample]) -> None:
        for one in self._lists[stage]:
            new = one.add(samples)
            for sample in new:
                runner.logger.warning(f'skipped: {sample} ({one.count_text()})')
            if new:
                self._write(runner, stage)
            one.check()

    def _share(self, runner: Runner, stage: str) -> None:
        """Merge the lists of all processes."""
        found = [s for one in self._lists[stage] for s in one.found.values()]
        parts = all_gather_object(found)
        self._record(runner, stage, [sample for part in parts for sample in part])

    def _leave(self, runner: Runner, stage: str) -> None:
        if self._lists.get(stage):
            self._write(runner, stage)
        for undo in self._undo.pop(stage, ()):
            undo()

    def _write(self, runner: Runner, stage: str) -> None:
        """Write the counts into the record, validation along with its training."""
        if not is_main_process():
            return
        in_training = isinstance(runner._train_loop, BaseLoop)
        facts: dict[str, Any] = {
            name: [one.record() for one in lists]
            for name, lists in self._lists.items()
            if lists and (in_training or name == stage)
        }
        if 'train' in facts:
            facts['steps_left_out'] = self._num_steps_skipped
        phase = 'train' if in_training else stage
        add_facts(pathlib.Path(runner.work_dir, RECORD), phase, {SKIPPED: facts})


def agree(
    samples: Sequence[BrokenSample], is_empty: bool, *, lists: Sequence[SkippedVideos]
) -> tuple[list[BrokenSample], bool]:
    """Merge the broken samples of all processes in one training step.

    Args:
        samples: samples of this process.
        is_empty: whether its batch is empty.
        lists: lists known to all processes.

    Returns:
        The new samples of all processes, and whether one of them has an empty batch.
    """
    new = [s for s in samples if not any(one.knows(s) for one in lists)]
    if get_world_size() == 1:
        return new, is_empty
    counts = torch.tensor([len(new), int(is_empty)])
    all_reduce(counts)
    # Exchanging objects is slow, and almost all steps have none.
    parts = all_gather_object(new) if counts[0] else []
    return [sample for part in parts for sample in part], bool(counts[1])


def replace_method(owner: Any, name: str, method: Callable) -> Callable[[], None]:
    """Replace a method of one object; return a function that undoes it."""
    is_own = name in vars(owner)
    previous = getattr(owner, name)
    setattr(owner, name, method)

    def undo() -> None:
        if is_own:
            setattr(owner, name, previous)
        else:
            delattr(owner, name)

    return undo
