"""STIL: spatial and temporal inconsistencies, learnt in two halves of every block.

Paper: Spatiotemporal Inconsistency Learning for DeepFake Video Detection, ACM MM 2021,
https://doi.org/10.1145/3474085.3475508. Public code:
https://github.com/Tencent/TFace, security/tasks/Face-Forgery-Detection/STIL; the same
weights give the same output. Where the paper's figure differs, the code is followed:
the ISM reads the spatial half before its last 3x3, not after it.

The paper's H-T and T-W branches convolve slices (H, T) and (T, W) with one tap in T, so
they are computed here as convolutions of frames, without copying slices.

Parameters of SCNet-50 v1d keep its names, so that its public ImageNet weights load
(`conv1_a`, `k1`, `scconv.k3`, ...). STIL's own:

    paper    here
    SIM      SpatialInconsistency (`scconv`; its gate, `gate_row` and `gate_column`)
    TIM      TemporalInconsistency (`tim`)
    HTIE     AxisBranch of the height; VTIE: of the width
    ISM      InformationSupplement (`ism`)
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import MODELS

from ..backbones import TemporalConv
from ..backbones.initial_weights import check_shapes, log_start, read_weights

_POOLING = 4  # of the SIM's gate
_EXPANSION = 4
_STAGE_PLANES = (64, 128, 256, 512)
_STEM_CHANNELS = 32


def difference_to_next(matched: Tensor, frames: Tensor) -> Tensor:
    """Subtract each frame from the matched one after it; zero for the last.

    Args:
        matched: (B, T, c, H, W), frames after the convolution that matches them.
        frames: (B, T, c, H, W).

    Returns:
        (B, T, c, H, W).
    """
    difference = matched[:, 1:] - frames[:, :-1]
    return torch.cat([difference, torch.zeros_like(frames[:, -1:])], dim=1)


def _convolve_and_norm(
    in_channels: int, out_channels: int, kernel_size: int | tuple[int, int]
) -> nn.Sequential:
    """Make a convolution without bias that keeps the size, then batch norm."""
    sides = (kernel_size,) * 2 if isinstance(kernel_size, int) else kernel_size
    padding = tuple(side // 2 for side in sides)
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, sides, padding=padding, bias=False),
        nn.BatchNorm2d(out_channels),
    )


class AxisBranch(nn.Module):
    """Attention from temporal differences along one axis of the frame.

    Args:
        num_channels: C of the attention.
        num_reduced: c of the input.
        along_height: the axis: True is the H-T branch, False the T-W branch.
    """

    def __init__(
        self, num_channels: int, num_reduced: int, *, along_height: bool
    ) -> None:
        super().__init__()
        kernel = (3, 1) if along_height else (1, 3)
        self.pool_size = (2, 1) if along_height else (1, 2)
        self.match = nn.Conv2d(
            num_reduced,
            num_reduced,
            kernel,
            padding=(kernel[0] // 2, kernel[1] // 2),
            groups=num_reduced,
            bias=False,
        )
        self.coarse = _convolve_and_norm(num_reduced, num_reduced, kernel)
        self.fine = _convolve_and_norm(num_reduced, num_reduced, kernel)
        self.expand = _convolve_and_norm(num_reduced, num_channels, 1)

    def forward(self, frames: Tensor, num_segments: int) -> Tensor:
        """(B*T, c, H, W), T innermost, to (B*T, C, H, W) in [-0.5, 0.5]."""
        fold = (-1, num_segments)
        difference = difference_to_next(
            self.match(frames).unflatten(0, fold), frames.unflatten(0, fold)
        ).flatten(0, 1)
        coarse = self.coarse(F.avg_pool2d(difference, self.pool_size))
        coarse = F.interpolate(coarse, size=difference.shape[2:])  # nearest
        mixed = (difference + coarse + self.fine(difference)) / 3
        return self.expand(mixed).sigmoid() - 0.5


class TemporalInconsistency(nn.Module):
    """TIM: scale features by attention to the differences between frames.

    Args:
        num_channels: C.
        num_segments: T, the frames that are compared with each other.
        reduction: C / c, the channels of the differences.
    """

    def __init__(
        self, num_channels: int, *, num_segments: int, reduction: int = 16
    ) -> None:
        super().__init__()
        self.num_segments = num_segments
        num_reduced = num_channels // reduction
        self.reduce = _convolve_and_norm(num_channels, num_reduced, 1)
        self.height = AxisBranch(num_channels, num_reduced, along_height=True)
        self.width = AxisBranch(num_channels, num_reduced, along_height=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B*T, C, H, W), T innermost, to the same shape."""
        reduced = self.reduce(x)
        attention = (
            self.height(reduced, self.num_segments)
            + self.width(reduced, self.num_segments)
        ) / 2
        return x + x * attention


