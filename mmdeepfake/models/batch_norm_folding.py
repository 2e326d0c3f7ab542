"""Folding of batch norms into the convolutions before them, for inference."""

from __future__ import annotations

from mmcv.cnn import Conv2d, Conv3d, ConvModule
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_weights

# By exact type: a subclass may make something else of its weight (ConvWS, say).
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, Conv2d, Conv3d)


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
    if model.training:
        raise ValueError(
            'fold_batch_norms got a model in training mode, whose norms depend on the '
            'batch: call model.eval() first'
        )
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


def _is_foldable(module: ConvModule) -> bool:
    return (
        module.with_norm
        and 'convnorm' in ''.join(module.order)
        and isinstance(module.norm, _BatchNorm)
        and module.norm.track_running_stats
        and type(module.conv) in _CONVOLUTIONS
    )
