"""FTCN: temporal evidence alone, by a network without any spatial kernel.

Paper: Y. Zheng et al., "Exploring Temporal Coherence for More General Video Face
Forgery Detection", ICCV 2021, https://arxiv.org/abs/2108.06693. Public code (test code
and network, no training): https://github.com/yinglinzheng/FTCN; the same weights give
the same scores here (`mmdeepfake.models.conversion.ftcn`).

The backbone is I3D on ResNet-50 with each k x 3 x 3 kernel cut down to k x 1 x 1, each
spatial stride replaced by a max pooling of 2 x 2, and no fourth stage. Pixels meet in
poolings only, so what the network sees of a position is how it changes over time. The
head is a transformer over time:

    32 x 224 x 224 -> 32 x 112 x 112 -> 32 x 56 x 56 -> 16 x 28 x 28 -> 16 x 14 x 14
    -> 16 tokens of 1024 channels and a class token -> logits

Two classes stand for the paper's one logit z: (0, z) has the same probabilities.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmcv.cnn import ConvModule
from mmengine.logging import MMLogger
from mmengine.model import BaseModule
from mmengine.model.weight_init import constant_init, kaiming_init, trunc_normal_init
from torch import Tensor, nn

from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import MODELS

from ..conversion.ftcn import RULES
from ..conversion.pretrained import load_backbone
from ..heads import SegmentAveragingHead

_EXPANSION = 4


def make_temporal_conv(
    in_channels: int,
    out_channels: int,
    *,
    num_taps: int = 1,
    norm_cfg: dict,
    act: bool = True,
) -> ConvModule:
    """Convolution over time alone that keeps all sizes, normalisation, maybe ReLU."""
    return ConvModule(
        in_channels,
        out_channels,
        (num_taps, 1, 1),
        padding=(num_taps // 2, 0, 0),
        conv_cfg=dict(type='Conv3d'),
        norm_cfg=norm_cfg,
        act_cfg=dict(type='ReLU') if act else None,
    )


class TemporalOnlyBottleneck(BaseModule):
    """A ResNet bottleneck in which no kernel reaches a neighbouring position.

    Args:
        in_channels: of the input.
        planes: of the first two convolutions; the output has 4 times as many.
        num_taps: of the first convolution, over time.
        halves: whether rows and columns are halved, by max pooling in place of a
            stride. The public code pools before the ReLU; they can be swapped.
        norm_cfg: normalisation layer.
    """

    def __init__(
        self,
        in_channels: int,
        planes: int,
        *,
        num_taps: int,
        halves: bool,
        norm_cfg: dict,
    ) -> None:
        super().__init__()
        self.out_channels = _EXPANSION * planes
        self.conv1 = make_temporal_conv(
            in_channels, planes, num_taps=num_taps, norm_cfg=norm_cfg
        )
        self.conv2 = make_temporal_conv(planes, planes, norm_cfg=norm_cfg)
        self.conv3 = make_temporal_conv(
            planes, self.out_channels, norm_cfg=norm_cfg, act=False
        )
        self.pool = nn.MaxPool3d((1, 2, 2)) if halves else nn.Identity()
        self.downsample: nn.Module | None = None
        if halves or in_channels != self.out_channels:
            self.downsample = make_temporal_conv(
                in_channels, self.out_channels, norm_cfg=norm_cfg, act=False
            )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, H, W) -> (B, 4 * planes, T, H, W) or half of H and W."""
        shortcut = x if self.downsample is None else self.pool(self.downsample(x))
        residual = self.conv3(self.pool(self.conv2(self.conv1(x))))
        return (residual + shortcut).relu()


@MODELS.register_module()
class FTCN(BaseModule):
    """Temporal features of clips; (B, 3, T, H, W) -> (B, C, T / 2, H / 16, W / 16).

    For `Recognizer3D` and `TimeTransformerHead`. C is 4 x the last stage's planes, 1024
    by default.

    Args:
        stage_blocks: number of blocks in each stage.
        base_channels: planes of the first stage; each later one has twice as many.
        time_pool: whether time is halved after the first stage, as in the paper with
            its 32 frames. False suits clips of 16.
        pretrained: the public checkpoint, as a path or URL; its head is left out. None
            initialises at random, as the paper does.
        norm_cfg: normalisation layer.
    """

    def __init__(
        self,
        *,
        stage_blocks: Sequence[int] = (3, 4, 6),
        base_channels: int = 64,
        time_pool: bool = True,
        pretrained: str | None = None,
        norm_cfg: dict | None = None,
    ) -> None:
        super().__init__()
        self.pretrained = pretrained
        norm_cfg = norm_cfg or dict(type='BN3d')
        self.conv1 = make_temporal_conv(3, base_channels, num_taps=5, norm_cfg=norm_cfg)
        self.stem_pool = nn.Sequential(
            nn.MaxPool3d((1, 2, 2)),  # in place of the stride
            nn.MaxPool3d((1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1)),
        )
        self.time_pool = nn.MaxPool3d((2, 1, 1)) if time_pool else nn.Identity()
        width = base_channels
        self.stage_names: list[str] = []
        for number, num_blocks in enumerate(stage_blocks, start=1):
            blocks = []
            for index in range(num_blocks):
                block = TemporalOnlyBottleneck(
                    width,
                    base_channels * 2 ** (number - 1),
                    # As in I3D: three taps in all blocks first, then in every second.
                    num_taps=3 if number == 1 or index % 2 == 0 else 1,
                    halves=number > 1 and index == 0,
                    norm_cfg=norm_cfg,
                )
                blocks.append(block)
                width = block.out_channels
            self.stage_names.append(f'layer{number}')
            self.add_module(self.stage_names[-1], nn.Sequential(*blocks))
        self.out_channels = width

    def init_weights(self) -> None:
        """Load the public weights, or draw all at random, and log which it was."""
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                kaiming_init(module)
            elif isinstance(module, nn.BatchNorm3d):
                constant_init(module, 1)
        for module in self.modules():
            if isinstance(module, TemporalOnlyBottleneck):
                constant_init(module.conv3.norm, 0)
        if self.pretrained:
            load_backbone(self, self.pretrained, RULES)
        MMLogger.get_current_instance().info(
            'FTCN: initial weights '
            + (f'from {self.pretrained}' if self.pretrained else 'drawn at random')
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, T, H, W) -> (B, C, t, h, w), not negative."""
        x = self.stem_pool(self.conv1(x))
        for number, name in enumerate(self.stage_names):
            if number == 1:
                x = self.time_pool(x)
            x = getattr(self, name)(x)
        return x


class TimeAttention(nn.Module):
    """Self-attention between the tokens of a clip, several heads side by side.

    Args:
        num_channels: C of a token.
        num_heads: of the attention.
        head_channels: of queries, keys and values in each head.
        dropout_ratio: of the output.
    """

    def __init__(
        self,
        num_channels: int,
        *,
        num_heads: int,
        head_channels: int,
        dropout_ratio: float,
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.scale = head_channels**-0.5
        inner = num_heads * head_channels
        self.qkv = nn.Linear(num_channels, 3 * inner, bias=False)
        self.out = nn.Linear(inner, num_channels)
        self.dropout = nn.Dropout(dropout_ratio)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, C) -> (B, N, C)."""
        qkv = self.qkv(tokens).unflatten(2, (3, self.num_heads, -1))
        query, key, value = qkv.permute(2, 0, 3, 1, 4)  # each (B, heads, N, c)
        affinity = query @ key.transpose(2, 3) * self.scale  # (B, heads, N, N)
        mixed = affinity.softmax(dim=-1) @ value
        return self.dropout(self.out(mixed.transpose(1, 2).flatten(2)))


