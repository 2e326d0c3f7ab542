"""Alternate training of the spatial and the temporal kernels of a 3D network.

Paper: Z. Wang et al., "AltFreezing for More General Video Face Forgery Detection", CVPR
2023, https://arxiv.org/abs/2307.08317. Public code (network, settings and demo, no
training): https://github.com/ZhendongWang6/AltFreezing, with its periods of 20 and 1.
Never freezing 1x1x1 kernels, the stem (spatial and temporal), normalisation and
classifier is our reading.
"""

from __future__ import annotations

from collections.abc import Sequence

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import HOOKS


def split_kernels(network: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Find the 3D kernels that extend only in space or only in time.

    Returns:
        The spatial kernels, e.g. 1 x 3 x 3, and the temporal ones, e.g. 3 x 1 x 1.
    """
    spatial, temporal = [], []
    for module in network.modules():
        if isinstance(module, nn.Conv3d):
            taps, rows, columns = module.kernel_size
            if taps == 1 and max(rows, columns) > 1:
                spatial.append(module.weight)
            elif taps > 1 and rows == columns == 1:
                temporal.append(module.weight)
    return spatial, temporal


def is_spatial_frozen(
    step: int, *, num_spatial_frozen: int, num_temporal_frozen: int
) -> bool:
    """Return whether the spatial (S), not the temporal (T), kernels are frozen.

    3 and 1  ->  S S S T S S S T ...
    """
    return step % (num_spatial_frozen + num_temporal_frozen) < num_spatial_frozen


@HOOKS.register_module()
class AltFreezingHook(Hook):
    """Freeze the spatial kernels for some steps, then the temporal ones for some.

    It acts before the forward pass, so that the gradient of frozen kernels is None:
    optimisers move weights with zero gradient by momentum and weight decay. The state
    depends only on the iteration, so a resumed training continues it. All kernels are
    trainable again afterwards.

    With several processes, the config needs `find_unused_parameters = True`.

    Args:
        num_spatial_frozen: optimiser steps with frozen spatial kernels.
        num_temporal_frozen: optimiser steps with frozen temporal kernels.
    """

    def __init__(
        self, num_spatial_frozen: int = 20, num_temporal_frozen: int = 1
    ) -> None:
        for name, value in (
            ('num_spatial_frozen', num_spatial_frozen),
            ('num_temporal_frozen', num_temporal_frozen),
        ):
            if not isinstance(value, int) or value < 1:
                raise ConfigError(
                    f'AltFreezingHook: {name}={value!r}; allowed: integers >= 1'
                )
        self.num_spatial_frozen = num_spatial_frozen
        self.num_temporal_frozen = num_temporal_frozen
        self._spatial: list[nn.Parameter] = []
        self._temporal: list[nn.Parameter] = []

    def before_train(self, runner: Runner) -> None:
        """Find the kernels; reject an unsuitable network or setup."""
        model = runner.model
        inner = model.module if is_model_wrapper(model) else model
        spatial, temporal = split_kernels(inner)
        # Kernels frozen by the config stay frozen.
        self._spatial = [kernel for kernel in spatial if kernel.requires_grad]
        self._temporal = [kernel for kernel in temporal if kernel.requires_grad]
        if not self._spatial or not self._temporal:
            raise ConfigError(
                f'AltFreezingHook: {type(inner).__name__} has {len(self._spatial)} '
                f'trainable spatial (1 x 3 x 3) and {len(self._temporal)} temporal '
                '(3 x 1 x 1) kernels; needs both, as in a ResNet3d of depth 50 with '
                "inflate_style='3x1x1'"
            )
        is_distributed = isinstance(model, DistributedDataParallel)
        if is_distributed and not model.find_unused_parameters:
            raise ConfigError(
                'AltFreezingHook: several processes would wait for the gradients of '
                'frozen kernels; set find_unused_parameters = True in the config'
            )
        runner.logger.info(
            f'AltFreezingHook: freezing {len(self._spatial)} spatial kernels for '
            f'{self.num_spatial_frozen} steps and {len(self._temporal)} temporal ones '
            f'for {self.num_temporal_frozen}, alternately'
        )

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Freeze one group; it changes only between optimiser steps."""
        accumulated = getattr(runner.optim_wrapper, '_accumulative_counts', 1)
        spatial_frozen = is_spatial_frozen(
            runner.iter // accumulated,
            num_spatial_frozen=self.num_spatial_frozen,
            num_temporal_frozen=self.num_temporal_frozen,
        )
        _freeze(self._spatial, frozen=spatial_frozen)
        _freeze(self._temporal, frozen=not spatial_frozen)

    def after_train(self, runner: Runner) -> None:
        """Unfreeze all kernels."""
        _freeze([*self._spatial, *self._temporal], frozen=False)


def _freeze(kernels: Sequence[Tensor], *, frozen: bool) -> None:
    for kernel in kernels:
        kernel.requires_grad_(not frozen)
        if frozen:
            kernel.grad = None
