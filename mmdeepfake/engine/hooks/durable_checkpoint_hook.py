"""Checkpoints that a run can be resumed from whatever moment it was killed at."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.hooks import CheckpointHook, SyncBuffersHook
from mmengine.runner import BaseLoop, IterBasedTrainLoop, Runner

from mmdeepfake.errors import DataError
from mmdeepfake.files.atomic_write import replace_text
from mmdeepfake.registry import HOOKS

from ..checkpoint_choice import (
    POINTER,
    Validated,
    choose_checkpoint,
    step_of,
    takes_over,
)
from ..durable_backend import flush_folder

# In the message hub, which goes into checkpoints; what begins with 'val' is logged.
_VALIDATED, _OUTDATED = 'last_validated', 'outdated_checkpoints'
_BEST = 'best_validation'  # greatest figure; figure and cross-entropy of the one kept


@HOOKS.register_module()
class DurableCheckpointHook(CheckpointHook):
    """MMEngine's `CheckpointHook`, where a kill at any moment costs an epoch at most.

    The arguments are the same. What differs:

    - a checkpoint gets its name when all of it is on the disk (see `DurableBackend`),
      then `last_checkpoint` names it, and only then are older ones deleted;
    - a run resumed from its folder takes the newest checkpoint that is whole;
    - a validation that a kill cut off is made up for, and a checkpoint is written again
      after its validation, so that the result of the validation is resumed as well;
    - epochs whose `save_best` figures differ by at most one video are compared by
      their validation cross-entropy (see `takes_over`), where the metric has it.
    """

    def before_run(self, runner: Runner) -> None:
        """Choose what to resume from, before MMEngine looks for it."""
        if runner._resume and runner._load_from is None:
            chosen = [self._choose(runner) if is_main_process() else None]
            broadcast_object_list(chosen)  # every process goes on from the same
            runner._load_from = chosen[0]

    def _choose(self, runner: Runner) -> str | None:
        folder = runner.work_dir
        if self.out_dir not in (None, folder):
            folder = os.path.join(self.out_dir, os.path.basename(folder.rstrip('/')))
        choice = choose_checkpoint(
            runner.work_dir, folder=folder, template=self.filename_tmpl
        )
        if choice is None:
            return None
        if choice.faults:
            runner.logger.warning(
                f'{"; ".join(choice.faults)}: resuming from {choice.path}'
            )
        return str(choice.path)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Refuse to resume from bare weights."""
        if not runner._resume:
            return
        if self.save_optimizer and 'optimizer' not in checkpoint:
            raise DataError(
                f'checkpoint {runner._load_from} holds no state of the optimizer, as '
                'those of the best validation do not: resume from an epoch_*.pth or '
                'iter_*.pth, or start a new run from its weights with '
                '--cfg-options load_from=CHECKPOINT'
            )

    def before_train(self, runner: Runner) -> None:
        """Clear up after a kill; make up for the validation that it cut off."""
        super().before_train(runner)
        self._outdated: list[str] = []
        self._step_saved: int | None = None
        self._metrics: Mapping[str, Any] = {}
        if is_main_process():
            self._remove_temporary_files(runner)
        if not runner._resume or not _progress(runner):
            return
        self._take_over_files(runner)
        if self._owes_validation(runner):
            self._make_up_validation(runner)

    def _remove_temporary_files(self, runner: Runner) -> None:
        """Remove temporary files of a killed run; no other run writes here now."""
        for folder, name in ((self.out_dir, '*.pth'), (runner.work_dir, POINTER)):
            for path in Path(folder).glob(f'.{name}*.tmp'):
                path.unlink(missing_ok=True)

    def _take_over_files(self, runner: Runner) -> None:
        """Find the files of the run that goes on; its folder may have moved."""
        hub = runner.message_hub
        self._step_saved = self._step(runner)
        self.last_ckpt = self._path(hub.get_info('last_ckpt', ''))
        if getattr(self, 'best_ckpt_path', None):
            self.best_ckpt_path = self._path(self.best_ckpt_path)
        for key, path in getattr(self, 'best_ckpt_path_dict', {}).items():
            self.best_ckpt_path_dict[key] = path and self._path(path)
        self._remove(hub.get_info(_OUTDATED, ()))

    def _path(self, name: str) -> str:
        return self.file_backend.join_path(self.out_dir, os.path.basename(name))

    def _step(self, runner: Runner) -> int:
        """Return the number in a checkpoint's name."""
        return runner.epoch if self.by_epoch else runner.iter

    def _owes_validation(self, runner: Runner) -> bool:
        loop, progress = runner.train_loop, _progress(runner)
        if runner.val_loop is None or progress < loop.val_begin:
            return False
        loop._decide_current_val_interval()
        end = loop.max_iters if _goes_by_iterations(runner) else loop.max_epochs
        is_due = progress % loop.val_interval == 0 or progress == end
        return is_due and runner.message_hub.get_info(_VALIDATED) != progress

    def _make_up_validation(self, runner: Runner) -> None:
        runner.logger.info('Making up for the validation that was cut off')
        # As MMEngine leaves them behind an epoch: those of its last step.
        if not _goes_by_iterations(runner):
            runner.message_hub.update_info('epoch', runner.epoch - 1)
        runner.message_hub.update_info('iter', runner.iter - 1)
        for hook in runner.hooks:
            if isinstance(hook, SyncBuffersHook):
                hook.called_in_train = (
                    True  # all processes have read them from one file
                )
        runner.val_loop.run()

    def after_val_epoch(
        self, runner: Runner, metrics: Mapping[str, Any] | None = None
    ) -> None:
        """Keep the figures; a checkpoint waits for the hooks that come later."""
        self._metrics = metrics or {}

    def after_val(self, runner: Runner) -> None:
        """Save the best checkpoint, and the latest one again, now validated."""
        if not isinstance(runner._train_loop, BaseLoop):
            return
        step = self._step(runner)
        was_saved, self._step_saved = self._step_saved == step, None
        runner.message_hub.update_info(_VALIDATED, _progress(runner))
        super().after_val_epoch(runner, self._metrics)
        if was_saved and self._step_saved is None:  # it was not the best one
            meta = {'epoch': runner.epoch, 'iter': runner.iter}
            self._save_checkpoint_with_step(runner, step, meta)

    def _save_best_checkpoint(self, runner: Runner, metrics: Mapping[str, Any]) -> None:
        if not self._is_best(runner, metrics):
            return
        backend = self.file_backend
        self.file_backend = _LaterRemovals(backend, self._outdated)
        try:
            super()._save_best_checkpoint(runner, metrics)
        finally:
            self.file_backend = backend
        self._remove(self._outdated)
        self._outdated.clear()

    def _is_best(self, runner: Runner, metrics: Mapping[str, Any]) -> bool:
        """Break ties; True leaves the decision to MMEngine, or has made it."""
        if not self.save_best or len(self.key_indicators) != 1:
            return True
        key, rule = self.key_indicators[0], self.rules[0]
        prefix = key.partition('/')[0]
        try:
            cross_entropy = metrics[f'{prefix}/cross_entropy']
            num_videos = metrics[f'{prefix}/num_videos']
        except KeyError:
            return True
        hub, sign = runner.message_hub, {'greater': 1, 'less': -1}[rule]
        new = Validated(sign * metrics[key], cross_entropy)
        best, *kept = hub.runtime_info.get(_BEST, (-math.inf, -math.inf, math.inf))
        best = max(best, new.figure)  # which a nan does not become
        chosen = takes_over(
            new, Validated(*kept), best_figure=best, num_videos=num_videos
        )
        hub.update_info(_BEST, [best, *(new if chosen else kept)])
        if chosen:  # so that MMEngine takes it
            hub.update_info('best_score', self.init_value_map[rule])
        return chosen

    def _save_checkpoint_with_step(
        self, runner: Runner, step: int, meta: dict[str, Any]
    ) -> None:
        """Write a checkpoint, then its name, then delete; MMEngine deletes first."""
        hub = runner.message_hub
        if self.max_keep_ckpts > 0 and step not in self.keep_ckpt_ids:
            if len(self.keep_ckpt_ids) == self.max_keep_ckpts:
                outdated = self.filename_tmpl.format(self.keep_ckpt_ids.popleft())
                self._outdated.append(outdated)
            self.keep_ckpt_ids.append(step)
            hub.update_info('keep_ckpt_ids', list(self.keep_ckpt_ids))
        # Should a kill come before they are deleted, the next start does it.
        hub.update_info(_OUTDATED, list(self._outdated))
        name = self.filename_tmpl.format(step)
        self.last_ckpt = self._path(name)
        hub.update_info('last_ckpt', self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir,
            name,
            self.file_client_args,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        self._step_saved = step
        if is_main_process():
            replace_text(Path(runner.work_dir, POINTER), self.last_ckpt)
            flush_folder(runner.work_dir)
        self._remove(self._outdated)
        self._outdated.clear()

    def _remove(self, names: Iterable[str]) -> None:
        """Delete checkpoints of ours; names may come from a file, so none else."""
        if not is_main_process():
            return
        for name in names:
            is_best = name.startswith('best_') and name.endswith('.pth')
            if os.path.basename(name) == name and (
                is_best or step_of(name, self.filename_tmpl)
            ):
                _remove_from(self.file_backend, self._path(name))


class _LaterRemovals:
    """A file backend that records the names to remove and removes nothing."""

    def __init__(self, backend: Any, names: list[str]) -> None:
        self._backend, self._names = backend, names

    def remove(self, path: str) -> None:
        self._names.append(os.path.basename(path))

    rmtree = remove

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)


def _remove_from(backend: Any, path: str) -> None:
    if isinstance(backend, _LaterRemovals):
        backend = backend._backend
    if backend.isfile(path):
        backend.remove(path)
    elif backend.isdir(path):  # DeepSpeed's checkpoints are folders
        backend.rmtree(path)


def _goes_by_iterations(runner: Runner) -> bool:
    return isinstance(runner.train_loop, IterBasedTrainLoop)


def _progress(runner: Runner) -> int:
    """Return the epochs done, or iterations where the training goes by those."""
    return runner.iter if _goes_by_iterations(runner) else runner.epoch
