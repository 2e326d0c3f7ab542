"""CSA, the cross-snippet attention.

Paper: Region-Aware Temporal Inconsistency Learning for DeepFake Video Detection,
IJCAI 2022, Sec. 3.3, Eqs. (4) to (6); no public code. Eq. (6) contradicts its text
("W_O for dimension retrieval", yet the gate multiplies the reduced S W_I). Our reading
follows the text: W_O maps D to C, and the gate multiplies the backbone's map S.

    paper    here        paper    here
    N        S           W_I      reduce
    t h w    L positions W_O      restore
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmdeepfake.errors import ConfigError
from mmdeepfake.ops.snippet_attention import (
    normalise_affinity,
    pool_gathered_channels,
    pool_gathered_positions,
    relate_channels,
    relate_positions,
)
from mmdeepfake.ops.temporal_filter import without_autocast
from mmdeepfake.registry import MODELS

from ..options import check_choice

_AFFINITIES = {
    'position': (relate_positions, pool_gathered_positions),
    'channel': (relate_channels, pool_gathered_channels),
}


class SnippetMaps(NamedTuple):
    """What CSA computes for each snippet, for classification and figures.

    Attributes:
        maps: (B, S, C, T, h, w), S_n^out of Eq. (6).
        attention: (B, S, L, L), or (B, S, D, D) with affinity='channel'; rows sum to 1.
        gates: (B, S, C), sigmoid of Eq. (6).
    """

    maps: Tensor
    attention: Tensor
    gates: Tensor


@MODELS.register_module()
class CrossSnippetAttention(BaseModule):
    """Gate each snippet's features by their relation to all snippets of the video.

    A neck for `Recognizer2D` and `SnippetRecognizer`. It returns the mean over snippets
    and frames for a stock `TSNHead`: pooling and FC are linear, so this equals the mean
    of the snippets' logits.

    Our reading: the gate's average pooling is over space and time, and the gated map is
    not added to the map.

    Args:
        in_channels: C of the backbone's map.
        clip_len: frames of a snippet, T; the sampler's must agree.
        reduction: C / D of W_I (8, Sec. 3.3).
        affinity: what A relates: 'position' (L x L, as W_I multiplies from the right)
            or 'channel' (D x D).
    """

    def __init__(
        self,
        in_channels: int,
        clip_len: int,
        *,
        reduction: int = 8,
        affinity: str = 'position',
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg or dict(type='Kaiming', layer=['Conv2d', 'Linear']))
        check_choice('CrossSnippetAttention', 'affinity', affinity, _AFFINITIES)
        if in_channels % reduction:
            raise ConfigError(
                f'reduction = {reduction} of CrossSnippetAttention: need a divisor of '
                f'in_channels = {in_channels}'
            )
        self.in_channels, self.clip_len = in_channels, clip_len
        self.affinity = affinity
        width = in_channels // reduction
        self.reduce = nn.Conv2d(in_channels, width, 1, bias=False)
        # W_O is a 1x1 convolution, which commutes with pooling: one matrix product per
        # snippet after pooling.
        self.restore = nn.Linear(width, in_channels, bias=False)

    def forward_snippets(
        self, maps: Tensor, data_samples: list | None = None
    ) -> SnippetMaps:
        """Compute Eqs. (4) to (6) for each snippet.

        Args:
            maps: (B, C, S*T, h, w), snippet-major.
            data_samples: as in `forward`.
        """
        attention, gates = self._attend(maps, data_samples)
        snippets = maps.unflatten(2, (-1, self.clip_len)).transpose(1, 2)
        return SnippetMaps(gates[..., None, None, None] * snippets, attention, gates)

    def _attend(self, maps: Tensor, data_samples: list | None) -> tuple[Tensor, Tensor]:
        """Compute the attention, and the gates (B, S, C), from S W_I (B, S, L, D)."""
        self._check_layout(maps)
        self._check_single_crop(maps, data_samples)
        t = self.clip_len
        # By frames, as the backbone returned them: no copy of the maps.
        reduced = self.reduce(maps.transpose(1, 2).flatten(0, 1))
        reduced = reduced.unflatten(0, (maps.shape[0], -1, t))  # (B, S, T, D, h, w)
        reduced = reduced.permute(0, 1, 2, 4, 5, 3).flatten(2, 4)  # (B, S, L, D)
        relate, pool = _AFFINITIES[self.affinity]
        # A sum of L or D products of features can overflow fp16.
        with without_autocast(maps):
            exact = reduced.float() if reduced.dtype != torch.float64 else reduced
            affinity = relate(exact)
            attention = normalise_affinity(affinity, num_positions=reduced.shape[2])
            pooled = pool(attention, exact)  # (B, S, D)
        return attention, self.restore(pooled).sigmoid()

    def _check_layout(self, maps: Tensor) -> None:
        if maps.dim() != 5 or maps.shape[1] != self.in_channels:
            raise ConfigError(
                f'CrossSnippetAttention got a map of shape {tuple(maps.shape)}: need '
                f'(videos, {self.in_channels} channels, snippets * frames, rows, '
                'columns)'
            )
        if maps.shape[2] % self.clip_len:
            raise ConfigError(
                f'CrossSnippetAttention got {maps.shape[2]} frames a video, not a '
                f'multiple of clip_len = {self.clip_len}: set the clip_len of '
                'SampleSnippets, backbone and neck to the same number'
            )

    def forward(
        self,
        inputs: list[Tensor] | tuple[Tensor, ...],
        data_samples: list | None = None,
    ) -> tuple[Tensor, dict]:
        """Compute the mean of S_n^out over snippets and frames.

        Args:
            inputs: one map (B, C, S*T, h, w), in a list or tuple.
            data_samples: their `num_clips`, if any, is checked: several crops of a clip
                would be taken for further snippets.

        Returns:
            (B, C, 1, h, w), and an empty dict: no auxiliary loss.
        """
        if len(inputs) != 1:
            raise ConfigError(
                f'CrossSnippetAttention got {len(inputs)} maps: need one. '
                'Recognizer2D splits a bare tensor along the batch: let the backbone '
                'return a 1-tuple, or use SnippetRecognizer'
            )
        (maps,) = inputs
        _, gates = self._attend(maps, data_samples)
        # A snippet's frames have one gate, so their mean is gated.
        snippets = maps.unflatten(2, (-1, self.clip_len)).mean(dim=3)  # (B, C, S, h, w)
        gated = gates.transpose(1, 2)[..., None, None] * snippets
        return gated.mean(dim=2, keepdim=True), {}

    def _check_single_crop(self, maps: Tensor, data_samples: list | None) -> None:
        for sample in data_samples or ():
            num_snippets = sample.get('num_clips')
            if num_snippets and maps.shape[2] != num_snippets * self.clip_len:
                raise ConfigError(
                    f'CrossSnippetAttention got {maps.shape[2]} images a video, but '
                    f'the sampler drew {num_snippets} snippets of {self.clip_len} '
                    'frames: several crops per frame are not supported, use one'
                )
