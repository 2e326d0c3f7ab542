"""Inception I3D: Inception-v1 with its filters inflated to space and time.

Paper: J. Carreira and A. Zisserman, "Quo Vadis, Action Recognition? A New Model and the
Kinetics Dataset", CVPR 2017, https://arxiv.org/abs/1705.07750, Fig. 3. RATF's tables
cite it for the row "I3D" without naming the network. `I3DHead` pools over all of time
and space, as the public code does with 16 frames (with more it averages windows of two
steps).

    16 x 224 x 224 -> 8 x 112 x 112 -> 8 x 28 x 28 -> 4 x 14 x 14 -> 2 x 7 x 7
"""

from __future__ import annotations

import torch
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmdeepfake.ops.same_padding import pad_same
from mmdeepfake.registry import MODELS

from ..backbones.initial_weights import draw_weights
from ..conversion.i3d import RULES
from ..conversion.pretrained import load_pretrained

# Channels of the 1x1; of the 1x1 and 3x3; of the second such pair; after the pooling.
Widths = tuple[int, int, int, int, int, int]
STAGE_3: tuple[Widths, ...] = ((64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64))
STAGE_4: tuple[Widths, ...] = (
    (192, 96, 208, 16, 48, 64),
    (160, 112, 224, 24, 64, 64),
    (128, 128, 256, 24, 64, 64),
    (112, 144, 288, 32, 64, 64),
    (256, 160, 320, 32, 128, 128),
)
STAGE_5: tuple[Widths, ...] = (
    (256, 160, 320, 32, 128, 128),
    (384, 192, 384, 48, 128, 128),
)


class SamePaddedConv(ConvModule):
    """Convolution without bias, normalisation, ReLU; padded by `same_padding`."""

    def forward(self, x: Tensor, *args, **kwargs) -> Tensor:
        """(B, C, T, H, W) -> (B, C', ceil(T / stride), ...)."""
        padded = pad_same(x, self.conv.kernel_size, self.conv.stride)
        return super().forward(padded, *args, **kwargs)


class SamePaddedMaxPool(nn.MaxPool3d):
    """Max pooling padded by `same_padding`, for maps that are not negative.

    A zero of the padding is then never above a value.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, H, W) -> (B, C, ceil(T / stride), ...)."""
        return super().forward(pad_same(x, self.kernel_size, self.stride))


def make_conv(
    in_channels: int, out_channels: int, kernel: int, *, stride: int = 1, norm_cfg: dict
) -> SamePaddedConv:
    """Make a cubic convolution."""
    return SamePaddedConv(
        in_channels,
        out_channels,
        (kernel,) * 3,
        stride=(stride,) * 3,
        conv_cfg=dict(type='Conv3d'),
        norm_cfg=norm_cfg,
    )


class InceptionModule3d(BaseModule):
    """Four branches side by side: 1x1, twice 1x1 then 3x3, pooling then 1x1.

    Their channels are concatenated in this order.
    """

    def __init__(self, in_channels: int, widths: Widths, *, norm_cfg: dict) -> None:
        super().__init__()
        single, narrow_1, wide_1, narrow_2, wide_2, pooled = widths
        self.out_channels = single + wide_1 + wide_2 + pooled
        self.branch0 = make_conv(in_channels, single, 1, norm_cfg=norm_cfg)
        self.branch1 = nn.Sequential(
            make_conv(in_channels, narrow_1, 1, norm_cfg=norm_cfg),
            make_conv(narrow_1, wide_1, 3, norm_cfg=norm_cfg),
        )
        self.branch2 = nn.Sequential(
            make_conv(in_channels, narrow_2, 1, norm_cfg=norm_cfg),
            make_conv(narrow_2, wide_2, 3, norm_cfg=norm_cfg),
        )
        self.branch3 = nn.Sequential(
            SamePaddedMaxPool((3, 3, 3), stride=(1, 1, 1)),
            make_conv(in_channels, pooled, 1, norm_cfg=norm_cfg),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, H, W) -> (B, out_channels, T, H, W)."""
        branches = (self.branch0, self.branch1, self.branch2, self.branch3)
        return torch.cat([branch(x) for branch in branches], dim=1)


@MODELS.register_module()
class InceptionI3d(BaseModule):
    """Features of clips; (B, 3, T, H, W) -> (B, 1024, T / 8, H / 32, W / 32).

    Sizes are rounded up. For `Recognizer3D`.

    Args:
        pretrained: path or URL of weights of the public code, e.g. Kinetics-400's,
            whose classifier is skipped; None draws all at random.
        norm_cfg: normalisation layer.
    """

    out_channels = 1024

    def __init__(
        self, *, pretrained: str | None = None, norm_cfg: dict | None = None
    ) -> None:
        super().__init__()
        self.pretrained = pretrained
        # As in the public code.
        norm_cfg = norm_cfg or dict(type='BN3d', eps=1e-3, momentum=0.01)
        self.conv1a = make_conv(3, 64, 7, stride=2, norm_cfg=norm_cfg)
        self.conv2b = make_conv(64, 64, 1, norm_cfg=norm_cfg)
        self.conv2c = make_conv(64, 192, 3, norm_cfg=norm_cfg)
        # Time is not pooled before the third stage.
        self.spatial_pool = SamePaddedMaxPool((1, 3, 3), stride=(1, 2, 2))
        self.stage3, width = self._make_stage(192, STAGE_3, norm_cfg)
        self.pool4 = SamePaddedMaxPool((3, 3, 3), stride=(2, 2, 2))
        self.stage4, width = self._make_stage(width, STAGE_4, norm_cfg)
        self.pool5 = SamePaddedMaxPool((2, 2, 2), stride=(2, 2, 2))
        self.stage5, width = self._make_stage(width, STAGE_5, norm_cfg)
        assert width == self.out_channels

    @staticmethod
    def _make_stage(
        in_channels: int, stage: tuple[Widths, ...], norm_cfg: dict
    ) -> tuple[nn.Sequential, int]:
        modules = []
        for widths in stage:
            modules.append(InceptionModule3d(in_channels, widths, norm_cfg=norm_cfg))
            in_channels = modules[-1].out_channels
        return nn.Sequential(*modules), in_channels

    def init_weights(self) -> None:
        """Draw all weights, then load the public ones if named."""
        draw_weights(self)
        load_pretrained(self, RULES)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, T, H, W) -> (B, 1024, t, h, w), not negative."""
        x = self.spatial_pool(self.conv1a(x))
        x = self.spatial_pool(self.conv2c(self.conv2b(x)))
        x = self.pool4(self.stage3(x))
        return self.stage5(self.pool5(self.stage4(x)))
