"""A head that is also taught where a frame was forged."""

from __future__ import annotations

import numpy as np
import torch
from mmaction.models.heads import TSNHead
from torch import Tensor, nn
from torch.nn import functional as F

from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import MODELS


@MODELS.register_module()
class LocalisingHead(TSNHead):
    """`TSNHead` with a second loss: the cross-entropy of a map of the forged places.

    A 1x1 convolution beside the classifier predicts, in each cell of the last map, the
    share that was replaced. Pseudo-fakes know it (`MapForgery`), and it tells the
    network much more than one bit a video. Scores are those of `TSNHead`.

    Args:
        in_channels: C of the last map.
        map_weight: factor of the second loss.
        kwargs: see MMAction2's `TSNHead`.
    """

    def __init__(self, *, in_channels: int, map_weight: float = 1.0, **kwargs) -> None:
        super().__init__(in_channels=in_channels, **kwargs)
        self.map_weight = map_weight
        self.fc_map = nn.Conv2d(in_channels, 1, 1)

    def loss(self, feats: Tensor, data_samples: list, **kwargs) -> dict:
        """Compute both losses.

        Args:
            feats: (B*N*T, C, h, w), or (B*N, C, h, w) of snippets.
            data_samples: one `ActionDataSample` a video, with `gt_label` and the
                metadata `forgery_map`, (N*T, h, w).
            kwargs: of `TSNHead`.
        """
        losses = super().loss(feats, data_samples, **kwargs)
        logits = self.fc_map(feats)[:, 0]
        known = _stack_maps(data_samples).to(logits)
        if known.shape[1:] != logits.shape[1:]:
            raise ConfigError(
                f'forgery_map has {known.shape[1]} x {known.shape[2]} cells, the last '
                f'map {logits.shape[1]} x {logits.shape[2]}; set `side` of MapForgery'
            )
        # Frames of a snippet, where a neck has joined them.
        known = known.unflatten(0, (len(logits), -1)).mean(dim=1)
        has_map = ~known.isnan()
        by_cell = F.binary_cross_entropy_with_logits(
            logits, known.nan_to_num(), reduction='none'
        )
        losses['loss_map'] = self.map_weight * (
            (by_cell * has_map).sum() / has_map.sum().clamp(min=1)
        )
        return losses


def _stack_maps(data_samples: list) -> Tensor:
    maps = [sample.metainfo.get('forgery_map') for sample in data_samples]
    if any(one is None for one in maps):
        raise ConfigError(
            "LocalisingHead: samples have no 'forgery_map'; add MapForgery to the "
            "training pipeline and 'forgery_map' to meta_keys of PackActionInputs"
        )
    return torch.from_numpy(np.concatenate(maps))
