"""DIANet-like: two adjacent frames compared globally and part by part.

Paper: Z. Hu et al., "Dynamic Inconsistency-aware DeepFake Video Detection", IJCAI 2021,
https://doi.org/10.24963/ijcai.2021/102; no public code. From the abstract: a
cross-reference module on adjacent frames with a global correlation branch, which makes
a map of structural similarity, and a local association branch on eyes, nose and mouth.
All sizes, the backbone, the boxes, the joining of features and the direction of the
correlation are a **reconstruction**, hence "DIANet-like".

    frames t, t+1 -> ResNet, third stage -> 1x1, cosine of all pairs of cells   -> g
                                         -> boxes of both, and their difference -> l
                  -> fourth stage, pooled (a row a frame)
    a frame's features: its own 2048, and g and l of its pair

The two eyes share one tower; the map is pooled to the size of the correlation first.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from mmaction.models.backbones import ResNet
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import MODELS

from ..backbones.initial_weights import log_start

_NUM_CHANNELS = 4  # colours, and the marks of `MarkFacialParts`
_FRAMES_A_PAIR = 2
# The tower of each part, in the order of the marks' bits: eyes, nose, mouth.
_TOWER_OF_PART = ('eye', 'eye', 'nose', 'mouth')
_BOX_SIDE = 7  # cells that a box is sampled to


def correlate(first: Tensor, second: Tensor) -> Tensor:
    """Compute the cosine of each cell of one map with each cell of another.

    Args:
        first: (P, C, h, w).
        second: (P, C, h, w).

    Returns:
        (P, h*w, h*w), rows the cells of `first`, columns those of `second`.
    """
    first, second = (F.normalize(one.flatten(2), dim=1) for one in (first, second))
    return torch.einsum('pci,pcj->pij', first, second)


def find_boxes(marks: Tensor) -> Tensor:
    """Find the boxes of the facial parts from their marks.

    Args:
        marks: (N, H, W) integers, the bits of `MarkFacialParts`. A part that is
            not marked, which does not occur, would get the whole frame.

    Returns:
        (N, 4, 4) x1, y1, x2, y2 as shares of width and height.
    """
    height, width = marks.shape[-2:]
    bits = torch.arange(len(_TOWER_OF_PART), device=marks.device)
    found = (marks.round().long()[:, None] >> bits[:, None, None]) & 1  # (N, 4, H, W)
    edges = []
    for axis, size in ((-2, width), (-1, height)):
        seen = found.amax(dim=axis)  # (N, 4, size), whether a column or row has a mark
        start = seen.argmax(dim=-1)
        end = size - seen.flip(-1).argmax(dim=-1)
        edges.append((start / size, end / size))
    (x1, x2), (y1, y2) = edges
    return torch.stack((x1, y1, x2, y2), dim=-1)


def crop_boxes(maps: Tensor, boxes: Tensor, *, side: int = _BOX_SIDE) -> Tensor:
    """Sample each box of a map at the centres of `side` x `side` bins.

    This is RoI align with one bilinear sample per bin.

    Args:
        maps: (N, C, h, w).
        boxes: (N, K, 4) x1, y1, x2, y2 as shares of width and height.
        side: rows and columns of the result.

    Returns:
        (N, K, C, side, side).
    """
    num_boxes = boxes.shape[1]
    middles = torch.arange(side, device=boxes.device, dtype=boxes.dtype)
    middles = (middles + 0.5) / side
    low, high = boxes[..., None, :2], boxes[..., None, 2:]
    places = 2 * (low + middles[:, None] * (high - low)) - 1  # (N, K, side, 2)
    x = places[..., 0][:, :, None, :].expand(-1, -1, side, -1)
    y = places[..., 1][:, :, :, None].expand(-1, -1, -1, side)
    grid = torch.stack((x, y), dim=-1).flatten(1, 2)  # (N, K*side, side, 2)
    crops = F.grid_sample(
        maps, grid.to(maps.dtype), padding_mode='border', align_corners=False
    )
    return crops.unflatten(2, (num_boxes, side)).transpose(1, 2)


def compare(first: Tensor, second: Tensor) -> Tensor:
    """Concatenate both and their absolute difference: (..., 3C, h, w)."""
    return torch.cat((first, second, (second - first).abs()), dim=-3)


def _two_convs(in_channels: int, channels: int, kernel_size: int) -> nn.Sequential:
    """Make a convolution with batch norm and ReLU, then a bare 3x3."""
    return nn.Sequential(
        ConvModule(
            in_channels,
            channels,
            kernel_size,
            padding=kernel_size // 2,
            norm_cfg=dict(type='BN'),
        ),
        nn.Conv2d(channels, channels, 3, padding=1),
    )


class GlobalCorrelation(nn.Module):
    """The branch that compares two whole frames: (P, C, h, w) twice -> (P, channels).

    Args:
        in_channels: C.
        channels: width of the branch.
        side: rows and columns of the map that is correlated.
    """

    def __init__(self, in_channels: int, *, channels: int, side: int) -> None:
        super().__init__()
        self.side = side
        self.reduce = nn.Conv2d(in_channels, channels, 1)
        self.convs = _two_convs(side * side, channels, 3)

    def correlation(self, first: Tensor, second: Tensor) -> Tensor:
        """Correlate the reduced maps: (P, side^2, side^2), see `correlate`."""
        size = (self.side, self.side)
        reduced = [
            self.reduce(F.adaptive_avg_pool2d(one, size)) for one in (first, second)
        ]
        return correlate(*reduced)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """See the class."""
        matrix = self.correlation(first, second)
        # In each cell of the first frame, its cosine with all cells of the second.
        maps = matrix.transpose(1, 2).unflatten(2, (self.side, self.side))
        return self.convs(maps).mean(dim=(2, 3))


class LocalAssociation(nn.Module):
    """The branch that compares eyes, nose and mouth of two frames.

    Args:
        in_channels: C.
        channels: width of the branch.
    """

    def __init__(self, in_channels: int, *, channels: int) -> None:
        super().__init__()
        self.towers = nn.ModuleDict(
            {name: _two_convs(3 * in_channels, channels, 1) for name in _TOWER_OF_PART}
        )
        self.join = nn.Linear(len(_TOWER_OF_PART) * channels, channels)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """(P, 4, C, 7, 7) of both frames -> (P, channels)."""
        both = compare(first, second)
        parts = [
            self.towers[name](both[:, index]).mean(dim=(2, 3))
            for index, name in enumerate(_TOWER_OF_PART)
        ]
        return self.join(torch.cat(parts, dim=1))


@MODELS.register_module()
class DIANet(BaseModule):
    """Features of frames in pairs; (B*S*2, 4, H, W) -> (B*S*2, C, 1, 1).

    For `SnippetRecognizer` with a `TSNHead`, which averages the rows of a video. C is
    the ResNet's last width (2048 at depth 50) plus twice `channels`.

    Args:
        depth: of the ResNet.
        correlation_side: rows and columns of the correlated map; 14 is the third
            stage's at 224 pixels.
        channels: width of both branches.
        pretrained: ImageNet weights of the ResNet with torchvision's key names, a path
            or URL; None draws them at random.
    """

    clip_len = _FRAMES_A_PAIR

    def __init__(
        self,
        depth: int = 50,
        *,
        correlation_side: int = 14,
        channels: int = 256,
        pretrained: str | None = None,
    ) -> None:
        super().__init__()
        self.pretrained = pretrained
        self.resnet = ResNet(depth, pretrained=pretrained, out_indices=(2, 3))
        middle = self.resnet.feat_dim // 2  # of the third stage
        self.global_branch = GlobalCorrelation(
            middle, channels=channels, side=correlation_side
        )
        self.local_branch = LocalAssociation(middle, channels=channels)

    def init_weights(self) -> None:
        """Load or draw the ResNet; the branches keep PyTorch's defaults."""
        self.resnet.init_weights()
        log_start(self, ', branches at random')

    def forward(self, x: Tensor) -> Tensor:
        """Compute the features of folded pairs.

        Args:
            x: (B*S*2, 4, H, W), the two frames of a pair next to each other.

        Returns:
            (B*S*2, C, 1, 1): a frame's own features, then g and l of its pair.
        """
        if x.shape[1] != _NUM_CHANNELS or x.shape[0] % _FRAMES_A_PAIR:
            raise ConfigError(
                f'DIANet got {x.shape[0]} frames of {x.shape[1]} channels: need pairs '
                '(SampleSnippets with clip_len=2) of frames with marked parts '
                '(MarkFacialParts after LoadFaceLandmarks)'
            )
        middle, last = self.resnet(x[:, :3])
        crops = crop_boxes(middle, find_boxes(x[:, 3]))
        branches = torch.cat(
            (
                self.global_branch(middle[::2], middle[1::2]),
                self.local_branch(crops[::2], crops[1::2]),
            ),
            dim=1,
        )
        own = last.mean(dim=(2, 3))
        pairs = branches.repeat_interleave(_FRAMES_A_PAIR, dim=0)
        return torch.cat((own, pairs), dim=1)[..., None, None]
