"""T-Conv: a static temporal convolution in place of RATF, Table 4a of the paper.

Our reading of "the vanilla temporal convolution": depth-wise, three taps, zero-padded,
without a bias, on the same share of the channels as RATF, identity at first.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import MODELS

from ..options import check_choice
from .temporal_resnet import TemporalResNet


class TemporalConv(nn.Module):
    """One learnt temporal filter per channel, the same at every position.

    Args:
        num_channels: C of the feature map.
        clip_len: T.
        kernel_size: taps, odd.
        split_ratio: share of the channels, the first ones, that are filtered.
        init: 'identity'; 'difference', as RATF's for training from scratch, with -1/2
            beside the one; or 'shift': one eighth of the filtered channels looks a
            frame ahead, one eighth a frame back, the rest is the identity.
    """

    def __init__(
        self,
        num_channels: int,
        *,
        clip_len: int,
        kernel_size: int = 3,
        split_ratio: float = 0.5,
        init: str = 'identity',
    ) -> None:
        super().__init__()
        check_choice('T-Conv', 'init', init, ('identity', 'difference', 'shift'))
        if kernel_size % 2 == 0 or not 0 < split_ratio <= 1:
            raise ConfigError(
                f'kernel_size = {kernel_size}, split_ratio = {split_ratio} of T-Conv: '
                'need an odd number of taps, and a share in (0, 1]'
            )
        self.clip_len, self.init = clip_len, init
        self.num_filtered = max(1, int(num_channels * split_ratio))
        self.conv = nn.Conv1d(
            self.num_filtered,
            self.num_filtered,
            kernel_size,
            padding=kernel_size // 2,
            groups=self.num_filtered,
            bias=False,
        )
        self.init_weights()

    def init_weights(self) -> None:
        """Set the initial filters."""
        centre = self.conv.kernel_size[0] // 2
        with torch.no_grad():
            self.conv.weight.zero_()
            self.conv.weight[:, :, centre] = 1
            if self.init == 'difference':
                self.conv.weight[:, :, centre - 1 :: 2][..., :2] = -0.5
            elif self.init == 'shift':
                fold = self.num_filtered // 8
                self.conv.weight[: 2 * fold] = 0
                self.conv.weight[:fold, :, centre + 1] = 1
                self.conv.weight[fold : 2 * fold, :, centre - 1] = 1

    def forward(self, x: Tensor) -> Tensor:
        """Filter the first channels of each snippet; (B*T, C, H, W), T innermost."""
        snippets = x.unflatten(0, (-1, self.clip_len))  # (B, T, C, H, W)
        features = snippets[:, :, : self.num_filtered]
        # Over (T, H*W) it needs no transposed copy of the map.
        filtered = nn.functional.conv2d(
            features.transpose(1, 2).flatten(3),  # (B, c, T, H*W)
            self.conv.weight.unsqueeze(3),
            padding=(self.conv.padding[0], 0),
            groups=self.num_filtered,
        )
        filtered = filtered.unflatten(3, x.shape[2:]).transpose(1, 2)
        return torch.cat(
            [filtered, snippets[:, :, self.num_filtered :]], dim=2
        ).flatten(0, 1)


@MODELS.register_module()
class TConvNet(TemporalResNet):
    """ResNet with `TemporalConv`s where RATFNet has RATFs.

    Args:
        depth: 18, 34, 50, 101 or 152.
        clip_len: frames of a snippet; the sampler's must agree.
        t_conv_cfg: options of `TemporalConv` other than its channels and `clip_len`.
        t_conv_stages: whether the blocks of each of the four stages get one.
        pretrained: ImageNet weights with torchvision's key names, a path or URL.
        kwargs: see MMAction2's `ResNet`.
    """

    def __init__(
        self,
        depth: int,
        *,
        clip_len: int,
        t_conv_cfg: dict | None = None,
        t_conv_stages: Sequence[bool] = (True, True, True, True),
        pretrained: str | None = None,
        **kwargs,
    ) -> None:
        super().__init__(
            depth,
            clip_len=clip_len,
            make_temporal_module=partial(
                TemporalConv, clip_len=clip_len, **(t_conv_cfg or {})
            ),
            temporal_stages=t_conv_stages,
            pretrained=pretrained,
            **kwargs,
        )
