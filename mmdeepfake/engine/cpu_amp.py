"""Mixed precision on the CPU, which MMEngine does not support."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from mmaction.registry import OPTIM_WRAPPERS
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

MIN_CHANNELS = 16  # fewer do not fill a vector of oneDNN's blocked layout


@OPTIM_WRAPPERS.register_module()
class CPUAmpOptimWrapper(OptimWrapper):
    """Run the forward pass in bfloat16 on the CPU.

    MMEngine's AmpOptimWrapper requires a GPU. bfloat16 has float32's range, so no loss
    scaling is needed.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Add autocast to the context of the loss."""
        with super().optim_context(model), mixed_precision(model):
            yield


def computes_bfloat16(device: torch.device) -> bool:
    """Return whether a device has instructions for bfloat16, so that it pays off."""
    if device.type == 'cuda':
        return torch.cuda.is_bf16_supported()
    # Older versions of torch lack one or both.
    checks = ('_is_avx512_bf16_supported', '_is_amx_tile_supported')
    return any(getattr(torch.cpu, name, lambda: False)() for name in checks)


@contextmanager
def mixed_precision(
    model: nn.Module, *, device_type: str = 'cpu', dtype: torch.dtype = torch.bfloat16
) -> Iterator[None]:
    """Autocast a recognizer, except parts that must stay in float32."""
    with torch.autocast(device_type, dtype=dtype), _scores_in_float32(model):
        if device_type == 'cpu':
            with _first_convolutions_in_float32(model):
                yield
        else:
            yield


@contextmanager
def _scores_in_float32(model: nn.Module) -> Iterator[None]:
    """Cast the scores of the classification head to float32 in this context.

    MMAction2's heads convert them to NumPy, which has no bfloat16.
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
    """Exclude 3D convolutions with few input channels from autocast in this context.

    On CPUs with AVX512_BF16, oneDNN leaves parts of their weight gradient in bfloat16
    uninitialised (seen with 3 channels, a 5x7x7 kernel and a stride of 2).
    """
    convolutions = [
        module
        for module in model.modules()
        if isinstance(module, nn.Conv3d) and module.in_channels < MIN_CHANNELS
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
