"""The recurrent head of DoubleRNN and the loss that isolates real faces.

Paper: I. Masi et al., "Two-branch Recurrent Network for Isolating Deepfakes in Videos",
ECCV 2020, https://arxiv.org/abs/2008.03412; see `double_rnn` for its backbone.

A reconstruction. The paper describes a loss that gathers real faces around a centre and
pushes fake ones away; its form and the two radii are from third-party code that cites
it. Ours: the centre (a running mean), the widths, sequences of 8 frames and the mean of
their features, and the cross entropy beside the loss.
"""

from __future__ import annotations

import torch
from mmaction.models.heads import BaseHead
from mmengine.dist import all_reduce
from mmengine.model import BaseModule
from mmengine.model.weight_init import normal_init
from torch import Tensor, nn

from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import MODELS
from mmdeepfake.structures import FAKE, REAL

from ..options import check_choice
from .cnn_lstm import split_sequences

_SCORES = ('ce', 'distance')


def isolate_loss(
    distances: Tensor, labels: Tensor, *, real_radius: float, fake_radius: float
) -> Tensor:
    """Compute mean relu(d - r_real) of real + mean relu(r_fake - d) of fake videos.

    Args:
        distances: (B,) from the centre.
        labels: (B,).
        real_radius: distance from which real videos cost.
        fake_radius: distance up to which fake videos cost.

    Returns:
        A scalar; a class missing in the batch adds nothing.
    """
    costs = {
        REAL: (distances - real_radius).relu(),
        FAKE: (fake_radius - distances).relu(),
    }
    total = distances.sum() * 0
    for label, cost in costs.items():
        chosen = cost[labels == label]
        if len(chosen):
            total = total + chosen.mean()
    return total


