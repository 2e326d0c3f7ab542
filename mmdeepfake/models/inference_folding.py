"""What inference can do once and training does in every step.

Batch norms go into the convolutions before them, and weights are stored as the CPU
reads them fastest, equal up to rounding; the kernels that RATF composes of its weights
are kept, equal to the bit.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

import torch
from mmcv.cnn import Conv2d, Conv3d, ConvModule
from mmcv.cnn.bricks import Conv2dAdaptivePadding
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_weights

# By exact type: a subclass may make something else of its weight (ConvWS, say).
_CONVOLUTIONS = (
    *(nn.Conv1d, nn.Conv2d, nn.Conv3d, Conv2d, Conv3d, Conv2dAdaptivePadding),
)
_CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}


def prepare_for_inference(model: nn.Module) -> dict[str, Any]:
    """Make a model with final weights as fast as it goes, in place.

    The scores stay the same up to rounding. The model cannot be trained or load a
    checkpoint afterwards. CUDA keeps torch's memory layout, since no other was measured
    there.

    Args:
        model: in evaluation mode, with its final weights, on its device.

    Returns:
        What was done, as plain JSON values.

    Raises:
        ValueError: the model is in training mode.
    """
    num_folded = fold_batch_norms(model)
    on_cpu = all(weight.device.type == 'cpu' for weight in model.parameters())
    if on_cpu:
        order_channels_last_(model)
    keep_composed_kernels(model)
    return {
        'memory_layout': 'channels_last' if on_cpu else 'contiguous',
        'num_folded_batch_norms': num_folded,
    }


def order_channels_last_(model: nn.Module) -> None:
    """Store the weights of 2D and 3D convolutions with channels innermost.

    A convolution's output then has the same layout, whatever its input's.
    """
    for weight in model.parameters():
        if weight.dim() in _CHANNELS_LAST:
            form = _CHANNELS_LAST[weight.dim()]
            weight.data = weight.data.contiguous(memory_format=form)


@runtime_checkable
class Composing(Protocol):
    """A module that can keep what it makes of its weights alone."""

    def keep_composed(self) -> None:
        """Make it now; training or new weights drop it."""
        ...


def keep_composed_kernels(model: nn.Module) -> int:
    """Let every module that can (see `Composing`) keep what its weights make.

    The function stays the same to the bit. Training mode, loaded weights and a move to
    another device or type undo it; weights written in place otherwise would not be
    seen, so it is for a model whose weights are final.

    Args:
        model: in evaluation mode, with its final weights, on its device.

    Returns:
        How many modules there are.

    Raises:
        ValueError: the model is in training mode.
    """
    _require_evaluation(model, 'keep_composed_kernels')
    composing = [module for module in model.modules() if isinstance(module, Composing)]
    for module in composing:
        module.keep_composed()
    return len(composing)


def fold_batch_norms(model: nn.Module) -> int:
    """Fold the batch norm of every conv module into its convolution, in place.

    In evaluation a batch norm is a scale and a shift of each channel, which the
    convolution before it can do: the same function up to rounding, at one pass over the
    map less. Only `ConvModule`s whose norm follows their convolution directly are
    changed; the model cannot be trained or load a checkpoint afterwards.

    Args:
        model: in evaluation mode.

    Returns:
        How many norms were folded.

    Raises:
        ValueError: the model is in training mode, where norms use the batch.
    """
    _require_evaluation(model, 'fold_batch_norms')
    num_folded = 0
    for module in model.modules():
        if isinstance(module, ConvModule) and _is_foldable(module):
            conv, norm = module.conv, module.norm
            conv.weight, conv.bias = fuse_conv_bn_weights(
                conv.weight,
                conv.bias,
                norm.running_mean,
                norm.running_var,
                norm.eps,
                norm.weight,
                norm.bias,
            )
            setattr(module, module.norm_name, nn.Identity())
            num_folded += 1
    return num_folded


def _require_evaluation(model: nn.Module, name: str) -> None:
    if model.training:
        raise ValueError(
            f'{name} got a model in training mode, whose weights and norms still '
            'change: call model.eval() first'
        )


def _is_foldable(module: ConvModule) -> bool:
    return (
        module.with_norm
        and 'convnorm' in ''.join(module.order)
        and isinstance(module.norm, _BatchNorm)
        and module.norm.track_running_stats
        and type(module.conv) in _CONVOLUTIONS
    )


@contextlib.contextmanager
def plain_operators(model: nn.Module) -> Iterator[None]:
    """Have modules with fused operations of their own use PyTorch's plain ones."""
    fused = [(m, m.fused) for m in model.modules() if getattr(m, 'fused', False)]
    for module, _ in fused:
        module.fused = False
    try:
        yield
    finally:
        for module, option in fused:
            module.fused = option
