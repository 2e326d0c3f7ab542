"""FaceNetLSTM: an LSTM over the face-recognition embeddings of frames.

A reconstruction. RATF's tables name the row after S. J. Sohrawardi et al., "Poster:
Towards Robust Open-World Detection of Deepfakes", CCS 2019,
https://doi.org/10.1145/3319535.3363269, whose network is not public. Our choices: the
Inception-ResNet-v1 of the PyTorch port of FaceNet (F. Schroff et al., CVPR 2015,
https://arxiv.org/abs/1503.03832), frozen, below `CNNLSTMHead` with an LSTM of width 256
over 16 frames; `num_blocks` and `width_ratio`, for small networks.

    160 x 160 -> 79 -> 77 -> 38 -> 36 -> 17 -> 8 -> 3 x 3 -> 512
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmcv.cnn import ConvModule
from mmengine.logging import MMLogger
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn.functional import normalize

from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import MODELS

from ..backbones.initial_weights import draw_weights
from ..conversion.facenet import RULES
from ..conversion.pretrained import load_pretrained

EMBEDDING_CHANNELS = 512
SMALLEST_SIDE_PX = 75  # so that the last reduction has a window
NUM_BLOCKS = (5, 10, 6)
# Factor of each kind of block before its shortcut is added.
SCALES = (0.17, 0.10, 0.20)
# (channels, kernel) of the convolutions of each branch.
Layers = Sequence[tuple[int, int | tuple[int, int]]]
BLOCK_35: tuple[Layers, ...] = (
    ((32, 1),),
    ((32, 1), (32, 3)),
    ((32, 1), (32, 3), (32, 3)),
)
BLOCK_17: tuple[Layers, ...] = (((128, 1),), ((128, 1), (128, (1, 7)), (128, (7, 1))))
BLOCK_8: tuple[Layers, ...] = (((192, 1),), ((192, 1), (192, (1, 3)), (192, (3, 1))))
# The last of each branch has stride 2 and no padding; pooling is a further branch.
REDUCTION_A: tuple[Layers, ...] = (((384, 3),), ((192, 1), (192, 3), (256, 3)))
REDUCTION_B: tuple[Layers, ...] = (
    ((256, 1), (384, 3)),
    ((256, 1), (256, 3)),
    ((256, 1), (256, 3), (256, 3)),
)


def conv(
    in_channels: int,
    out_channels: int,
    kernel: int | tuple[int, int],
    *,
    stride: int = 1,
    padded: bool = True,
) -> ConvModule:
    """Make a convolution without bias, a norm and a ReLU."""
    kernel = (kernel, kernel) if isinstance(kernel, int) else kernel
    return ConvModule(
        in_channels,
        out_channels,
        kernel,
        stride=stride,
        padding=tuple(size // 2 for size in kernel) if padded else 0,
        norm_cfg=dict(type='BN', eps=1e-3),  # as in the public code
    )


def make_branch(in_channels: int, layers: Layers, *, shrinks: bool) -> nn.Sequential:
    """Make a chain of convolutions; with `shrinks` the last has stride 2."""
    convs = []
    for index, (out_channels, kernel) in enumerate(layers):
        halves = shrinks and index == len(layers) - 1
        convs.append(
            conv(
                in_channels,
                out_channels,
                kernel,
                stride=2 if halves else 1,
                padded=not halves,
            )
        )
        in_channels = out_channels
    return nn.Sequential(*convs)


class ResidualInception(BaseModule):
    """x + scale * (1x1 convolution of the concatenated branches), then a ReLU.

    Args:
        channels: of x.
        branches: layers of each.
        scale: factor of the branches.
        ends_with_relu: whether there is that ReLU.
    """

    def __init__(
        self,
        channels: int,
        branches: Sequence[Layers],
        *,
        scale: float,
        ends_with_relu: bool = True,
    ) -> None:
        super().__init__()
        self.scale = scale
        self.branches = nn.ModuleList(
            make_branch(channels, layers, shrinks=False) for layers in branches
        )
        self.merge = nn.Conv2d(sum(b[-1][0] for b in branches), channels, 1)
        self.activate = nn.ReLU() if ends_with_relu else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        merged = self.merge(torch.cat([branch(x) for branch in self.branches], dim=1))
        return self.activate(merged * self.scale + x)


class Reduction(BaseModule):
    """Branches that halve rows and columns, and a max pooling, concatenated."""

    def __init__(self, in_channels: int, branches: Sequence[Layers]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            make_branch(in_channels, layers, shrinks=True) for layers in branches
        )
        self.pool = nn.MaxPool2d(3, stride=2)
        self.out_channels = in_channels + sum(b[-1][0] for b in branches)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, out_channels, (H - 1) // 2, (W - 1) // 2)."""
        return torch.cat([*(branch(x) for branch in self.branches), self.pool(x)], 1)