class InformationSupplement(nn.Module):
    """ISM: channel attention over neighbouring channels, from space to time."""

    def __init__(self, kernel_size: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 1, kernel_size, padding=kernel_size // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B*T, C, H, W) to the same shape."""
        pooled = x.mean(dim=(2, 3)).unsqueeze(1)  # (B*T, 1, C)
        attention = self.conv(pooled).sigmoid().squeeze(1)
        return x * attention[..., None, None]


class SpatialInconsistency(nn.Module):
    """SIM: features gated by their own coarse map, along rows and columns.

    Args:
        num_channels: C.
    """

    def __init__(self, num_channels: int) -> None:
        super().__init__()
        self.gate_row = _convolve_and_norm(num_channels, num_channels, (1, 3))
        self.gate_column = _convolve_and_norm(num_channels, num_channels, (3, 1))
        self.k3 = _convolve_and_norm(num_channels, num_channels, 3)
        self.k4 = _convolve_and_norm(num_channels, num_channels, 3)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B*T, C, H, W) to two of the same shape: the output, and the ISM's input."""
        coarse = self.gate_row(F.avg_pool2d(x, _POOLING)).relu()
        coarse = F.interpolate(self.gate_column(coarse), size=x.shape[2:])  # nearest
        gated = self.k3(x) * (x + coarse).sigmoid()
        return self.k4(gated), gated


