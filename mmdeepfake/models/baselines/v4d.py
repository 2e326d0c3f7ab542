"""V4D: 4D convolutions over the snippets of a video, in a slow-only 3D ResNet.

Paper: V4D: 4D Convolutional Neural Networks for Video-level Representation Learning,
ICLR 2020, https://openreview.net/forum?id=SJeLopEYDH (arXiv 2002.07442). Public code:
https://github.com/MalongTech/research-v4d (not for commercial use; nothing is taken
from it). Certain from both: the 3D ResNet, the kernel over (U, T, H, W) = (3, 3, 1, 1)
from all channels to all channels, the shortcut around it. They differ in what follows
the convolution: the figure has a batch norm and a ReLU, the code neither; and in where
the blocks stand: the code has two in res3 of ResNet-50, and in its ResNet-18 one each
in res3 and res4. `r4d_norm` and `r4d_blocks` choose. Ours: U = 4 snippets of 4
consecutive frames (the code takes every eighth), and that at test all snippets of a
video meet, in place of the paper's combinations of a few of them.

    paper    here
    U        num_snippets, the action units
    R4D      Residual4D
"""

from __future__ import annotations

from collections.abc import Sequence

from mmaction.models.backbones.resnet3d_slowonly import ResNet3dSlowOnly
from mmengine.logging import MMLogger
from mmengine.model.weight_init import constant_init, kaiming_init
from torch import Tensor, nn

from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import MODELS

from ..backbones.initial_weights import check_inflatable

_KERNEL_SIZE = (3, 3, 1)  # over snippets, frames, and positions in one axis
_FIXED_OPTIONS = ('out_indices', 'with_pool2', 'pretrained2d')


def lay_out_snippets(x: Tensor, num_snippets: int) -> Tensor:
    """Bring a video's snippets together: (B*U, C, T, H, W) to (B, C, U, T, H*W)."""
    return x.flatten(3).unflatten(0, (-1, num_snippets)).transpose(1, 2)


class Residual4D(nn.Module):
    """R4D block: x + F(x), with F a dense 4D convolution over (U, T, H, W).

    With one tap in H and W the 4D convolution is a 3D one over (U, T, H*W). Snippets
    before the first and after the last are zeros, as are frames. It starts as the
    identity: with a norm by its gamma of zero, without one by a kernel of zeros.

    Args:
        num_channels: C.
        norm: whether a batch norm and a ReLU follow the convolution.
    """

    def __init__(self, num_channels: int, *, norm: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv3d(
            num_channels,
            num_channels,
            _KERNEL_SIZE,
            padding=tuple(size // 2 for size in _KERNEL_SIZE),
            bias=False,
        )
        self.norm = nn.BatchNorm3d(num_channels) if norm else None
        self.init_weights()

    def init_weights(self) -> None:
        """Start as the identity."""
        if self.norm is None:
            constant_init(self.conv, 0)
        else:
            kaiming_init(self.conv)
            constant_init(self.norm, 0)

    def forward(self, x: Tensor, num_snippets: int) -> Tensor:
        """(B*U, C, T, H, W), U innermost, to the same shape."""
        residual = self.conv(lay_out_snippets(x, num_snippets))
        if self.norm is not None:
            # Not `relu`: its gradient at zero is zero, and all of this is zero as long
            # as gamma and beta are, so they would never leave it. `clamp` has one.
            residual = self.norm(residual).clamp(min=0)
        residual = residual.transpose(1, 2).flatten(0, 1)  # (B*U, C, T, H*W)
        return x + residual.unflatten(3, x.shape[3:])


@MODELS.register_module()
class V4D(ResNet3dSlowOnly):
    """Slow-only 3D ResNet on snippets folded into the batch, which meet in its R4Ds.

    For `SnippetRecognizer3D`, which says how many snippets a video has: any number.
    V4D-50 has 36,355,136 parameters, 4,720,640 of them in its two R4Ds.

    Args:
        depth: 18, 34, 50, 101 or 152.
        r4d_blocks: for each stage the indices of its blocks that an R4D follows, from
            0; the default is the code's, for depth 50.
        r4d_norm: whether R4Ds have a norm and a ReLU (the paper's figure) or not (its
            code).
        kwargs: see MMAction2's `ResNet3dSlowOnly`, of which `out_indices`, `with_pool2`
            and `pretrained2d` keep their defaults; `pretrained` names 2D ImageNet
            weights, which are inflated.

    Raises:
        ConfigError: an option outside what is allowed.
    """

    def __init__(
        self,
        depth: int = 50,
        *,
        r4d_blocks: Sequence[Sequence[int]] = ((), (1, 3), (), ()),
        r4d_norm: bool = True,
        **kwargs,
    ) -> None:
        if depth not in self.arch_settings:
            raise ConfigError(
                f'depth = {depth} of V4D: allowed are {sorted(self.arch_settings)}'
            )
        for option in _FIXED_OPTIONS:
            if option in kwargs:
                raise ConfigError(
                    f'{option} = {kwargs[option]} of V4D: it cannot be set; remove it'
                )
        super().__init__(depth=depth, **kwargs)
        sizes = self.stage_blocks
        if len(r4d_blocks) != len(sizes) or any(
            index not in range(size)
            for chosen, size in zip(r4d_blocks, sizes, strict=True)
            for index in chosen
        ):
            raise ConfigError(
                f'r4d_blocks = {r4d_blocks} of V4D: need indices for each of '
                f'{len(sizes)} stages of {sizes} blocks'
            )
        self.r4d = nn.ModuleDict()
        for stage, (name, chosen) in enumerate(
            zip(self.res_layers, r4d_blocks, strict=True)
        ):
            num_channels = self.base_channels * 2**stage * self.block.expansion
            for index in chosen:
                self.r4d[f'{name}_{index}'] = Residual4D(num_channels, norm=r4d_norm)

    def init_weights(self, pretrained: str | None = None) -> None:
        """Load or draw the ResNet's weights, then start the R4Ds as the identity."""
        self.pretrained = pretrained or self.pretrained
        if self.pretrained:
            check_inflatable(self)
        super().init_weights()
        MMLogger.get_current_instance().info(
            f'V4D-{self.depth}: initial weights '
            + (f'from {self.pretrained}' if self.pretrained else 'drawn at random')
        )
        for block in self.r4d.values():
            block.init_weights()

    def train(self, mode: bool = True) -> V4D:
        """Switch the mode; returns self, which MMAction2's ResNet3d does not."""
        super().train(mode)
        return self

    def forward(self, x: Tensor, num_snippets: int) -> Tensor:
        """Compute the features of folded snippets.

        Args:
            x: (B*U, 3, T, H, W), the U snippets of a video next to each other, in the
                order of time.
            num_snippets: U.

        Returns:
            (B*U, C, T, h, w), snippets in the order of `x`.
        """
        if x.shape[0] % num_snippets:
            raise ConfigError(
                f'V4D got {x.shape[0]} snippets in all, no multiple of the '
                f'{num_snippets} a video that it was told'
            )
        x = self.maxpool(self.conv1(x))
        for name in self.res_layers:
            for index, block in enumerate(getattr(self, name)):
                x = block(x)
                if f'{name}_{index}' in self.r4d:
                    x = self.r4d[f'{name}_{index}'](x, num_snippets)
        return x
