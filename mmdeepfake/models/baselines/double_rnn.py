"""Two-branch DenseNet: colour beside band-passed features, fused after one dense block.

Paper: I. Masi et al., "Two-branch Recurrent Network for Isolating Deepfakes in Videos",
ECCV 2020, https://arxiv.org/abs/2008.03412; "DoubleRNN" in RATF's tables. Head and loss
are in `isolate_head`. A reconstruction: no code is public. From the paper are the two
branches, a Laplacian-of-Gaussian (LoG) bottleneck of several bands in one of them, and
a recurrent network above. Ours are DenseNet-121 (https://arxiv.org/abs/1608.06993), the
place, size and bands of the LoG, and the sum of the branches after the first
transition, to which the second adds nothing at first.

    colour     stem - block 1 - transition 1 -+- block 2 - ... - block 4
    frequency  stem - LoG - block 1 - trans. 1 -+        224 x 224 -> 28 x 28 -> 7 x 7
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmcv.cnn import ConvModule, build_norm_layer
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import MODELS

from ..backbones.initial_weights import draw_weights, log_start
from ..conversion.densenet import RULES
from ..conversion.pretrained import load_backbone

DENSENET_121 = (6, 12, 24, 16)
GROWTH_CHANNELS = 32
BOTTLENECK_RATIO = 4  # channels of a layer's 1x1 over those it adds
STEM_CHANNELS = 64
LOG_SIDE = 7  # ours
LOG_SIGMAS_PX = (1.0, 1.6, 2.2)  # ours


def laplacian_of_gaussian(sigma_px: float, *, side: int = LOG_SIDE) -> Tensor:
    """Return a band-pass filter, (side, side), that removes constants and ramps.

    (r^2 - 2 sigma^2) exp(-r^2 / (2 sigma^2)), minus its mean, since the filter is
    truncated, over the sum of its magnitudes, so that bands are comparable.
    """
    places = torch.arange(side, dtype=torch.float64) - (side - 1) / 2
    squared = places[:, None] ** 2 + places[None, :] ** 2
    kernel = (squared - 2 * sigma_px**2) * torch.exp(-squared / (2 * sigma_px**2))
    kernel = kernel - kernel.mean()
    return (kernel / kernel.abs().sum()).float()


class LogBottleneck(BaseModule):
    """Every channel in several bands, merged by a 1x1 convolution.

    Args:
        channels: of the map.
        sigmas_px: of each band.
        side: rows and columns of the filters.
    """

    def __init__(
        self,
        channels: int,
        *,
        sigmas_px: Sequence[float] = LOG_SIGMAS_PX,
        side: int = LOG_SIDE,
    ) -> None:
        super().__init__()
        if not sigmas_px or min(sigmas_px) <= 0 or side < 3 or side % 2 == 0:
            raise ConfigError(
                f'sigmas_px = {tuple(sigmas_px)}, side = {side} of LogBottleneck: need '
                'widths above 0, and an odd side of 3 or more'
            )
        bands = torch.stack([laplacian_of_gaussian(s, side=side) for s in sigmas_px])
        kernel = bands[:, None].repeat(channels, 1, 1, 1)  # channel by channel
        self.register_buffer('kernel', kernel)
        self.merge = nn.Conv2d(len(kernel), channels, 1, bias=False)

    def bands(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C * bands, H, W); replicated borders."""
        padded = pad(x, [self.kernel.shape[-1] // 2] * 4, mode='replicate')
        return conv2d(padded, self.kernel, groups=x.shape[1])

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        return self.merge(self.bands(x))


def preactivated_conv(
    in_channels: int, out_channels: int, kernel: int, *, norm_cfg: dict
) -> ConvModule:
    """Make a norm, a ReLU and a convolution without bias."""
    return ConvModule(
        in_channels,
        out_channels,
        kernel,
        padding=kernel // 2,
        bias=False,
        norm_cfg=norm_cfg,
        order=('norm', 'act', 'conv'),
    )


def make_stem(channels: int, norm_cfg: dict) -> nn.Sequential:
    """Make a 7x7 of stride 2, then max pooling: a quarter of rows and columns."""
    return nn.Sequential(
        ConvModule(3, channels, 7, stride=2, padding=3, norm_cfg=norm_cfg),
        nn.MaxPool2d(3, stride=2, padding=1),
    )


def make_transition(in_channels: int, norm_cfg: dict) -> nn.Sequential:
    """Halve channels, rows and columns."""
    return nn.Sequential(
        preactivated_conv(in_channels, in_channels // 2, 1, norm_cfg=norm_cfg),
        nn.AvgPool2d(2),
    )


class DenseBlock(BaseModule):
    """Layers, each of which adds `growth` channels from all before it."""

    def __init__(
        self, in_channels: int, num_layers: int, *, growth: int, norm_cfg: dict
    ) -> None:
        super().__init__()
        narrow = BOTTLENECK_RATIO * growth
        self.layers = nn.ModuleList(
            nn.Sequential(
                preactivated_conv(
                    in_channels + index * growth, narrow, 1, norm_cfg=norm_cfg
                ),
                preactivated_conv(narrow, growth, 3, norm_cfg=norm_cfg),
            )
            for index in range(num_layers)
        )
        self.out_channels = in_channels + num_layers * growth

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, out_channels, H, W)."""
        for layer in self.layers:
            x = torch.cat([x, layer(x)], dim=1)
        return x


class DenseNet(BaseModule):
    """DenseNet's features; (B, 3, H, W) -> (B, C, H / 32, W / 32), not negative.

    Args:
        num_layers: of the four blocks.
        growth: channels that each layer adds.
        stem_channels: before the first block.
        norm_cfg: normalisation layer.
    """

    def __init__(
        self,
        *,
        num_layers: Sequence[int] = DENSENET_121,
        growth: int = GROWTH_CHANNELS,
        stem_channels: int = STEM_CHANNELS,
        norm_cfg: dict | None = None,
    ) -> None:
        super().__init__()
        if len(num_layers) != 4 or min(num_layers) < 1:
            raise ConfigError(
                f'num_layers = {tuple(num_layers)} of TwoBranchDenseNet: need four '
                'numbers of 1 or more'
            )
        norm_cfg = norm_cfg or dict(type='BN')
        self.stem = make_stem(stem_channels, norm_cfg)
        blocks, transitions, channels = [], [], stem_channels
        for index, number in enumerate(num_layers):
            block = DenseBlock(channels, number, growth=growth, norm_cfg=norm_cfg)
            blocks.append(block)
            channels = block.out_channels
            if index < 3:
                transitions.append(make_transition(channels, norm_cfg))
                channels //= 2
        self.blocks = nn.ModuleList(blocks)
        self.transitions = nn.ModuleList(transitions)
        self.norm = build_norm_layer(norm_cfg, channels)[1]
        self.out_channels = channels

    def begin(self, x: Tensor) -> Tensor:
        """Run up to the first transition: (B, 3, H, W) -> (B, C / 2, H / 8, W / 8)."""
        return self.transitions[0](self.blocks[0](self.stem(x)))

    def finish(self, x: Tensor) -> Tensor:
        """Run from the second block on."""
        x = self.transitions[1](self.blocks[1](x))
        x = self.transitions[2](self.blocks[2](x))
        return self.norm(self.blocks[3](x)).relu()

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return self.finish(self.begin(x))


class FrequencyBranch(BaseModule):
    """A DenseNet's beginning with a `LogBottleneck` behind its stem.

    Args:
        num_layers: of the dense block.
        growth: channels that each layer adds.
        stem_channels: before it.
        norm_cfg: normalisation layer.
        log_cfg: arguments of `LogBottleneck`.
    """

    def __init__(
        self,
        num_layers: int,
        *,
        growth: int,
        stem_channels: int,
        norm_cfg: dict,
        log_cfg: dict,
    ) -> None:
        super().__init__()
        self.stem = make_stem(stem_channels, norm_cfg)
        self.bottleneck = LogBottleneck(stem_channels, **log_cfg)
        self.block = DenseBlock(
            stem_channels, num_layers, growth=growth, norm_cfg=norm_cfg
        )
        self.transition = make_transition(self.block.out_channels, norm_cfg)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, C / 2, H / 8, W / 8)."""
        return self.transition(self.block(self.bottleneck(self.stem(x))))


@MODELS.register_module()
class TwoBranchDenseNet(BaseModule):
    """Features of frames; (B, 3, H, W) -> (B, C, h, w), C = 1024 for DenseNet-121.

    The frequency branch adds zero at first, so that ImageNet features survive.

    Args:
        num_layers: of the four blocks.
        growth: channels that each layer adds.
        stem_channels: before the first block.
        log_cfg: arguments of `LogBottleneck`: `sigmas_px`, `side`.
        pretrained: path or URL of torchvision's weights of this DenseNet, for the
            second branch's stem and block too; None draws all at random.
        norm_cfg: normalisation layer.
    """

    def __init__(
        self,
        *,
        num_layers: Sequence[int] = DENSENET_121,
        growth: int = GROWTH_CHANNELS,
        stem_channels: int = STEM_CHANNELS,
        log_cfg: dict | None = None,
        pretrained: str | None = None,
        norm_cfg: dict | None = None,
    ) -> None:
        super().__init__()
        self.pretrained = pretrained
        sizes = dict(growth=growth, stem_channels=stem_channels)
        sizes['norm_cfg'] = norm_cfg or dict(type='BN')
        self.colour = DenseNet(num_layers=num_layers, **sizes)
        self.frequency = FrequencyBranch(num_layers[0], log_cfg=log_cfg or {}, **sizes)

    def init_weights(self) -> None:
        """Draw all weights, then load ImageNet's if named."""
        draw_weights(self)
        if self.pretrained:
            load_backbone(self.colour, self.pretrained, RULES)
            for ours, theirs in (
                (self.frequency.stem, self.colour.stem),
                (self.frequency.block, self.colour.blocks[0]),
            ):
                ours.load_state_dict(theirs.state_dict())
        nn.init.zeros_(self.frequency.transition[0].conv.weight)
        log_start(self)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, C, h, w), not negative."""
        return self.colour.finish(self.colour.begin(x) + self.frequency(x))
