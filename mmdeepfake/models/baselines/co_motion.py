"""Co-motion: a small network on the correlation of facial motions.

Paper: G. Wang, J. Zhou and Y. Wu, "Exposing Deep-faked Videos by Anomalous Co-motion
Pattern Detection", arXiv 2008.04848, 2020. A **reconstruction**: this network, on the
output of `CoMotionPattern`, replaces the paper's boosted trees, so that all rows share
one recipe; `tools/co_motion_adaboost.py` fits boosted stumps.
"""

from __future__ import annotations

from mmaction.models.heads import BaseHead
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmdeepfake.registry import MODELS


@MODELS.register_module()
class PatternInput(BaseModule):
    """Identity backbone, for inputs that are features already."""

    def forward(self, x: Tensor) -> Tensor:
        """(B*S, F, 1, 1) -> the same."""
        return x


@MODELS.register_module()
class CoMotionHead(BaseHead):
    """Normalise a pattern, classify it by one hidden layer, average a video's logits.

    For `SnippetRecognizer` and `Recognizer2D`.

    Args:
        num_classes: 2 here: real, fake.
        in_channels: F, length of a pattern; 5,151 of u and v, 1,275 of lengths.
        hidden_channels: width of the hidden layer.
        dropout_ratio: of the hidden layer.
        kwargs: see MMAction2's `BaseHead` (`topk`, `average_clips`, `loss_cls`, ...).
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        *,
        hidden_channels: int = 256,
        dropout_ratio: float = 0.5,
        **kwargs,
    ) -> None:
        super().__init__(num_classes, in_channels, **kwargs)
        self.layers = nn.Sequential(
            nn.LayerNorm(in_channels),
            nn.Linear(in_channels, hidden_channels),
            nn.ReLU(),
            nn.Dropout(dropout_ratio),
            nn.Linear(hidden_channels, num_classes),
        )

    def forward(self, x: Tensor, num_segs: int, **kwargs) -> Tensor:
        """Classify videos.

        Args:
            x: (B*S, F, 1, 1), the S patterns of a video next to each other.
            num_segs: S.
            kwargs: unused; recognizers pass more.

        Returns:
            (B, num_classes) logits.
        """
        logits = self.layers(x.flatten(1))
        return logits.unflatten(0, (-1, num_segs)).mean(dim=1)
