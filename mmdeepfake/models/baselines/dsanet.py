"""DSANet: convolve snippets with a kernel that the snippets themselves generate.

Paper: DSANet: Dynamic Segment Aggregation Network for Video-Level Representation
Learning, ACM Multimedia 2021, https://arxiv.org/abs/2105.12085; code:
https://github.com/whwu95/DSANet, whose Kinetics-400 configuration is followed. Ours:
U = 4 snippets of T consecutive frames.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmaction.models.backbones.resnet3d import BasicBlock3d, Bottleneck3d
from mmaction.models.backbones.resnet3d_slowonly import ResNet3dSlowOnly
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mmdeepfake.errors import ConfigError
from mmdeepfake.ops.temporal_filter import filter_over_time
from mmdeepfake.registry import MODELS

from .snippet_resnet3d import SnippetResNet3d

_NUM_TAPS = 3


class DynamicSegmentAggregation(nn.Module):
    """DSA: a depth-wise convolution along the U snippets of a video, on some channels.

    With p_u the mean of a channel over the frames and positions of snippet u, the
    channel's kernel is softmax(W_2 ReLU(BN(W_1 [p_1 .. p_U]))), three taps, zero-padded
    at the first and the last snippet. The other channels stay as they are.

    Args:
        num_channels: C; the first `int(C * split_ratio)` are convolved.
        num_snippets: U, fixed by the shape of W_1.
        split_ratio: share of the channels, 1/8 in the code.
        expansion: width of the hidden layer by U, alpha in the paper.
    """

    def __init__(
        self,
        num_channels: int,
        *,
        num_snippets: int,
        split_ratio: float = 1 / 8,
        expansion: int = 2,
    ) -> None:
        super().__init__()
        self.num_snippets = num_snippets
        self.num_aggregated = int(num_channels * split_ratio)
        if not 1 <= self.num_aggregated <= num_channels:
            raise ConfigError(
                f'split_ratio = {split_ratio} of DSANet: of {num_channels} channels '
                f'that makes {self.num_aggregated}; need 1 to {num_channels}'
            )
        width = num_snippets * expansion
        self.generate = nn.Sequential(
            nn.Linear(num_snippets, width, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(inplace=True),
            nn.Linear(width, _NUM_TAPS, bias=False),
            nn.Softmax(dim=-1),
        )

    def init_weights(self) -> None:
        """Draw the generator by PyTorch's defaults, as the public code does."""
        for layer in self.generate:
            if hasattr(layer, 'reset_parameters'):
                layer.reset_parameters()

    def kernels(self, x: Tensor) -> Tensor:
        """Generate the kernels of the convolved channels.

        Args:
            x: (B, U, c, T, H, W).

        Returns:
            (B, c, 3), positive, each kernel's taps summing to 1.
        """
        pooled = x.mean(dim=(3, 4, 5)).transpose(1, 2)  # (B, c, U)
        return self.generate(pooled.flatten(0, 1)).unflatten(0, pooled.shape[:2])

    def forward(self, x: Tensor) -> Tensor:
        """Aggregate; (B*U, C, T, H, W) to the same, U innermost."""
        chosen, rest = x.tensor_split([self.num_aggregated], dim=1)
        snippets = chosen.unflatten(0, (-1, self.num_snippets))  # (B, U, c, T, H, W)
        kernels = self.kernels(snippets)
        mixed = filter_over_time(
            snippets.flatten(4),  # (B, U, c, T, H*W)
            kernels.transpose(1, 2)[..., None, None].to(x.dtype),  # (B, 3, c, 1, 1)
        )
        return torch.cat([mixed.unflatten(4, x.shape[3:]).flatten(0, 1), rest], dim=1)


