"""S-MIL and S-MIL-T: a video is a bag of faces, fake if some of them are.

Paper: X. Li et al., "Sharp Multiple Instance Learning for DeepFake Video Detection",
ACM MM 2020, https://doi.org/10.1145/3394171.3414034; no public code. From the abstract:
multiple-instance learning with a "sharp" bag loss, faces as instances, and, in S-MIL-T,
bags of several spatial-temporal encodings of them. The rest is a **reconstruction**:

    the odds form    1 / P - 1 = prod_j (1 / p_j - 1), that is P = sigmoid(sum_j l_j)
    S-MIL-T          convolutions over time of 2, 3 and 4 frames, one bag for each
                     kernel (as Kim, EMNLP 2014, for sentences)

    here             there
    instance logit   l_j, with p_j = sigmoid(l_j) the probability of face j
    bag logit        of P
    temperature      ours: the sum is divided by a learned number, at first that of the
                     instances, or the loss would be saturated; `scale='none'` does not
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from mmaction.models.heads import BaseHead
from mmengine.model.weight_init import normal_init
from torch import Tensor, nn

from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import MODELS

from ..options import check_choice

_TINY = 1e-4  # ours; below it exp(-x) = 1 - x to float32's precision
_ATTENTION_CHANNELS = 128  # Ilse et al., "Attention-based Deep MIL", ICML 2018


def pool_noisy_or(logits: Tensor) -> Tensor:
    """Compute the logit of P = 1 - prod_j (1 - sigmoid(l_j)): (B, M) -> (B,).

    With s = -log(1 - P) = sum_j softplus(l_j) it is log(exp(s) - 1), or from log s for
    small s.
    """
    # softplus(l) = exp(l) far below zero, where float32 would round it to 0.
    far = logits < -15
    near = torch.where(far, torch.zeros_like(logits), logits)
    log_softplus = torch.where(far, logits, F.softplus(near).log())
    log_total = log_softplus.logsumexp(dim=1)
    small = log_total.exp() < _TINY
    total = torch.where(small, torch.ones_like(log_total), log_total.exp())
    large_form = total + torch.log(-torch.expm1(-total))
    # log(exp(s) - 1) = log s + s / 2 + O(s^2)
    return torch.where(small, log_total + log_total.exp() / 2, large_form)


POOLS: dict[str, Callable[[Tensor], Tensor]] = {
    'sum': lambda logits: logits.sum(dim=1),
    'mean': lambda logits: logits.mean(dim=1),
    'noisy_or': pool_noisy_or,
}
ATTENTION = 'attention'
SCALES = ('learned', 'none')


class InstanceBag(nn.Module):
    """Scores of the instances of a bag, and of the bag.

    Args:
        in_channels: C of an instance.
        pool: 'sum' (sharp), 'mean', 'noisy_or' or 'attention' (mean weighted by a
            softmax of a small network).
        scale: of 'sum' alone: 'learned' divides by a temperature, 'none' does not.
        num_instances: M, the initial temperature.
    """

    def __init__(
        self, in_channels: int, *, pool: str, scale: str, num_instances: int
    ) -> None:
        super().__init__()
        self.pool = pool
        self.score = nn.Linear(in_channels, 1)
        self.temperature: nn.Parameter | None = None
        self.attention: nn.Module | None = None
        if pool == 'sum' and scale == 'learned':
            self.temperature = nn.Parameter(torch.tensor(float(num_instances)))
        if pool == ATTENTION:
            self.attention = nn.Sequential(
                nn.Linear(in_channels, _ATTENTION_CHANNELS),
                nn.Tanh(),
                nn.Linear(_ATTENTION_CHANNELS, 1, bias=False),
            )

    def forward(self, instances: Tensor) -> tuple[Tensor, Tensor]:
        """Compute logits in float32.

        Args:
            instances: (B, M, C).

        Returns:
            The bag's logit (B,) and those of its instances (B, M).
        """
        # Half precision would round a sum of many logits.
        logits = self.score(instances).squeeze(-1).float()
        if self.attention is not None:
            weights = self.attention(instances).squeeze(-1).float().softmax(dim=1)
            return (weights * logits).sum(dim=1), logits
        pooled = POOLS[self.pool](logits)
        if self.temperature is not None:
            pooled = pooled / self.temperature
        return pooled, logits


@MODELS.register_module()
class SharpMILHead(BaseHead):
    """Classify a video as a bag of frames (S-MIL) or of runs of frames (S-MIL-T).

    For `SnippetRecognizer` and `Recognizer2D`. The two logits are (0, L) with L the
    logit of the bag, so that the cross entropy is the binary one.

    Args:
        num_classes: 2: real, fake.
        in_channels: C of the backbone's map.
        num_instances: M, frames of a video.
        kernel_sizes: of the convolutions over the frames' features, each with its own
            bag; the logits of the bags are averaged. Empty for S-MIL.
        kernel_channels: filters of each of them.
        pool: see `InstanceBag`.
        scale: see `InstanceBag`.
        init_std: of the initial weights of the scores.
        kwargs: see MMAction2's `BaseHead` (`topk`, `average_clips`, `loss_cls`, ...).
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        *,
        num_instances: int = 16,
        kernel_sizes: Sequence[int] = (),
        kernel_channels: int = 512,
        pool: str = 'sum',
        scale: str = 'learned',
        init_std: float = 0.01,
        **kwargs,
    ) -> None:
        super().__init__(num_classes, in_channels, **kwargs)
        for name, value, allowed in (
            ('num_classes', num_classes, (2,)),
            ('pool', pool, (*POOLS, ATTENTION)),
            ('scale', scale, SCALES),
        ):
            check_choice('SharpMILHead', name, value, allowed)
        if not all(1 <= size <= num_instances for size in kernel_sizes):
            raise ConfigError(
                f'kernel_sizes = {tuple(kernel_sizes)} of SharpMILHead: need 1 to '
                f'num_instances = {num_instances} frames each'
            )
        self.num_instances = num_instances
        self.pool = pool
        self.init_std = init_std
        self.convs = nn.ModuleList(
            nn.Conv1d(in_channels, kernel_channels, size) for size in kernel_sizes
        )
        bag = dict(pool=pool, scale=scale)
        # Without padding, M frames make M - k + 1 runs of k.
        lengths = [num_instances - size + 1 for size in kernel_sizes]
        self.bags = nn.ModuleList(
            InstanceBag(kernel_channels, num_instances=length, **bag)
            for length in lengths
        )
        if not kernel_sizes:
            self.bags.append(
                InstanceBag(in_channels, num_instances=num_instances, **bag)
            )

    def init_weights(self) -> None:
        """Draw the scores; convolutions keep PyTorch's defaults."""
        for bag in self.bags:
            normal_init(bag.score, std=self.init_std)

    def bag_logits(self, x: Tensor, num_segs: int) -> tuple[Tensor, Tensor]:
        """Compute the logits of videos and of their instances.

        Args:
            x: (B*M, C, h, w), the M frames of a video next to each other, in order.
            num_segs: M.

        Returns:
            (B,) logits of the videos and, of the first bag, (B, M - k + 1) logits of
            its instances.
        """
        if self.pool == 'sum' and num_segs != self.num_instances:
            raise ConfigError(
                f'SharpMILHead got {num_segs} frames a video, but num_instances = '
                f"{self.num_instances}: with pool='sum' scores grow with the number of "
                'frames; sample as many in training and at test, or use '
                "pool='mean'"
            )
        features = x.mean(dim=(2, 3)).unflatten(0, (-1, num_segs))  # (B, M, C)
        bags = [features]
        if self.convs:
            over_time = features.transpose(1, 2)  # (B, C, M)
            bags = [conv(over_time).relu().transpose(1, 2) for conv in self.convs]
        scored = [bag(one) for bag, one in zip(self.bags, bags, strict=True)]
        videos = torch.stack([logit for logit, _ in scored]).mean(dim=0)
        return videos, scored[0][1]

    def forward(self, x: Tensor, num_segs: int, **kwargs) -> Tensor:
        """Compute (B, 2) logits, the first of them 0; see `bag_logits`.

        Args:
            x: (B*M, C, h, w).
            num_segs: M.
            kwargs: unused; recognizers pass more.
        """
        videos, _ = self.bag_logits(x, num_segs)
        return torch.stack([torch.zeros_like(videos), videos], dim=1)

    def predict(self, feats: Tensor, data_samples: list, **kwargs) -> list:
        """Score videos and, in S-MIL, each of their frames.

        Args:
            feats: (B*M, C, h, w).
            data_samples: one `ActionDataSample` a video.
            kwargs: `num_segs`, and more that is unused.

        Returns:
            The samples, with `pred_score` (2,), `pred_label` (1,) and, in S-MIL,
            `snippet_scores` (M,), P(fake) of each frame.
        """
        samples = super().predict(feats, data_samples, **kwargs)
        if not self.convs:
            _, frames = self.bag_logits(feats, kwargs['num_segs'])
            for sample, scores in zip(samples, frames.sigmoid(), strict=True):
                sample.set_field(scores, 'snippet_scores', dtype=torch.Tensor)
        return samples
