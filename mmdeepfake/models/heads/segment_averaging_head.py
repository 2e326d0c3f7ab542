"""A 3D head that averages the logits of a video's snippets."""

from __future__ import annotations

import torch
from mmaction.models.heads import I3DHead
from torch import Tensor

from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import MODELS
from mmdeepfake.structures import FAKE


@MODELS.register_module()
class SegmentAveragingHead(I3DHead):
    """`I3DHead` on each snippet, then the mean of the logits over a video's snippets.

    For `Recognizer3D` and `SnippetRecognizer3D`, which fold snippets into the batch,
    B*U rows for B labels: a stock `I3DHead` fails on that in training and averages
    probabilities at test, where DSANet and V4D average logits. Dropout is drawn for
    each snippet, as in DSANet's code.

    Args:
        num_classes: 2 here: real, fake.
        in_channels: C of the backbone's map.
        kwargs: see MMAction2's `I3DHead` (`dropout_ratio`, `init_std`) and `BaseHead`
            (`topk`, `average_clips`, which is applied to the averaged logits).
    """

    def classify(self, feats: Tensor) -> Tensor:
        """Compute the logits of each row: (N, C, T, h, w) -> (N, num_classes)."""
        return super().forward(feats)

    def snippet_logits(self, feats: Tensor, num_videos: int) -> Tensor:
        """Classify each snippet.

        Args:
            feats: (B*U, C, T, h, w), the U snippets of a video next to each other.
            num_videos: B.

        Returns:
            (B, U, num_classes).
        """
        if feats.shape[0] % num_videos:
            raise ConfigError(
                f'SegmentAveragingHead got {feats.shape[0]} snippets of {num_videos} '
                'videos: need the same number of each; use FormatShape("NCTHW") with '
                'Recognizer3D or SnippetRecognizer3D'
            )
        # Half precision would round the mean, and NumPy has no bfloat16.
        logits = self.classify(feats).float()
        return logits.unflatten(0, (num_videos, -1))

    def forward(self, x: Tensor, num_segs: int = 1, **kwargs) -> Tensor:
        """Average the logits of each `num_segs` consecutive rows.

        Args:
            x: (B*U, C, T, h, w).
            num_segs: U of `SnippetRecognizer3D`; the stock recognizer does not pass it
                and gets the logits of each row.
            kwargs: unused; `Recognizer3D` passes more.

        Returns:
            (B*U / num_segs, num_classes).
        """
        return self.classify(x).unflatten(0, (-1, num_segs)).mean(dim=1)

    def loss(self, feats: Tensor, data_samples: list, **kwargs) -> dict:
        """Compute the loss of the averaged logits, (B, num_classes), and the B labels.

        Args:
            feats: (B*U, C, T, h, w).
            data_samples: one `ActionDataSample` a video, with `gt_label`.
            kwargs: unused; `Recognizer3D` passes more.
        """
        logits = self.snippet_logits(feats, len(data_samples))
        return self.loss_by_feat(logits.mean(dim=1), data_samples)

    def predict(self, feats: Tensor, data_samples: list, **kwargs) -> list:
        """Score videos and each of their snippets.

        Args:
            feats: (B*U, C, T, h, w).
            data_samples: one `ActionDataSample` a video.
            kwargs: unused; `Recognizer3D` passes more.

        Returns:
            The samples, with `pred_score` (2,), `pred_label` (1,) and `snippet_scores`
            (U,), P(fake) of each snippet.
        """
        logits = self.snippet_logits(feats, len(data_samples))
        samples = self.predict_by_feat(logits.mean(dim=1), data_samples)
        scores = logits.softmax(dim=-1)[..., FAKE]
        for sample, snippet_scores in zip(samples, scores, strict=True):
            sample.set_field(snippet_scores, 'snippet_scores', dtype=torch.Tensor)
        return samples
