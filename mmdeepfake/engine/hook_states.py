"""What hooks remember between epochs, put into checkpoints and taken out again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

# MMEngine's hooks do not say what they remember; those of ours do, as `kept_on_resume`.
_OF_MMENGINE = {'EarlyStoppingHook': ('best_score', 'wait_count')}
_KEY = 'hooks'
_STOPPED = 'stop_training'


def keep_hook_states(runner: Runner, checkpoint: dict) -> None:
    """Add to a checkpoint what hooks remember, and whether one has ended the run."""
    states: dict[str, dict[str, Any]] = {
        type(hook).__name__: {name: getattr(hook, name) for name in names}
        for hook, names in _hooks_with_state(runner)
    }
    checkpoint[_KEY] = states
    checkpoint[_STOPPED] = runner.train_loop.stop_training


def restore_hook_states(runner: Runner, checkpoint: Mapping) -> None:
    """Give it back to the hooks; one that the checkpoint does not know starts anew."""
    states = checkpoint.get(_KEY, {})
    for hook, names in _hooks_with_state(runner):
        kept = states.get(type(hook).__name__, {})
        for name in names:
            if name in kept:
                setattr(hook, name, kept[name])
    if checkpoint.get(_STOPPED):
        runner.train_loop.stop_training = True
        runner.logger.info('The run was ended early by a hook: nothing is left to do')


def _hooks_with_state(runner: Runner) -> Iterator[tuple[Hook, tuple[str, ...]]]:
    for hook in runner.hooks:
        names = getattr(hook, 'kept_on_resume', None)
        names = names or _OF_MMENGINE.get(type(hook).__name__)
        if names:
            yield hook, names