class STILBlock(nn.Module):
    """Bottleneck with a temporal half and a spatial half.

    Args:
        in_channels: channels of the input.
        planes: P; both halves are P / 2 wide, the output 4 P.
        num_segments: T.
        stride: of the block, by average pooling at the end of both halves.
        downsample: shortcut; None is the identity.
    """

    def __init__(
        self,
        in_channels: int,
        planes: int,
        *,
        num_segments: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
    ) -> None:
        super().__init__()
        width, out_channels = planes // 2, planes * _EXPANSION
        self.conv1_a = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1_a = nn.BatchNorm2d(width)
        self.conv1_b = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1_b = nn.BatchNorm2d(width)
        self.tim = TemporalInconsistency(width, num_segments=num_segments)
        self.ism = InformationSupplement()
        self.shift = TemporalConv(
            width, clip_len=num_segments, split_ratio=1.0, init='shift'
        )
        self.k1 = _convolve_and_norm(width, width, 3)
        self.scconv = SpatialInconsistency(width)
        self.pool = nn.AvgPool2d(3, stride, padding=1) if stride > 1 else nn.Identity()
        self.conv3 = nn.Conv2d(2 * width, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        """(B*T, C, H, W), T innermost, to (B*T, 4 P, h, w)."""
        temporal = self.bn1_a(self.conv1_a(x)).relu()
        spatial = self.bn1_b(self.conv1_b(x)).relu()
        spatial, supplement = self.scconv(spatial)
        spatial = spatial.relu()
        temporal = self.shift(self.tim(temporal) + self.ism(supplement))
        temporal = self.k1(temporal).relu()
        merged = torch.cat([self.pool(temporal), self.pool(spatial)], dim=1)
        shortcut = x if self.downsample is None else self.downsample(x)
        return (self.bn3(self.conv3(merged)) + shortcut).relu()


@MODELS.register_module()
class STILNet(BaseModule):
    """SCNet v1d whose blocks are STIL's.

    With a two-way FC it has 22,688,418 parameters. A video of more frames than
    `num_segments` is processed in groups of that many consecutive ones: the public code
    tests 16 frames as two groups of 8. For a head that averages the frames' logits
    (`TSNHead` without dropout).

    Args:
        num_segments: T, frames that are compared with each other, evenly spaced over
            the video.
        stage_blocks: blocks of each stage; (3, 4, 6, 3) is SCNet-50. With three stages
            the network takes smaller frames.
        pretrained: ImageNet weights of SCNet-50 v1d with the public code's key names, a
            path or URL; None draws all at random.
    """

    def __init__(
        self,
        *,
        num_segments: int = 8,
        stage_blocks: Sequence[int] = (3, 4, 6, 3),
        pretrained: str | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(num_segments, int) or num_segments < 2:
            raise ConfigError(
                f'num_segments = {num_segments!r} of STILNet: need an integer of 2 or '
                'more'
            )
        if not 1 <= len(stage_blocks) <= len(_STAGE_PLANES) or min(stage_blocks) < 1:
            raise ConfigError(
                f'stage_blocks = {tuple(stage_blocks)} of STILNet: need 1 to '
                f'{len(_STAGE_PLANES)} numbers of 1 or more'
            )
        self.num_segments = num_segments
        self.pretrained = pretrained
        # Names and positions of the stem are SCNet's: conv1.0, conv1.1, ... bn1.
        c = _STEM_CHANNELS
        self.conv1 = nn.Sequential(
            nn.Conv2d(3, c, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(c),
            nn.ReLU(inplace=True),
            nn.Conv2d(c, c, 3, padding=1, bias=False),
            nn.BatchNorm2d(c),
            nn.ReLU(inplace=True),
            nn.Conv2d(c, 2 * c, 3, padding=1, bias=False),
        )
        self.bn1 = nn.BatchNorm2d(2 * c)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.stages: list[str] = []
        in_channels = 2 * c
        for index, num_blocks in enumerate(stage_blocks):
            planes = _STAGE_PLANES[index]
            name = f'layer{index + 1}'
            stride = 1 if index == 0 else 2
            self.add_module(
                name, self._make_stage(in_channels, planes, num_blocks, stride)
            )
            self.stages.append(name)
            in_channels = planes * _EXPANSION

    @property
    def min_side_px(self) -> int:
        """Smallest side of a frame: the SIM pools 4 x 4 in the last stage."""
        return (_POOLING - 1) * 2 ** (len(self.stages) + 1) + 1

    def _make_stage(
        self, in_channels: int, planes: int, num_blocks: int, stride: int
    ) -> nn.Sequential:
        out_channels = planes * _EXPANSION
        downsample = nn.Sequential(
            nn.AvgPool2d(stride, stride, ceil_mode=True, count_include_pad=False),
            nn.Conv2d(in_channels, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
        )
        options = dict(num_segments=self.num_segments)
        first = STILBlock(
            in_channels, planes, stride=stride, downsample=downsample, **options
        )
        rest = [
            STILBlock(out_channels, planes, **options) for _ in range(num_blocks - 1)
        ]
        return nn.Sequential(first, *rest)

    def init_weights(self) -> None:
        """Draw all weights as the public code does, then load SCNet's if named."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode='fan_out', nonlinearity='relu'
                )
            elif isinstance(module, TemporalConv):
                module.init_weights()
            elif isinstance(module, InformationSupplement):
                module.conv.reset_parameters()
            elif isinstance(module, nn.BatchNorm2d):
                module.reset_parameters()
        if self.pretrained:
            self._load_scnet()
        log_start(self)

    def _load_scnet(self) -> None:
        """Load every tensor that SCNet and STIL share; raise if one is missing."""
        texts = dict(
            owner=type(self).__name__,
            needed="ImageNet SCNet-50 v1d weights with the public code's key names",
        )
        found = read_weights(self.pretrained, **texts)
        shapes = {
            name: tensor.shape
            for name, tensor in self.state_dict().items()
            if _in_scnet(name)
        }
        check_shapes(found, shapes, source=self.pretrained, **texts)
        self.load_state_dict({name: found[name] for name in shapes}, strict=False)

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """Compute the features of the frames of videos.

        Args:
            x: (B*S, 3, H, W), the frames of a video in the order of time, S a multiple
                of `num_segments`.

        Returns:
            A 1-tuple of (B*S, C, h, w).
        """
        if x.shape[0] % self.num_segments:
            raise ConfigError(
                f'STILNet got {x.shape[0]} frames, not a multiple of num_segments = '
                f'{self.num_segments}: set SampleSnippets.num_snippets (with clip_len '
                '= 1) to a multiple of model.backbone.num_segments'
            )
        if min(x.shape[2:]) < self.min_side_px:
            raise ConfigError(
                f'STILNet got frames of {x.shape[3]} x {x.shape[2]} px; with '
                f'{len(self.stages)} stages need {self.min_side_px} px or more: '
                'increase Resize.scale, or use fewer stages'
            )
        x = self.maxpool(self.bn1(self.conv1(x)).relu())
        for name in self.stages:
            x = getattr(self, name)(x)
        return (x,)


def _in_scnet(name: str) -> bool:
    """Return whether SCNet has this key of ours; batch counters may be missing."""
    own = ('.tim.', '.ism.', '.shift.', '.gate_row.', '.gate_column.')
    return not any(part in name for part in own) and not name.endswith(
        '.num_batches_tracked'
    )
