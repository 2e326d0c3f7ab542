"""DeepRhythm: attention over a map of facial colour in time, then a ResNet-18.

Paper: H. Qi et al., "DeepRhythm: Exposing DeepFakes with Attentional Visual Heartbeat
Rhythms", ACM MM 2020, https://doi.org/10.1145/3394171.3413707; the network of its
public code, https://github.com/tsingqguo/deeprhythm (Keras). Its input is made by
`BuildMMSTMap`.

    X    map, a row a frame, a column a cell of the face
    s    spatial attention, 25 cells: convolution over time, pooling, a dense layer
    t    temporal attention, a frame each: the last state of an LSTM, a dense layer
    A    t s^T of unit vectors, plus 1 on six cells of forehead and cheeks
    Z    m (alpha A X + beta), m the score of each frame by another detector
    300 x 25 -> 150 x 13 -> 75 x 7 -> 38 x 4 -> 19 x 2 -> 10 x 1 -> 512

As in the code: convolution with bias, ReLU, then normalisation; shortcuts of 3x3
convolutions; no ReLU after a sum; the first 7 of the last 10 rows are averaged. The
code normalises along the 25 columns, our default is along channels. Ours: lengths other
than 300 frames, and m = 1 if there are no scores.
"""

from __future__ import annotations

import torch
from mmaction.models.heads import TSNHead
from mmengine.logging import MMLogger
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn.functional import max_pool2d, normalize

from mmdeepfake.errors import ConfigError
from mmdeepfake.ops.same_padding import pad_same
from mmdeepfake.ops.temporal_filter import without_autocast
from mmdeepfake.registry import MODELS

from ..options import check_choice

NUM_CELLS = 25
PRIOR_CELLS = (3, 8, 12, 14, 17, 19)
STAGE_CHANNELS = (64, 128, 256, 512)
TEMPORAL_KERNEL = 15
POOLED_ROWS = 7
_LOW = float('-inf')


class ColumnNorm(BaseModule):
    """Batch normalisation of each column, over rows and channels: the code's axis 2."""

    def __init__(self, num_columns: int, **kwargs) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(num_columns, **kwargs)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        return self.norm(x.transpose(1, 3)).transpose(1, 3)


_NORMS = {
    'channel': lambda channels, columns, **kwargs: nn.BatchNorm2d(channels, **kwargs),
    'width': lambda channels, columns, **kwargs: ColumnNorm(columns, **kwargs),
}


class ConvReluNorm(BaseModule):
    """Convolution padded by `same_padding`, ReLU, normalisation.

    Args:
        in_channels: C.
        out_channels: C'.
        num_columns: W of the output.
        kernel: rows and columns of the filter.
        stride: of both.
        norm: makes the normalisation of channels and columns.
        padded: whether there is padding.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        num_columns: int,
        *,
        kernel: tuple[int, int] = (3, 3),
        stride: int = 1,
        norm,
        padded: bool = True,
    ) -> None:
        super().__init__()
        self.padded = padded
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, stride=stride)
        self.norm = norm(out_channels, num_columns)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', ceil(H / stride), ceil(W / stride))."""
        if self.padded:
            x = pad_same(x, self.conv.kernel_size, self.conv.stride)
        return self.norm(self.conv(x).relu())


class Block(BaseModule):
    """Two convolutions and a shortcut, a third one if the size changes."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        num_columns: int,
        *,
        stride: int,
        norm,
    ) -> None:
        super().__init__()
        sizes = (out_channels, num_columns)
        self.conv1 = ConvReluNorm(in_channels, *sizes, stride=stride, norm=norm)
        self.conv2 = ConvReluNorm(out_channels, *sizes, norm=norm)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1:
            self.shortcut = ConvReluNorm(in_channels, *sizes, stride=stride, norm=norm)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', ceil(H / stride), ceil(W / stride))."""
        return self.conv2(self.conv1(x)) + self.shortcut(x)


class SpatialAttention(BaseModule):
    """Weights of the cells, a unit vector: (B, 3, T, 25) -> (B, 25)."""

    def __init__(self, num_frames: int, *, norm) -> None:
        super().__init__()
        self.conv = ConvReluNorm(
            3,
            STAGE_CHANNELS[0],
            NUM_CELLS,
            kernel=(TEMPORAL_KERNEL, 1),
            norm=norm,
            padded=False,
        )
        num_rows = num_frames - TEMPORAL_KERNEL + 1
        self.dense = nn.Linear(STAGE_CHANNELS[0] * num_rows * NUM_CELLS, NUM_CELLS)

    def forward(self, maps: Tensor) -> Tensor:
        """See the class."""
        window = (TEMPORAL_KERNEL, 1)
        x = pad_same(self.conv(maps), window, (1, 1), value=_LOW)
        return normalize(self.dense(max_pool2d(x, window, stride=1).flatten(1)), dim=1)


class TemporalAttention(BaseModule):
    """Weights of the frames, a unit vector: (B, 3, T, 25) -> (B, T)."""

    def __init__(self, num_frames: int) -> None:
        super().__init__()
        # Keras has one bias per gate, PyTorch two: here it is the weight of an input
        # that is always 1.
        self.lstm = nn.LSTM(3 * NUM_CELLS + 1, num_frames, bias=False, batch_first=True)
        self.dense = nn.Linear(num_frames, num_frames)

    def forward(self, maps: Tensor) -> Tensor:
        """See the class."""
        frames = maps.permute(0, 2, 3, 1).flatten(2)  # (B, T, 75)
        states, _ = self.lstm(torch.cat([frames, torch.ones_like(frames[..., :1])], 2))
        return normalize(self.dense(states[:, -1]), dim=1)

    def init_weights(self) -> None:
        """Draw the LSTM as Keras does, orthogonal, with a forget bias of 1."""
        size = self.lstm.hidden_size
        with torch.no_grad():
            nn.init.xavier_uniform_(self.lstm.weight_ih_l0)
            nn.init.orthogonal_(self.lstm.weight_hh_l0)
            self.lstm.weight_ih_l0[:, -1] = 0
            self.lstm.weight_ih_l0[size : 2 * size, -1] = 1  # the forget gate's bias


