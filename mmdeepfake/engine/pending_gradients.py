"""Gradients that are accumulated over several steps, kept until they are applied.

With `optim_wrapper.accumulative_counts` a checkpoint may fall between two updates of
the weights; MMEngine forgets what has been gathered by then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn

_KEY = 'pending_gradients'


def keep_pending_gradients(runner: Runner, checkpoint: dict) -> None:
    """Add them to a checkpoint, if there are any; several processes would differ."""
    wrapper = runner.optim_wrapper
    count = getattr(wrapper, '_accumulative_counts', 1)
    if count == 1 or wrapper._inner_count % count == 0:
        return
    if runner.world_size > 1:
        runner.logger.warning(
            f'This checkpoint lies between two updates of the weights '
            f'(accumulative_counts={count}): a run of several processes that is '
            'resumed from it loses the gradients gathered since the last one'
        )
        return
    checkpoint[_KEY] = {
        name: weight.grad.cpu()
        for name, weight in _network(runner).named_parameters()
        if weight.grad is not None
    }


def restore_pending_gradients(
    runner: Runner, checkpoint: Mapping[str, Mapping[str, Any]]
) -> None:
    """Give them back to the weights, to which the next steps add theirs."""
    gradients = checkpoint.get(_KEY, {})
    for name, weight in _network(runner).named_parameters():
        if name in gradients:
            weight.grad = gradients[name].to(weight.device, weight.dtype)


def _network(runner: Runner) -> nn.Module:
    return runner.model.module if is_model_wrapper(runner.model) else runner.model
