"""Mixed precision where MMEngine has none: on the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from mmaction.registry import OPTIM_WRAPPERS
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

FEW_CHANNELS = 16  # fewer do not fill a vector of oneDNN's blocked layout


@OPTIM_WRAPPERS.register_module()
class CPUAmpOptimWrapper(OptimWrapper):
    """Runs the forward pass in bfloat16 on the CPU.

    MMEngine's AmpOptimWrapper refuses to be built without a GPU. bfloat16 has float32's
    range, so no loss scaling is needed.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Add autocast to the context in which the Runner computes the loss."""
        with super().optim_context(model), mixed_precision(model):
            yield


@contextmanager
def mixed_precision(
    model: nn.Module, *, device_type: str = 'cpu', dtype: torch.dtype = torch.bfloat16
) -> Iterator[None]:
    """Autocast a recognizer, except for what must stay in float32."""
    with torch.autocast(device_type, dtype=dtype), _scores_in_float32(model):
        if device_type == 'cpu':
            with _first_convolutions_in_float32(model):
                yield
        else:
            yield


@contextmanager
def _scores_in_float32(model: nn.Module) -> Iterator[None]:
    """Cast the output of the classification head while the context lasts.

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


@contextmanager
def _first_convolutions_in_float32(model: nn.Module) -> Iterator[None]:
    """Keep 3D convolutions of few input channels out of autocast in the context.

    On a CPU with AVX512_BF16, oneDNN leaves parts of their weight gradient in bfloat16
    unwritten (seen with 3 channels, a 5x7x7 kernel and a stride of 2): whatever lay in
    that memory, NaN included, becomes a gradient.
    """
    convolutions = [
        module
        for module in model.modules()
        if isinstance(module, nn.Conv3d) and module.in_channels < FEW_CHANNELS
    ]
    for convolution in convolutions:
        convolution.forward = partial(_convolve_in_float32, convolution)
    try:
        yield
    finally:
        for convolution in convolutions:
            del convolution.forward


def _convolve_in_float32(convolution: nn.Conv3d, inputs: Tensor) -> Tensor:
    with torch.autocast('cpu', enabled=False):
        return type(convolution).forward(convolution, inputs.float())
