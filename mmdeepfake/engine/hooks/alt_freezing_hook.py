"""Trains the spatial and the temporal kernels of a 3D network by turns.

Paper: Z. Wang et al., "AltFreezing for More General Video Face Forgery Detection", CVPR
2023, https://arxiv.org/abs/2307.08317. Public code (network, settings and demo, no
training): https://github.com/ZhendongWang6/AltFreezing. The turns of 20 and 1 are its
settings'. That 1x1x1 kernels and the stem, whose kernels span both space and time, are
never frozen is our reading, as is that normalisation and classifier are not.
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


def split_kernels(
    network: nn.Module,
) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Find the kernels of 3D convolutions that reach in space or in time alone.

    Returns:
        The spatial ones, as 1 x 3 x 3, and the temporal ones, as 3 x 1 x 1. A kernel
        that reaches in neither, or in both, is in none of the two.
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
    """Say which kernels rest at a step: the spatial ones, or the temporal ones.

    3 and 1  ->  S S S T S S S T ...
    """
    return step % (num_spatial_frozen + num_temporal_frozen) < num_spatial_frozen


@HOOKS.register_module()
class AltFreezingHook(Hook):
    """Freezes the spatial kernels for some steps, then the temporal ones for some.

    It acts before the forward pass. Frozen kernels then take part in no backward pass,
    and their gradient is None, not zero: optimisers move a weight of zero gradient by
    its momentum and weight decay. The turn is told from the iteration alone, so a
    resumed training goes on with it. All kernels can be trained again afterwards.

    With several processes, the config needs `find_unused_parameters = True`.

    Args:
        num_spatial_frozen: steps of the optimiser in which the spatial kernels rest.
        num_temporal_frozen: steps in which the temporal ones rest.
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
                    f'AltFreezingHook: {name}={value!r}; allowed are whole numbers of '
                    'steps, 1 or more'
                )
        self.num_spatial_frozen = num_spatial_frozen
        self.num_temporal_frozen = num_temporal_frozen
        self._spatial: list[nn.Parameter] = []
        self._temporal: list[nn.Parameter] = []

    def before_train(self, runner: Runner) -> None:
        """Find the kernels, and refuse a network or a set-up that cannot take turns."""
        model = runner.model
        inner = model.module if is_model_wrapper(model) else model
        spatial, temporal = split_kernels(inner)
        # What the config itself keeps frozen stays so.
        self._spatial = [kernel for kernel in spatial if kernel.requires_grad]
        self._temporal = [kernel for kernel in temporal if kernel.requires_grad]
        if not self._spatial or not self._temporal:
            raise ConfigError(
                f'AltFreezingHook: {type(inner).__name__} has {len(self._spatial)} '
                f'spatial (1 x 3 x 3) and {len(self._temporal)} temporal (3 x 1 x 1) '
                'kernels that can be trained: need some of each, as a ResNet3d of '
                'depth 50 with an inflate_style of 3x1x1 has them'
            )
        if isinstance(model, DistributedDataParallel):
            if not model.find_unused_parameters:
                raise ConfigError(
                    'AltFreezingHook with several processes: they would wait for the '
                    "frozen kernels' gradients; set find_unused_parameters = True at "
                    'the top level of the config'
                )
        runner.logger.info(
            f'AltFreezingHook: {len(self._spatial)} spatial kernels rest for '
            f'{self.num_spatial_frozen} steps, {len(self._temporal)} temporal ones for '
            f'{self.num_temporal_frozen}, and so on'
        )

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Let one group rest; no step is split where gradients are accumulated."""
        accumulated = getattr(runner.optim_wrapper, '_accumulative_counts', 1)
        spatial_rests = is_spatial_frozen(
            runner.iter // accumulated,
            num_spatial_frozen=self.num_spatial_frozen,
            num_temporal_frozen=self.num_temporal_frozen,
        )
        _let_rest(self._spatial, rests=spatial_rests)
        _let_rest(self._temporal, rests=not spatial_rests)

    def after_train(self, runner: Runner) -> None:
        """Let every kernel be trained again."""
        _let_rest([*self._spatial, *self._temporal], rests=False)


def _let_rest(kernels: Sequence[Tensor], *, rests: bool) -> None:
    for kernel in kernels:
        kernel.requires_grad_(not rests)
        if rests:
            kernel.grad = None
