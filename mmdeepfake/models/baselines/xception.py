"""Xception: frames classified one by one with depth-wise separable convolutions.

Papers: F. Chollet, "Xception: Deep Learning with Depthwise Separable Convolutions",
CVPR 2017, https://arxiv.org/abs/1610.02357; as a detector of forged faces in
FaceForensics++, ICCV 2019, https://arxiv.org/abs/1901.08971, whose public code has this
network. Ours: `num_middle_blocks` and `width_ratio`, for small networks; the last ReLU
is in the backbone, not in the classifier.

    224 x 224 -> 111 -> 109 -> 55 -> 28 -> 14 (eight middle blocks) -> 7 x 7
"""

from __future__ import annotations

import itertools

from mmcv.cnn import ConvModule, DepthwiseSeparableConvModule
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import MODELS

from ..backbones.initial_weights import draw_weights
from ..conversion.pretrained import load_pretrained
from ..conversion.xception import RULES

NUM_MIDDLE_BLOCKS = 8  # Fig. 5 of Chollet


def separable_conv(
    in_channels: int, out_channels: int, *, norm_cfg: dict, act_cfg: dict | None = None
) -> DepthwiseSeparableConvModule:
    """Make a 3x3 per channel, then a 1x1 over channels and one norm; no bias."""
    return DepthwiseSeparableConvModule(
        in_channels,
        out_channels,
        3,
        padding=1,
        bias=False,
        norm_cfg=norm_cfg,
        act_cfg=act_cfg,
        dw_norm_cfg=None,
        dw_act_cfg=None,
    )


class XceptionBlock(BaseModule):
    """Separable convolutions, each after a ReLU, around a shortcut.

    Args:
        widths: channels before the first convolution and after each.
        stride: of the max pooling at the end; 1 has none.
        starts_with_relu: whether there is a ReLU before the first convolution too.
        norm_cfg: normalisation layer.
    """

    def __init__(
        self,
        widths: tuple[int, ...],
        *,
        stride: int,
        starts_with_relu: bool = True,
        norm_cfg: dict,
    ) -> None:
        super().__init__()
        self.starts_with_relu = starts_with_relu
        self.convs = nn.ModuleList(
            separable_conv(before, after, norm_cfg=norm_cfg)
            for before, after in itertools.pairwise(widths)
        )
        self.relu = nn.ReLU()  # not in-place: the shortcut needs the input
        self.pool = nn.Identity()
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1:
            self.pool = nn.MaxPool2d(3, stride=stride, padding=1)
        if stride > 1 or widths[0] != widths[-1]:
            self.shortcut = ConvModule(
                widths[0],
                widths[-1],
                1,
                stride=stride,
                bias=False,
                norm_cfg=norm_cfg,
                act_cfg=None,
            )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', ceil(H / stride), ceil(W / stride))."""
        residual = x
        for index, conv in enumerate(self.convs):
            if index or self.starts_with_relu:
                residual = self.relu(residual)
            residual = conv(residual)
        return self.pool(residual) + self.shortcut(x)


@MODELS.register_module()
class Xception(BaseModule):
    """Features of frames; (B, 3, H, W) -> (B, C, h, w), C = 2048 * width_ratio.

    Args:
        num_middle_blocks: blocks of the middle flow; 8 in the paper.
        width_ratio: share of the paper's channels in each layer.
        pretrained: path or URL of weights of the public code, ImageNet's or a
            detector's, whose classifier is skipped; None draws all at random.
        norm_cfg: normalisation layer.
    """

    def __init__(
        self,
        *,
        num_middle_blocks: int = NUM_MIDDLE_BLOCKS,
        width_ratio: float = 1.0,
        pretrained: str | None = None,
        norm_cfg: dict | None = None,
    ) -> None:
        super().__init__()
        if num_middle_blocks < 0 or not 0 < width_ratio <= 1:
            raise ConfigError(
                f'num_middle_blocks = {num_middle_blocks}, width_ratio = {width_ratio} '
                'of Xception: need 0 or more blocks, and a ratio in (0, 1]'
            )
        self.pretrained = pretrained
        norm_cfg = norm_cfg or dict(type='BN')

        def scaled(width: int) -> int:
            return max(1, round(width * width_ratio))

        def block(*widths: int, **options) -> XceptionBlock:
            widths = tuple(map(scaled, widths))
            return XceptionBlock(widths, norm_cfg=norm_cfg, **options)

        # No padding in the first two, as in the public code.
        self.conv1 = ConvModule(3, scaled(32), 3, stride=2, norm_cfg=norm_cfg)
        self.conv2 = ConvModule(scaled(32), scaled(64), 3, norm_cfg=norm_cfg)
        middle = (block(728, 728, 728, 728, stride=1) for _ in range(num_middle_blocks))
        self.blocks = nn.Sequential(
            block(64, 128, 128, stride=2, starts_with_relu=False),
            block(128, 256, 256, stride=2),
            block(256, 728, 728, stride=2),
            *middle,
            block(728, 728, 1024, stride=2),  # widens in its last convolution
        )
        last = dict(norm_cfg=norm_cfg, act_cfg=dict(type='ReLU'))
        self.conv3 = separable_conv(scaled(1024), scaled(1536), **last)
        self.conv4 = separable_conv(scaled(1536), scaled(2048), **last)

    def init_weights(self) -> None:
        """Draw all weights, then load the public ones if named."""
        draw_weights(self)
        load_pretrained(self, RULES)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, C, h, w), not negative."""
        return self.conv4(self.conv3(self.blocks(self.conv2(self.conv1(x)))))
