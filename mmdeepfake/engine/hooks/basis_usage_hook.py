"""How many of its basis filters each RATF uses, watched during a run."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from mmengine.dist import all_reduce, master_only
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import BaseLoop, Runner
from torch import Tensor, nn

from mmdeepfake.registry import HOOKS

from ..run_record import MIN_SHARE, RECORD, USAGE, Usage, add_facts, describe_usage

MAX_SHARE = 0.95  # ours; above it a RATF is one filter for all positions


@HOOKS.register_module()
class BasisUsageHook(Hook):
    """Logs at each validation and test how many basis filters each RATF uses.

    A basis rules a position where it has the greatest weight of Eq. (3). The figures
    are kept in `run.json`. After the first third of a training, a RATF that one basis
    rules almost alone brings a warning, once: it filters all regions alike. Models
    without a RATF, and compiled ones, are not watched.
    """

    priority = 'HIGH'  # before other hooks show the model further videos
    kept_on_resume = ('_warned',)

    def __init__(self) -> None:
        self._warned = False
        self._counts: dict[str, Tensor] = {}
        self._handles: list[Any] = []

    def _before_epoch(self, runner: Runner, mode: str = 'train') -> None:
        if mode == 'train':
            return
        wrapped = is_model_wrapper(runner.model)
        model = runner.model.module if wrapped else runner.model
        self._counts = {}
        self._handles = [
            module.logit_norm.register_forward_hook(partial(self._count, name))
            for name, module in model.named_modules()
            if hasattr(module, 'logit_norm')  # a RATF
        ]

    def _count(self, name: str, _: nn.Module, __: tuple, logits: Tensor) -> None:
        if not torch.jit.is_tracing() and not torch.compiler.is_compiling():
            chosen = logits.argmax(dim=1).flatten()
            counts = torch.bincount(chosen, minlength=logits.shape[1])
            self._counts[name] = self._counts.get(name, 0) + counts

    def _after_epoch(self, runner: Runner, mode: str = 'train') -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []
        if mode == 'train' or not self._counts:
            return
        for counts in self._counts.values():
            all_reduce(counts)
        usage = {name: summarise_counts(one) for name, one in self._counts.items()}
        runner.logger.info(describe_usage(usage))
        in_training = isinstance(runner._train_loop, BaseLoop)
        _record(runner, 'train' if in_training else mode, usage)
        if in_training and 3 * runner.iter > runner.max_iters:
            self._warn_once(runner, usage)

    def _warn_once(self, runner: Runner, usage: Mapping[str, Usage]) -> None:
        alone = [n for n, one in usage.items() if one['largest_share'] > MAX_SHARE]
        if alone and not self._warned:
            self._warned = True
            runner.logger.warning(
                f'RATF: one basis filter rules over {MAX_SHARE:.0%} of all positions '
                f'in {", ".join(alone)}: there all regions are filtered alike. A lower '
                "learning rate or ratf_cfg=dict(logit_norm='BN') may keep more in use"
            )


@master_only
def _record(runner: Runner, phase: str, usage: Mapping[str, Usage]) -> None:
    add_facts(pathlib.Path(runner.work_dir, RECORD), phase, {USAGE: dict(usage)})


def summarise_counts(counts: Tensor) -> Usage:
    """Summarise the number of positions, (R,), that each basis rules."""
    shares = counts.double() / counts.sum()
    return Usage(
        in_use=int((shares > MIN_SHARE).sum()),
        num_basis=len(counts),
        largest_share=float(shares.max()),
    )
