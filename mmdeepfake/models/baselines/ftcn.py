"""FTCN: temporal evidence alone, by a network without spatial kernels.

Paper: Y. Zheng et al., "Exploring Temporal Coherence for More General Video Face
Forgery Detection", ICCV 2021, https://arxiv.org/abs/2108.06693. Public code (without
training): https://github.com/yinglinzheng/FTCN; the same weights give the same scores.

The backbone is I3D on ResNet-50 with k x 1 x 1 kernels in place of k x 3 x 3, a 2 x 2
max pooling in place of each spatial stride, and no fourth stage. The head is a
transformer over time:

    32 x 224 x 224 -> 32 x 112 x 112 -> 32 x 56 x 56 -> 16 x 28 x 28 -> 16 x 14 x 14
    -> 16 tokens of 1024 channels and a class token -> logits

The paper's single logit z is the two logits (0, z) here.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from mmengine.model.weight_init import constant_init, kaiming_init, trunc_normal_init
from torch import Tensor, nn

from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import MODELS

from ..conversion.ftcn import RULES
from ..conversion.pretrained import load_pretrained
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
    """Make a convolution over time that keeps all sizes, a norm, maybe a ReLU."""
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
    """A ResNet bottleneck whose kernels cover one position.

    Args:
        in_channels: of the input.
        planes: of the first two convolutions; the output has 4 times as many.
        num_taps: of the first convolution, over time.
        halves: whether rows and columns are halved, by max pooling. The public code
            pools before the ReLU, which is the same.
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
        time_pool: whether time is halved after the first stage, as in the paper for 32
            frames.
        pretrained: path or URL of the public checkpoint, whose head is skipped; None
            draws all at random, as the paper does.
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
                    # As in I3D: three taps in all of stage 1, then in every second.
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
        """Draw all weights, then load the public ones if named."""
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                kaiming_init(module)
            elif isinstance(module, nn.BatchNorm3d):
                constant_init(module, 1)
        for module in self.modules():
            if isinstance(module, TemporalOnlyBottleneck):
                constant_init(module.conv3.norm, 0)
        load_pretrained(self, RULES)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, T, H, W) -> (B, C, t, h, w), not negative."""
        x = self.stem_pool(self.conv1(x))
        for number, name in enumerate(self.stage_names):
            if number == 1:
                x = self.time_pool(x)
            x = getattr(self, name)(x)
        return x


class TimeAttention(nn.Module):
    """Multi-head self-attention between the tokens of a clip.

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
    """Pre-norm transformer layer: attention, then a perceptron."""

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
    """FTCN's head: a transformer over time steps with a class token.

    Clips of a video are averaged as in `SegmentAveragingHead`.

    Args:
        num_classes: 2 here: real, fake.
        in_channels: C of the backbone's map.
        num_tokens: time steps of that map, each with a learned position.
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
        """Draw the classifier; the transformer keeps PyTorch's defaults."""
        trunc_normal_init(self.fc_cls, std=self.init_std)

    def classify(self, feats: Tensor) -> Tensor:
        """Compute the logits of each clip: (N, C, T, h, w) -> (N, num_classes)."""
        if feats.shape[2] != self.num_tokens:
            raise ConfigError(
                f'TimeTransformerHead got {feats.shape[2]} time steps, but num_tokens '
                f'= {self.num_tokens}: set SampleSnippets.clip_len to as many frames '
                '(twice as many with model.backbone.time_pool), or '
                'model.cls_head.num_tokens'
            )
        tokens = feats.mean(dim=(3, 4)).transpose(1, 2)  # (N, T, C)
        class_token = self.class_token.expand(len(tokens), -1, -1)
        tokens = torch.cat([class_token, tokens], dim=1) + self.position
        tokens = self.token_dropout(tokens)
        for layer in self.layers:
            tokens = layer(tokens)
        return self.fc_cls(self.norm(tokens[:, 0]))