@MODELS.register_module()
class InceptionResnetV1(BaseModule):
    """Face embeddings of frames; (B, 3, H, W) -> (B, 512, 1, 1).

    For `CNNLSTMHead`. Wants RGB scaled by (x - 127.5) / 128, 160 x 160 pixels.

    Args:
        frozen: whether it has no gradients and stays in evaluation mode.
        normalised: scale embeddings to length 1, as in recognition.
        num_blocks: residual blocks of the three stages; (5, 10, 6) in FaceNet.
        width_ratio: share of FaceNet's channels in each layer.
        dropout_ratio: before the embedding; 0.6 in FaceNet.
        pretrained: path or URL of weights of the public code, VGGFace2's or
            CASIA-WebFace's, whose classifier is skipped; None draws all at random.
    """

    def __init__(
        self,
        *,
        frozen: bool = True,
        normalised: bool = False,
        num_blocks: tuple[int, int, int] = NUM_BLOCKS,
        width_ratio: float = 1.0,
        dropout_ratio: float = 0.6,
        pretrained: str | None = None,
    ) -> None:
        super().__init__()
        if len(num_blocks) != 3 or min(num_blocks) < 1 or not 0 < width_ratio <= 1:
            raise ConfigError(
                f'num_blocks = {num_blocks}, width_ratio = {width_ratio} of '
                'InceptionResnetV1: need three numbers of blocks, 1 or more each, and '
                'a ratio in (0, 1]'
            )
        self.frozen = frozen
        self.normalised = normalised
        self.pretrained = pretrained

        def width(channels: int) -> int:
            return max(1, round(channels * width_ratio))

        def scaled(branches: Sequence[Layers]) -> list[Layers]:
            return [[(width(c), kernel) for c, kernel in b] for b in branches]

        self.stem = nn.Sequential(
            conv(3, width(32), 3, stride=2, padded=False),
            conv(width(32), width(32), 3, padded=False),
            conv(width(32), width(64), 3),
            nn.MaxPool2d(3, stride=2),
            conv(width(64), width(80), 1),
            conv(width(80), width(192), 3, padded=False),
            conv(width(192), width(256), 3, stride=2, padded=False),
        )
        stages, reductions, channels = [], [], width(256)
        for index, branches in enumerate((BLOCK_35, BLOCK_17, BLOCK_8)):
            stages.append(
                nn.Sequential(
                    *(
                        ResidualInception(
                            channels,
                            scaled(branches),
                            # The very last block has no scale and no ReLU.
                            scale=1.0 if last else SCALES[index],
                            ends_with_relu=not last,
                        )
                        for number in range(num_blocks[index])
                        for last in [index == 2 and number == num_blocks[2] - 1]
                    )
                )
            )
            if index < 2:
                reduction = Reduction(
                    channels, scaled((REDUCTION_A, REDUCTION_B)[index])
                )
                reductions.append(reduction)
                channels = reduction.out_channels
        self.stages = nn.ModuleList(stages)
        self.reductions = nn.ModuleList(reductions)
        self.dropout = nn.Dropout(dropout_ratio)
        self.embed = nn.Linear(channels, EMBEDDING_CHANNELS, bias=False)
        self.embed_norm = nn.BatchNorm1d(EMBEDDING_CHANNELS, eps=1e-3)
        if frozen:
            self.requires_grad_(False)
            self.train()

    def train(self, mode: bool = True) -> InceptionResnetV1:
        """Switch the mode unless frozen."""
        return super().train(mode and not self.frozen)

    def init_weights(self) -> None:
        """Draw all weights, then load the public ones if named."""
        draw_weights(self)
        load_pretrained(self, RULES, note=', frozen' if self.frozen else '')
        if self.frozen and not self.pretrained:
            MMLogger.get_current_instance().warning(
                'InceptionResnetV1: frozen at random weights, so its results are not '
                "FaceNetLSTM's; set model.backbone.pretrained to weights of its public "
                'code, or model.backbone.frozen=False'
            )

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, 512, 1, 1)."""
        if min(x.shape[-2:]) < SMALLEST_SIDE_PX:
            raise ConfigError(
                f'InceptionResnetV1 got frames of {x.shape[-1]} x {x.shape[-2]} '
                f'pixels: need {SMALLEST_SIDE_PX} or more; change the scale of Resize '
                '(usually 160)'
            )
        x = self.stem(x)
        for index, stage in enumerate(self.stages):
            x = stage(x)
            if index < len(self.reductions):
                x = self.reductions[index](x)
        x = self.embed_norm(self.embed(self.dropout(x.mean(dim=(2, 3)))))
        if self.normalised:
            x = normalize(x, dim=1)
        return x[:, :, None, None]
