"""A ResNet with temporal modules before the first 3x3 convolutions of its blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from mmaction.models.backbones.resnet import BasicBlock, Bottleneck, ResNet
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mmdeepfake.errors import ConfigError

from .initial_weights import check_shapes, log_start, read_weights


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
        return self.relu(self.conv2(self.conv1(x)).add_(identity))


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
        return self.relu(residual.add_(identity))


class TemporalResNet(ResNet):
    """2D ResNet on folded snippets, with temporal modules in chosen stages.

    Frames are (B*S*T, 3, H, W), T innermost, as `FormatShape('NCHW')` and
    `Recognizer2D` fold them; a temporal module sees T consecutive rows of the batch as
    one snippet. A plain ResNet's keys keep their names, so its checkpoints load; those
    of the modules are `layer{i}.{j}.temporal.*`.

    Args:
        depth: 18, 34, 50, 101 or 152.
        clip_len: frames of a snippet, T in the paper.
        make_temporal_module: makes the module of a block from its number of channels;
            a module maps (B*S*T, C, H, W) to the same shape and has `init_weights`.
        temporal_stages: whether the blocks of each of the four stages get a module.
        pretrained: ImageNet weights with torchvision's key names, a path or URL; None
            draws them at random.
        kwargs: see MMAction2's `ResNet`.
    """

    min_clip_len = 1
    clip_len_option = 'clip_len'  # its name among the options of a subclass

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
        if not isinstance(clip_len, int) or clip_len < self.min_clip_len:
            raise ConfigError(
                f'{self.clip_len_option} = {clip_len!r} of {type(self).__name__}: need '
                f'an integer of {self.min_clip_len} or more'
            )
        super().__init__(depth, pretrained=pretrained, **kwargs)
        if len(temporal_stages) != len(self.res_layers):
            raise ConfigError(
                f'stages = {tuple(temporal_stages)} of {type(self).__name__}: need one '
                f'flag for each of its {len(self.res_layers)} stages'
            )
        self.clip_len = clip_len
        for name, chosen in zip(self.res_layers, temporal_stages, strict=True):
            for block in getattr(self, name) if chosen else ():
                block.temporal = make_temporal_module(block.temporal_channels)

    def temporal_modules(self) -> dict[str, nn.Module]:
        """Return the temporal modules in order of depth, by the name of their block."""
        return {
            name: block.temporal
            for name, block in self.named_modules()
            if getattr(block, 'temporal', None) is not None
        }

    def init_weights(self) -> None:
        """Load or draw the ResNet's weights, then initialise the temporal modules."""
        if self.pretrained and self.torchvision_pretrain:
            self._check_pretrained()
        super().init_weights()
        log_start(self)
        # ResNet has drawn every Conv2d, those of the modules too.
        for module in self.temporal_modules().values():
            module.init_weights()

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

    def train(self, mode: bool = True) -> TemporalResNet:
        """Switch the mode and return self, unlike MMAction2's ResNet."""
        super().train(mode)
        return self

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Compute the features of folded snippets.

        Args:
            x: (B*S*T, 3, H, W), T innermost.

        Returns:
            A tuple, of one tensor (B*S*T, C, h, w) by default: with a neck,
            `Recognizer2D` would iterate a bare tensor along the batch.
        """
        if x.shape[0] % self.clip_len:
            raise ConfigError(
                f'{type(self).__name__} got {x.shape[0]} frames, not a multiple of '
                f'{self.clip_len_option} = {self.clip_len}: SampleSnippets must draw '
                f'as many frames as model.backbone.{self.clip_len_option}'
            )
        features = super().forward(x)
        return (features,) if isinstance(features, torch.Tensor) else features