@MODELS.register_module()
class IsolateLoss(BaseModule):
    """`isolate_loss` around a centre that it maintains.

    Args:
        channels: D of the features.
        real_radius: 0.042 in third-party code.
        fake_radius: 1.638 there.
        momentum: share of each batch's mean in the running mean of the real videos'
            features, the centre; zero at first.
        loss_weight: factor of the loss.
    """

    def __init__(
        self,
        channels: int,
        *,
        real_radius: float = 0.042,
        fake_radius: float = 1.638,
        momentum: float = 0.1,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        if not 0 <= real_radius < fake_radius:
            raise ConfigError(
                f'real_radius = {real_radius}, fake_radius = {fake_radius} of '
                'IsolateLoss: need 0 <= real_radius < fake_radius'
            )
        self.real_radius = real_radius
        self.fake_radius = fake_radius
        self.momentum = momentum
        self.loss_weight = loss_weight
        self.register_buffer('centre', torch.zeros(channels))

    def distances(self, features: Tensor) -> Tensor:
        """(B, D) -> (B,) Euclidean distances from the centre."""
        return torch.linalg.vector_norm(features - self.centre, dim=1)

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """Compute the loss; then, in training, move the centre.

        Args:
            features: (B, D).
            labels: (B,).
        """
        loss = isolate_loss(
            self.distances(features),
            labels,
            real_radius=self.real_radius,
            fake_radius=self.fake_radius,
        )
        if self.training:
            self._move_centre(features.detach()[labels == REAL])
        return loss * self.loss_weight

    def _move_centre(self, real: Tensor) -> None:
        # One reduction of sums and count: all processes keep the same centre.
        real = real.to(self.centre.dtype)
        totals = torch.cat([real.sum(dim=0), real.new_tensor([len(real)])])
        all_reduce(totals)
        if totals[-1] > 0:
            self.centre.lerp_(totals[:-1] / totals[-1], self.momentum)


@MODELS.register_module()
class BiLSTMIsolateHead(BaseHead):
    """Pool each frame, run a bidirectional LSTM, project its mean state, isolate it.

    For `SnippetRecognizer`. A video of n * L frames makes n sequences of consecutive
    frames, whose features are averaged.

    Args:
        num_classes: 2: real, fake.
        in_channels: C of the backbone's map.
        hidden_channels: width of the LSTM, each way.
        feature_channels: D of the feature that is isolated.
        sequence_len: L.
        score: 'ce' scores by a last layer, trained by the cross entropy too;
            'distance' scores sigmoid((d - m) / s), d being the distance from the
            centre, m the mean of the radii.
        distance_scale: s; at 0.2 the radii themselves score 0.02 and 0.98.
        loss_isolate: arguments of `IsolateLoss`.
        init_std: of the last layer's initial weights.
        kwargs: see MMAction2's `BaseHead` (`topk`, `average_clips`, `loss_cls`, ...).
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        *,
        hidden_channels: int = 128,
        feature_channels: int = 128,
        sequence_len: int = 8,
        score: str = 'ce',
        distance_scale: float = 0.2,
        loss_isolate: dict | None = None,
        init_std: float = 0.01,
        **kwargs,
    ) -> None:
        super().__init__(num_classes, in_channels, **kwargs)
        check_choice('BiLSTMIsolateHead', 'score', score, _SCORES)
        check_choice('BiLSTMIsolateHead', 'num_classes', num_classes, (2,))
        self.sequence_len = sequence_len
        self.distance_scale = distance_scale
        self.init_std = init_std
        self.lstm = nn.LSTM(
            in_channels, hidden_channels, batch_first=True, bidirectional=True
        )
        self.project = nn.Linear(2 * hidden_channels, feature_channels)
        self.loss_isolate = MODELS.build(
            {
                'type': 'IsolateLoss',
                'channels': feature_channels,
                **(loss_isolate or {}),
            }
        )
        self.fc_cls = nn.Linear(feature_channels, 2) if score == 'ce' else None

    def init_weights(self) -> None:
        """Draw the last layer; the rest keeps PyTorch's defaults."""
        if self.fc_cls is not None:
            normal_init(self.fc_cls, std=self.init_std)

    def extract(self, x: Tensor, num_segs: int) -> Tensor:
        """Compute the feature of each video.

        Args:
            x: (B*F, C, h, w), the F frames of a video next to each other, in order.
            num_segs: F, a multiple of L.

        Returns:
            (B, D).
        """
        length = self.sequence_len
        sequences = split_sequences(x, num_segs, length, owner='BiLSTMIsolateHead')
        states, _ = self.lstm(sequences)
        features = self.project(states.mean(dim=1))
        return features.unflatten(0, (-1, num_segs // length)).mean(dim=1)

    def classify(self, features: Tensor) -> Tensor:
        """(B, D) -> (B, 2) logits."""
        if self.fc_cls is not None:
            return self.fc_cls(features)
        loss = self.loss_isolate
        middle = (loss.real_radius + loss.fake_radius) / 2
        fake = (loss.distances(features) - middle) / self.distance_scale
        return torch.stack([torch.zeros_like(fake), fake], dim=1)

    def forward(self, x: Tensor, num_segs: int, **kwargs) -> Tensor:
        """Compute (B, 2) logits of videos; see `extract`."""
        return self.classify(self.extract(x, num_segs))

    def loss(self, feats: Tensor, data_samples: list, num_segs: int, **kwargs) -> dict:
        """Compute the losses of a batch.

        Args:
            feats: (B*F, C, h, w).
            data_samples: one `ActionDataSample` a video, with `gt_label`.
            num_segs: F.
            kwargs: unused; recognizers pass more.

        Returns:
            'loss_isolate' and, with score='ce', 'loss_cls' and 'top1_acc'.
        """
        features = self.extract(feats, num_segs)
        labels = torch.cat([sample.gt_label for sample in data_samples])
        losses = dict(loss_isolate=self.loss_isolate(features, labels.to(feats.device)))
        if self.fc_cls is not None:
            # MMAction2 counts hits in NumPy, which has no bfloat16.
            logits = self.classify(features).float()
            losses |= self.loss_by_feat(logits, data_samples)
        return losses
