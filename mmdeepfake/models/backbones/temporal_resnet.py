"""A ResNet with temporal modules before the first 3x3 convolutions of its blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mmaction.models.backbones.resnet import BasicBlock, Bottleneck, ResNet
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from .initial_weights import check_shapes, log_start, read_weights
from .temporal_backbone import TemporalBackbone


class TemporalBasicBlock(BasicBlock):
    """`BasicBlock` with a temporal module before its first 3x3 convolution."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.temporal: nn.Module | None = None

    @property
    def temporal_channels(self) -> int:
        """Channels at the temporal module."""
        return self.conv1.in_channels

    def forward(self, x: Tensor) -> Tensor:
        """As `BasicBlock`; (B*T, C, H, W). The shortcut bypasses the module."""
        identity = x if self.downsample is None else self.downsample(x)
        if self.temporal is not None:
            x = self.temporal(x)
        return self.relu(self.conv2(self.conv1(x)) + identity)


class TemporalBottleneck(Bottleneck):
    """`Bottleneck` with a temporal module between its first 1x1 and its 3x3."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.temporal: nn.Module | None = None

    @property
    def temporal_channels(self) -> int:
        """Channels at the temporal module."""
        return self.conv1.out_channels

    def _residual(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        if self.temporal is not None:
            x = self.temporal(x)
        return self.conv3(self.conv2(x))

    def forward(self, x: Tensor) -> Tensor:
        """As `Bottleneck`; (B*T, C, H, W)."""
        identity = x if self.downsample is None else self.downsample(x)
        if self.with_cp and x.requires_grad:
            residual = checkpoint(self._residual, x, use_reentrant=False)
        else:
            residual = self._residual(x)
        return self.relu(residual + identity)


class TemporalResNet(TemporalBackbone, ResNet):
    """2D ResNet on folded snippets, with temporal modules in chosen stages.

    A plain ResNet's keys keep their names, so its checkpoints load; those of the
    modules are `layer{i}.{j}.temporal.*`.

    Args:
        depth: 18, 34, 50, 101 or 152.
        clip_len, make_temporal_module: see `insert_temporal_modules`.
        temporal_stages: whether the blocks of each of the four stages get a module.
        pretrained: ImageNet weights with torchvision's key names, a path or URL; None
            draws them at random.
        kwargs: see MMAction2's `ResNet`.
    """

    arch_settings = {  # noqa: RUF012  (overrides a class attribute of ResNet)
        18: (TemporalBasicBlock, (2, 2, 2, 2)),
        34: (TemporalBasicBlock, (3, 4, 6, 3)),
        50: (TemporalBottleneck, (3, 4, 6, 3)),
        101: (TemporalBottleneck, (3, 4, 23, 3)),
        152: (TemporalBottleneck, (3, 8, 36, 3)),
    }

    def __init__(
        self,
        depth: int,
        *,
        clip_len: int,
        make_temporal_module: Callable[[int], nn.Module],
        temporal_stages: Sequence[bool] = (True, True, True, True),
        pretrained: str | None = None,
        **kwargs,
    ) -> None:
        super().__init__(depth, pretrained=pretrained, **kwargs)
        self.insert_temporal_modules(
            [getattr(self, name) for name in self.res_layers],
            make_temporal_module,
            clip_len=clip_len,
            chosen=temporal_stages,
        )

    def init_weights(self) -> None:
        """As `TemporalBackbone`; weights that would load in part are refused."""
        if self.pretrained and self.torchvision_pretrain:
            self._check_pretrained()
        super().init_weights()
        log_start(self)

    def _check_pretrained(self) -> None:
        """Refuse weights that MMAction2's loader would silently take in part."""
        shapes = {'conv1.weight': self.conv1.conv.weight.shape}
        for layer in self.res_layers:
            for index, block in enumerate(getattr(self, layer)):
                for conv in ('conv1', 'conv2', 'conv3'):
                    if hasattr(block, conv):
                        weight = getattr(block, conv).conv.weight
                        shapes[f'{layer}.{index}.{conv}.weight'] = weight.shape
        texts = dict(
            owner=type(self).__name__,
            needed=f"ImageNet ResNet-{self.depth} weights with torchvision's key names",
        )
        found = read_weights(self.pretrained, **texts)
        check_shapes(found, shapes, source=self.pretrained, **texts)
