"""V4D: 4D convolutions over the snippets of a video, in a slow-only 3D ResNet.

Paper: V4D: 4D Convolutional Neural Networks for Video-level Representation Learning,
ICLR 2020, https://openreview.net/forum?id=SJeLopEYDH. Public code:
https://github.com/MalongTech/research-v4d (not for commercial use; nothing is taken
from it). After the 4D convolution the paper's figure has a batch norm and a ReLU, the
code neither (`r4d_norm`); the code has two R4D blocks in res3 of ResNet-50, one each in
res3 and res4 of ResNet-18 (`r4d_blocks`). Ours: U = 4 snippets ("action units") of 4
consecutive frames (the code takes every eighth), and at test all snippets of a video
meet, not combinations of a few.
"""

from __future__ import annotations

from collections.abc import Sequence

from mmengine.model.weight_init import constant_init, kaiming_init
from torch import Tensor, nn

from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import MODELS

from .snippet_resnet3d import SnippetResNet3d

_KERNEL_SIZE = (3, 3, 1)  # over snippets, frames, and positions in one axis


def lay_out_snippets(x: Tensor, num_snippets: int) -> Tensor:
    """Reshape (B*U, C, T, H, W) to (B, C, U, T, H*W)."""
    return x.flatten(3).unflatten(0, (-1, num_snippets)).transpose(1, 2)


class Residual4D(nn.Module):
    """R4D block: x + F(x), with F a dense 4D convolution over (U, T, H, W).

    With one tap in H and W this is a 3D convolution over (U, T, H*W), zero-padded. It
    starts as the identity: by the norm's gamma of zero, or else a zero kernel.

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
        """Make it the identity."""
        if self.norm is None:
            constant_init(self.conv, 0)
        else:
            kaiming_init(self.conv)
            constant_init(self.norm, 0)

    def forward(self, x: Tensor, num_snippets: int) -> Tensor:
        """(B*U, C, T, H, W), U innermost, to the same shape."""
        residual = self.conv(lay_out_snippets(x, num_snippets))
        if self.norm is not None:
            # Everything is zero at first, where the gradient of `relu` is zero too, so
            # gamma and beta would never change; that of `clamp` is not.
            residual = self.norm(residual).clamp(min=0)
        residual = residual.transpose(1, 2).flatten(0, 1)  # (B*U, C, T, H*W)
        return x + residual.unflatten(3, x.shape[3:])


@MODELS.register_module()
class V4D(SnippetResNet3d):
    """Slow-only 3D ResNet on snippets folded into the batch, which meet in its R4Ds.

    For `SnippetRecognizer3D`, which passes the number of snippets: any. V4D-50 has
    36,355,136 parameters, 4,720,640 of them in its two R4Ds.

    Args:
        depth: 18, 34, 50, 101 or 152.
        r4d_blocks: indices, from 0, of the blocks of each stage that an R4D follows;
            the default is the code's, for depth 50.
        r4d_norm: whether R4Ds have a norm and a ReLU (the paper's figure) or not (its
            code).
        kwargs: see `SnippetResNet3d`.
    """

    def __init__(
        self,
        depth: int = 50,
        *,
        r4d_blocks: Sequence[Sequence[int]] = ((), (1, 3), (), ()),
        r4d_norm: bool = True,
        **kwargs,
    ) -> None:
        super().__init__(depth, **kwargs)
        self.r4d = nn.ModuleDict()
        for name, index in self.choose_blocks('r4d_blocks', r4d_blocks):
            stage = self.res_layers.index(name)
            num_channels = self.base_channels * 2**stage * self.block.expansion
            self.r4d[f'{name}_{index}'] = Residual4D(num_channels, norm=r4d_norm)

    def init_weights(self, pretrained: str | None = None) -> None:
        """Inflate or draw the ResNet's weights, then make the R4Ds the identity."""
        super().init_weights(pretrained)
        for block in self.r4d.values():
            block.init_weights()

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
                f'V4D got {x.shape[0]} snippets in all, not a multiple of '
                f'num_snippets = {num_snippets}'
            )
        x = self.maxpool(self.conv1(x))
        for name in self.res_layers:
            for index, block in enumerate(getattr(self, name)):
                x = block(x)
                if f'{name}_{index}' in self.r4d:
                    x = self.r4d[f'{name}_{index}'](x, num_snippets)
        return x
