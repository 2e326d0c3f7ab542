"""Stop a training at the first gradient that is not finite."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.optim import ApexOptimWrapper
from mmengine.runner import Runner
from torch import nn

from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import HOOKS


@HOOKS.register_module()
class FiniteGradientsHook(Hook):
    """Stop before gradients with NaN or infinity update the weights.

    One such step ruins the weights and every later checkpoint. With loss scaling, e.g.
    float16 on a GPU, infinity is expected: GradScaler skips the step and lowers its
    scale, so gradients are not checked.
    """

    def before_train(self, runner: Runner) -> None:
        """Check the gradients at each step, before clipping."""
        wrapper = runner.optim_wrapper
        scaler = getattr(wrapper, 'loss_scaler', None)
        if isinstance(wrapper, ApexOptimWrapper) or (scaler and scaler.is_enabled()):
            return
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        step = wrapper.step

        def check_and_step(**kwargs: Any) -> None:
            check_gradients(model, iteration=runner.iter + 1)
            step(**kwargs)

        wrapper.step = check_and_step


def check_gradients(model: nn.Module, *, iteration: int) -> None:
    """Raise if the gradient of a parameter is not finite.

    Raises:
        ConfigError: names the first such parameter and their number.
    """
    gradients = {
        name: parameter.grad
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }
    if not gradients:
        return
    # One fused pass; a norm may overflow where no gradient does.
    norms = torch._foreach_norm(list(gradients.values()))
    if torch.stack(norms).isfinite().all():
        return
    broken = [name for name, g in gradients.items() if not g.isfinite().all()]
    if broken:
        first = gradients[broken[0]]
        others = f' and of {len(broken) - 1} more parameters' if broken[1:] else ''
        raise ConfigError(
            f'gradient of {broken[0]}{others} is not finite at iteration '
            f'{iteration} ({int((~first.isfinite()).sum())} of {first.numel()} values '
            'are NaN or infinite); the weights were not updated. Resume from the last '
            'checkpoint with a smaller optim_wrapper.optimizer.lr or without --amp'
        )
