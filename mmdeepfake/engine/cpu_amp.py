"""Mixed precision where MMEngine has none: on the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmaction.registry import OPTIM_WRAPPERS
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper
from torch import Tensor, nn


@OPTIM_WRAPPERS.register_module()
class CPUAmpOptimWrapper(OptimWrapper):
    """Runs the forward pass in bfloat16 on the CPU.

    MMEngine's AmpOptimWrapper refuses to be built without a GPU. bfloat16 has float32's
    range, so no loss scaling is needed.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Add autocast to the context in which the Runner computes the loss."""
        with (
            super().optim_context(model),
            torch.autocast('cpu', dtype=torch.bfloat16),
            scores_in_float32(model),
        ):
            yield


@contextmanager
def scores_in_float32(model: nn.Module) -> Iterator[None]:
    """Cast what the classification head gives, while the context lasts.

    MMAction2's heads make numpy arrays of their scores, and numpy has no bfloat16.
    """
    inner = model.module if is_model_wrapper(model) else model
    head = getattr(inner, 'cls_head', None)
    if head is None:
        yield
        return

    def cast(module: nn.Module, inputs: tuple, scores: Tensor) -> Tensor:
        return scores.float()

    handle = head.register_forward_hook(cast)
    try:
        yield
    finally:
        handle.remove()
