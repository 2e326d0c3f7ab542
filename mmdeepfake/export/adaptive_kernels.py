"""TAM without a group convolution, whose number of groups would be fixed in a file."""

from __future__ import annotations

import contextlib
import types
from collections.abc import Iterator

from mmaction.models.common import TAM
from torch import Tensor, nn

from mmdeepfake.ops.temporal_filter import filter_over_time


def filter_adaptively(module: TAM, x: Tensor) -> Tensor:
    """Compute `TAM.forward` as sums instead of one convolution group per channel.

    Args:
        module: with stride 1 and a padding of half its kernel, as every TAM has.
        x: (B*T, C, H, W), T innermost.

    Returns:
        (B*T, C, H, W).
    """
    clips = x.unflatten(0, (-1, module.num_segments))  # (B, T, C, H, W)
    pooled = clips.mean(dim=(3, 4)).transpose(1, 2)  # (B, C, T)
    kernels = module.G(pooled.flatten(0, 1)).unflatten(0, (-1, module.in_channels))
    gates = module.L(pooled).transpose(1, 2)[..., None, None]  # (B, T, C, 1, 1)
    taps = kernels.transpose(1, 2)[..., None, None]  # (B, K, C, 1, 1)
    return filter_over_time(gates * clips, taps).flatten(0, 1)


@contextlib.contextmanager
def without_free_groups(model: nn.Module) -> Iterator[None]:
    """Run the TAMs of a model with `filter_adaptively` while it is traced."""
    modules = [module for module in model.modules() if isinstance(module, TAM)]
    for module in modules:
        module.forward = types.MethodType(filter_adaptively, module)
    try:
        yield
    finally:
        for module in modules:
            del module.forward