@MODELS.register_module()
class DeepRhythmNet(BaseModule):
    """Features of MMST maps; (B, 3, T, 25) -> (B, 512, 1, 1).

    An optional fourth channel of the input is m, the score of each frame.

    Args:
        num_frames: T; 300 in the paper.
        bn_axis: 'channel', or 'width' as in the public code.
        norm_cfg: arguments of batch normalisation.
    """

    def __init__(
        self,
        num_frames: int = 300,
        *,
        bn_axis: str = 'channel',
        norm_cfg: dict | None = None,
    ) -> None:
        super().__init__()
        check_choice('DeepRhythmNet', 'bn_axis', bn_axis, _NORMS)
        if num_frames < 2 * TEMPORAL_KERNEL:
            raise ConfigError(
                f'num_frames = {num_frames} of DeepRhythmNet: need '
                f'{2 * TEMPORAL_KERNEL} or more'
            )
        self.num_frames = num_frames
        settings = norm_cfg or dict(eps=1e-3, momentum=0.01)  # Keras'

        def norm(num_channels: int, num_columns: int) -> nn.Module:
            return _NORMS[bn_axis](num_channels, num_columns, **settings)

        self.spatial = SpatialAttention(num_frames, norm=norm)
        self.temporal = TemporalAttention(num_frames)
        prior = torch.zeros(NUM_CELLS)
        prior[list(PRIOR_CELLS)] = 1
        self.register_buffer('prior', prior, persistent=False)
        self.alpha = nn.Parameter(torch.ones(1))
        self.beta = nn.Parameter(torch.zeros(1))
        columns = (NUM_CELLS + 1) // 2
        self.stem = ConvReluNorm(
            3,
            STAGE_CHANNELS[0],
            columns,
            kernel=(7, 7),
            stride=2,
            norm=norm,
            padded=False,
        )
        blocks, before = [], STAGE_CHANNELS[0]
        for index, channels in enumerate(STAGE_CHANNELS):
            columns = (columns + 1) // 2
            stride = 1 if index == 0 else 2
            blocks += [
                Block(before, channels, columns, stride=stride, norm=norm),
                Block(channels, channels, columns, stride=1, norm=norm),
            ]
            before = channels
        self.blocks = nn.Sequential(*blocks)

    def init_weights(self) -> None:
        """Draw all weights as Keras does."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        self.temporal.init_weights()
        MMLogger.get_current_instance().info(
            'DeepRhythmNet: initial weights drawn at random'
        )

    def attend(self, maps: Tensor, scores: Tensor) -> Tensor:
        """Z = m (alpha A X + beta).

        Args:
            maps: (B, 3, T, 25), X.
            scores: (B, 1, T, 25) or 1, m.

        Returns:
            (B, 3, T, 25).
        """
        cells, frames = self.spatial(maps), self.temporal(maps)
        attention = frames[:, :, None] * cells[:, None] + self.prior  # (B, T, 25)
        return scores * (self.alpha * attention[:, None] * maps + self.beta)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3 or 4, T, 25) -> (B, 512, 1, 1)."""
        if x.shape[1] not in (3, 4) or x.shape[2:] != (self.num_frames, NUM_CELLS):
            raise ConfigError(
                f'DeepRhythmNet got maps of {tuple(x.shape[1:])}: need '
                f'(3 or 4, {self.num_frames}, {NUM_CELLS}) of num_frames = '
                f'{self.num_frames}; set SampleSnippets.clip_len to it, and put '
                'BuildMMSTMap right before PackActionInputs'
            )
        # oneDNN's bfloat16 convolutions of so few columns sometimes give NaN.
        with without_autocast(x):
            return self._features(x)

    def _features(self, x: Tensor) -> Tensor:
        scores = x[:, 3:] if x.shape[1] == 4 else 1.0
        x = self.stem(nn.functional.pad(self.attend(x[:, :3], scores), [3] * 4))
        x = max_pool2d(pad_same(x, (3, 3), (2, 2), value=_LOW), 3, stride=2)
        x = self.blocks(x)[:, :, :POOLED_ROWS]
        return x.mean(dim=(2, 3), keepdim=True)


@MODELS.register_module()
class OneLogitHead(TSNHead):
    """`TSNHead` with one logit, that of fake against real.

    The softmax over (0, logit) is its sigmoid, and the cross entropy the binary one.

    Args:
        num_classes: 2.
        in_channels: C of the map.
        kwargs: see `TSNHead`.
    """

    def __init__(self, num_classes: int, in_channels: int, **kwargs) -> None:
        if num_classes != 2:
            raise ConfigError(
                f'num_classes = {num_classes} of OneLogitHead: need 2, real and fake'
            )
        super().__init__(num_classes, in_channels, **kwargs)
        self.fc_cls = nn.Linear(in_channels, 1)

    def forward(self, x: Tensor, num_segs: int, **kwargs) -> Tensor:
        """(B*S, C, h, w) -> (B, 2): 0, and the logit."""
        logit = super().forward(x, num_segs, **kwargs)
        return torch.cat([torch.zeros_like(logit), logit], dim=1)