class _BlockWithDSA:
    """Mixin of a 3D residual block: a DSA, if any, after its first convolution."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.dsa: nn.Module | None = None

    def _residual(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        if self.dsa is not None:
            x = self.dsa(x)
        x = self.conv2(x)
        return self.conv3(x) if hasattr(self, 'conv3') else x

    def forward(self, x: Tensor) -> Tensor:
        """As the stock block; (B*U, C, T, H, W). The shortcut bypasses the DSA."""
        identity = x if self.downsample is None else self.downsample(x)
        if self.with_cp and x.requires_grad:
            residual = checkpoint(self._residual, x, use_reentrant=False)
        else:
            residual = self._residual(x)
        out = self.relu(residual + identity)
        return self.non_local_block(out) if self.non_local else out


class _DSABasicBlock3d(_BlockWithDSA, BasicBlock3d):
    pass


class _DSABottleneck3d(_BlockWithDSA, Bottleneck3d):
    pass


_BLOCKS = {BasicBlock3d: _DSABasicBlock3d, Bottleneck3d: _DSABottleneck3d}


@MODELS.register_module()
class DSANet(SnippetResNet3d):
    """Slow-only 3D ResNet on snippets folded into the batch, which meet in its DSAs.

    For `SnippetRecognizer3D`, which passes the number of snippets. A video of G * U
    snippets makes G groups of U spread over it, as in the code's test: group g has
    snippets g, g + G, g + 2G and so on.

        8 snippets, U = 4  ->  groups 0101 0101  ->  (0, 2, 4, 6) and (1, 3, 5, 7)

    Args:
        depth: 18, 34, 50, 101 or 152.
        num_snippets: U, snippets that are convolved with each other.
        dsa_blocks: indices, from 0, of the blocks of each stage that get a DSA; the
            default is the code's, for depth 50.
        dsa_cfg: options of `DynamicSegmentAggregation` other than its channels and U.
        kwargs: see `SnippetResNet3d`.
    """

    arch_settings = {  # noqa: RUF012  (overrides a class attribute of ResNet3d)
        depth: (_BLOCKS[block], num_blocks)
        for depth, (block, num_blocks) in ResNet3dSlowOnly.arch_settings.items()
    }

    def __init__(
        self,
        depth: int = 50,
        *,
        num_snippets: int = 4,
        dsa_blocks: Sequence[Sequence[int]] = ((), (1, 3), (1, 3, 5), ()),
        dsa_cfg: dict | None = None,
        **kwargs,
    ) -> None:
        if not isinstance(num_snippets, int) or num_snippets < 2:
            raise ConfigError(
                f'num_snippets = {num_snippets!r} of DSANet: need an integer of 2 or '
                'more'
            )
        super().__init__(depth, **kwargs)
        self.num_snippets = num_snippets
        for name, index in self.choose_blocks('dsa_blocks', dsa_blocks):
            block = getattr(self, name)[index]
            block.dsa = DynamicSegmentAggregation(
                block.conv1.out_channels, num_snippets=num_snippets, **(dsa_cfg or {})
            )

    def init_weights(self, pretrained: str | None = None) -> None:
        """Inflate or draw the ResNet's weights, then draw the DSAs."""
        super().init_weights(pretrained)
        for module in self.modules():
            if isinstance(module, DynamicSegmentAggregation):
                module.init_weights()

    def forward(self, x: Tensor, num_snippets: int | None = None) -> Tensor:
        """Compute the features of folded snippets.

        Args:
            x: (B*S, 3, T, H, W), the S snippets of a video next to each other.
            num_snippets: S, a multiple of U; None means U.

        Returns:
            (B*S, C, T, h, w), snippets in the order of `x`.
        """
        group_size, per_video = self.num_snippets, num_snippets or self.num_snippets
        if per_video % group_size or x.shape[0] % per_video:
            raise ConfigError(
                f'DSANet got {per_video} snippets a video, {x.shape[0]} in all: '
                'SampleSnippets must draw a multiple of model.backbone.num_snippets = '
                f'{group_size}'
            )
        num_groups = per_video // group_size
        grouped = x.unflatten(0, (-1, group_size, num_groups)).transpose(1, 2)
        features = super().forward(grouped.flatten(0, 2))
        grouped = features.unflatten(0, (-1, num_groups, group_size)).transpose(1, 2)
        return grouped.flatten(0, 2)