class TimeTransformerLayer(nn.Module):
    """Attention and a perceptron, each normalised before and added to its input."""

    def __init__(
        self,
        num_channels: int,
        *,
        num_heads: int,
        head_channels: int,
        hidden_channels: int,
        dropout_ratio: float,
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(num_channels)
        self.attention = TimeAttention(
            num_channels,
            num_heads=num_heads,
            head_channels=head_channels,
            dropout_ratio=dropout_ratio,
        )
        self.norm2 = nn.LayerNorm(num_channels)
        self.mlp = nn.Sequential(
            nn.Linear(num_channels, hidden_channels),
            nn.GELU(),
            nn.Dropout(dropout_ratio),
            nn.Linear(hidden_channels, num_channels),
            nn.Dropout(dropout_ratio),
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, C) -> (B, N, C)."""
        tokens = tokens + self.attention(self.norm1(tokens))
        return tokens + self.mlp(self.norm2(tokens))


@MODELS.register_module()
class TimeTransformerHead(SegmentAveragingHead):
    """FTCN's head: a transformer over time steps, read off at a class token.

    Clips of a video are averaged as in `SegmentAveragingHead`.

    Args:
        num_classes: 2 here: real, fake.
        in_channels: C of the backbone's map.
        num_tokens: time steps of that map; each has a learned position, so clips of
            another length are refused.
        num_layers: of the transformer; 1 in the public settings.
        num_heads: of the attention.
        head_channels: of each head.
        hidden_channels: of the perceptron.
        dropout_ratio: of tokens, attention and perceptron.
        kwargs: see `SegmentAveragingHead`.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        *,
        num_tokens: int = 16,
        num_layers: int = 1,
        num_heads: int = 16,
        head_channels: int = 64,
        hidden_channels: int = 2048,
        dropout_ratio: float = 0.1,
        **kwargs,
    ) -> None:
        super().__init__(
            num_classes=num_classes, in_channels=in_channels, dropout_ratio=0, **kwargs
        )
        self.num_tokens = num_tokens
        self.class_token = nn.Parameter(torch.randn(1, 1, in_channels))
        self.position = nn.Parameter(torch.randn(1, num_tokens + 1, in_channels))
        self.token_dropout = nn.Dropout(dropout_ratio)
        self.layers = nn.ModuleList(
            TimeTransformerLayer(
                in_channels,
                num_heads=num_heads,
                head_channels=head_channels,
                hidden_channels=hidden_channels,
                dropout_ratio=dropout_ratio,
            )
            for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(in_channels)

    def init_weights(self) -> None:
        """Draw the classifier; the transformer keeps the start of its layers."""
        trunc_normal_init(self.fc_cls, std=self.init_std)

    def classify(self, feats: Tensor) -> Tensor:
        """Compute the logits of each clip: (N, C, T, h, w) -> (N, num_classes).

        Raises:
            ConfigError: T is not `num_tokens`.
        """
        if feats.shape[2] != self.num_tokens:
            raise ConfigError(
                f'TimeTransformerHead got {feats.shape[2]} time steps and has learned '
                f'positions of num_tokens = {self.num_tokens}: give SampleSnippets a '
                'clip_len of as many frames (twice as many where model.backbone.'
                'time_pool is True), or set model.cls_head.num_tokens'
            )
        tokens = feats.mean(dim=(3, 4)).transpose(1, 2)  # (N, T, C)
        class_token = self.class_token.expand(len(tokens), -1, -1)
        tokens = torch.cat([class_token, tokens], dim=1) + self.position
        tokens = self.token_dropout(tokens)
        for layer in self.layers:
            tokens = layer(tokens)
        return self.fc_cls(self.norm(tokens[:, 0]))
