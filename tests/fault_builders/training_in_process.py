"""Trainings of the stub in this very process, and one that ends in its midst."""

from __future__ import annotations

import itertools

from mmengine.hooks import Hook
from tool_runs import CONFIG

from mmdeepfake.engine.build import build_runner, load_config

_numbers = itertools.count()


class Killed(Exception):
    """Stands for a kill: nothing of the run goes on behind it."""


class StopHook(Hook):
    """Ends the training at the n-th call of one of its moments."""

    priority = 0  # before all others

    def __init__(self, moment, number):
        self.left = number
        setattr(self, moment, self._count)

    def _count(self, *_, **__):
        self.left -= 1
        if self.left == 0:
            raise Killed


def make_runner(work_dir, *, stop=None, hooks=(), **options):
    """Build the stub's runner.

    Args:
        work_dir: of the run.
        stop: (name of a hook's method, number of the call) to end at.
        hooks: configs of further hooks.
        options: of the config, dots written as two underscores; a dict replaces.
    """
    cfg = load_config(CONFIG)
    cfg.merge_from_dict(
        {
            key.replace('__', '.'): value
            for key, value in options.items()
            if key not in ('train_cfg', 'param_scheduler', 'default_hooks')
        }
    )
    for key in ('train_cfg', 'param_scheduler'):
        if key in options:
            cfg[key] = options[key]
    cfg.work_dir = str(work_dir)
    # Else two runs of one second would share what MMEngine keeps by that name.
    cfg.experiment_name = f'run{next(_numbers)}'
    cfg.custom_hooks = [*cfg.custom_hooks, *hooks]
    runner = build_runner(cfg)
    if stop is not None:
        runner.register_hook(StopHook(*stop))
    return runner


def train(work_dir, **options):
    """Train to the end, or to where `stop` says; return the runner."""
    runner = make_runner(work_dir, **options)
    try:
        runner.train()
    except Killed:
        assert options.get('stop')
    else:
        assert not options.get('stop'), 'it ended before it was to be stopped'
    return runner


def resume(work_dir, **options):
    """Go on as `--resume` does."""
    return train(work_dir, resume=True, load_from=None, **options)
