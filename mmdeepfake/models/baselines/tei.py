"""TEI: motion gates, then a learnt temporal shift, before each residual block.

Paper: TEINet: Towards an Efficient Architecture for Video Recognition, AAAI 2020,
https://arxiv.org/abs/1911.09435; no public code. Our reading where the paper is silent:

- the place, before a block's first convolution: with 400 classes that makes 30.36 M
  parameters, close to TEINet's 30.4; after the first 1x1 convolution it
  would be 24.8 (`place='mid'`);
- three 1x1 convolutions with a bias, C to C/8 twice and C/8 to C, without a ReLU;
- the last frame of a clip is not gated.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import MODELS

from ..backbones.t_conv_net import TemporalConv
from ..backbones.temporal_resnet import (
    TemporalBasicBlock,
    TemporalBottleneck,
    TemporalResNet,
)
from ..options import check_choice


class MotionEnhancement(nn.Module):
    """MEM: scale each frame's channels by a gate on the change to the next frame.

    With p_t the spatial mean of frame t, the gate is
    g_t = sigmoid(W_c (W_b p_{t+1} - W_a p_t)), and the output g_t * X_t; X_T as it is.

    Args:
        num_channels: C.
        num_segments: T, frames of a clip.
        reduction: C / width of W_a and W_b.
    """

    def __init__(
        self, num_channels: int, *, num_segments: int, reduction: int = 8
    ) -> None:
        super().__init__()
        self.num_segments = num_segments
        width = num_channels // reduction
        # On pooled vectors a 1x1 convolution is a linear layer.
        self.current = nn.Linear(num_channels, width)
        self.following = nn.Linear(num_channels, width)
        self.expand = nn.Linear(width, num_channels)

    def init_weights(self) -> None:
        """Draw the three layers by PyTorch's defaults."""
        for layer in (self.current, self.following, self.expand):
            layer.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        """Gate all frames but each clip's last; (B*T, C, H, W), T innermost."""
        clips = x.unflatten(0, (-1, self.num_segments))  # (B, T, C, H, W)
        pooled = clips.mean(dim=(3, 4))  # (B, T, C)
        motion = self.following(pooled[:, 1:]) - self.current(pooled[:, :-1])
        gates = self.expand(motion).sigmoid()[..., None, None]
        return torch.cat([gates * clips[:, :-1], clips[:, -1:]], dim=1).flatten(0, 1)


class TemporalEnhancementInteraction(nn.Module):
    """TEI: `MotionEnhancement`, then TIM.

    TIM is a depth-wise temporal convolution of three taps on all channels, which starts
    as a shift of an eighth of the channels forward and an eighth back.

    Args:
        num_channels: C.
        num_segments: T, frames of a clip.
        reduction: see `MotionEnhancement`.
    """

    def __init__(
        self, num_channels: int, *, num_segments: int, reduction: int = 8
    ) -> None:
        super().__init__()
        self.motion = MotionEnhancement(
            num_channels, num_segments=num_segments, reduction=reduction
        )
        self.interaction = TemporalConv(
            num_channels, clip_len=num_segments, split_ratio=1.0, init='shift'
        )

    def init_weights(self) -> None:
        """Initialise both parts."""
        self.motion.init_weights()
        self.interaction.init_weights()

    def forward(self, x: Tensor) -> Tensor:
        """(B*T, C, H, W) to the same, T innermost."""
        return self.interaction(self.motion(x))


class _BottleneckBehindTEI(TemporalBottleneck):
    """`Bottleneck` with the temporal module before its first 1x1 convolution."""

    @property
    def temporal_channels(self) -> int:
        return self.conv1.in_channels

    def _residual(self, x: Tensor) -> Tensor:
        if self.temporal is not None:
            x = self.temporal(x)
        return self.conv3(self.conv2(self.conv1(x)))


_BOTTLENECKS = {'in': _BottleneckBehindTEI, 'mid': TemporalBottleneck}


@MODELS.register_module()
class TEINet(TemporalResNet):
    """ResNet with a TEI on the residual path of every block; shortcuts bypass it.

    Args:
        depth: 18, 34, 50, 101 or 152.
        num_segments: T, frames of a clip, evenly spaced over the video; 8 in the paper.
        place: of a TEI in a bottleneck: 'in', before the first 1x1 convolution, or
            'mid', after it. Basic blocks (depths 18 and 34) have 'in' alone.
        reduction: see `MotionEnhancement`.
        pretrained: ImageNet weights with torchvision's key names, a path or URL.
        kwargs: see MMAction2's `ResNet`.
    """

    min_clip_len = 2  # a motion has two frames
    clip_len_option = 'num_segments'

    def __init__(
        self,
        depth: int,
        *,
        num_segments: int = 8,
        place: str = 'in',
        reduction: int = 8,
        pretrained: str | None = None,
        **kwargs,
    ) -> None:
        check_choice('TEINet', 'place', place, _BOTTLENECKS)
        if place == 'mid' and depth in (18, 34):
            raise ConfigError(
                f"place = 'mid' of TEINet: depth {depth} has no 1x1 convolution; set "
                "'in'"
            )
        bottleneck = _BOTTLENECKS[place]
        self.arch_settings = {
            size: (block if block is TemporalBasicBlock else bottleneck, blocks)
            for size, (block, blocks) in TemporalResNet.arch_settings.items()
        }
        super().__init__(
            depth,
            clip_len=num_segments,
            make_temporal_module=partial(
                TemporalEnhancementInteraction,
                num_segments=num_segments,
                reduction=reduction,
            ),
            pretrained=pretrained,
            **kwargs,
        )
