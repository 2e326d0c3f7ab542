"""A 2D recognizer with scores per snippet."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from mmaction.models.recognizers import Recognizer2D
from torch import Tensor

from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import MODELS
from mmdeepfake.structures import FAKE


def refuse_partial_snippets(test_cfg: Mapping | None, *, owner: str) -> None:
    """Raise on the options of MMAction2's recognizers that split a video's views."""
    for option in ('fcn_test', 'max_testing_views'):
        if (test_cfg or {}).get(option):
            raise ConfigError(
                f'test_cfg.{option} of {owner} is not supported, since it would split '
                'snippets; remove it'
            )


@MODELS.register_module()
class SnippetRecognizer(Recognizer2D):
    """`Recognizer2D` whose predictions carry `snippet_scores`, P(fake) per snippet.

    Training and video scores are those of the stock class. In addition, the backbone
    may return a bare tensor or a 1-tuple, with or without a neck, and at test each
    sample gets the scores of its snippets from the same forward pass: pooling and FC
    are linear, so a video's logits are the mean of its snippets'.

    Args:
        clip_len: frames of a snippet; None takes the backbone's, or else 1 (scores per
            frame).
        kwargs: see MMAction2's `Recognizer2D`.
    """

    def __init__(self, *, clip_len: int | None = None, **kwargs) -> None:
        super().__init__(**kwargs)
        self.clip_len = clip_len or getattr(self.backbone, 'clip_len', 1)
        refuse_partial_snippets(self.test_cfg, owner='SnippetRecognizer')

    def extract_feat(
        self,
        inputs: Tensor,
        stage: str = 'neck',
        data_samples: list | None = None,
        test_mode: bool = False,
    ) -> tuple:
        """Compute features up to `stage`: 'backbone', 'neck' or 'head'.

        Args:
            inputs: (B, S*T, 3, H, W), T innermost.
            stage: where to stop.
            data_samples: passed to the neck.
            test_mode: unused, as in the stock class.

        Returns:
            The features, and the head's further arguments.
        """
        num_segs = inputs.shape[1]
        features = self.backbone(inputs.flatten(0, 1))
        if isinstance(features, tuple) and len(features) == 1:
            features = features[0]  # (B*S*T, C, h, w)
        if stage == 'backbone':
            return features, dict(num_segs=num_segs)
        kwargs: dict = dict(num_segs=num_segs, loss_aux={})
        if self.with_neck:
            maps = self._unfold_videos(features, num_segs)
            features, kwargs['loss_aux'] = self.neck([maps], data_samples=data_samples)
            features, kwargs['num_segs'] = features.squeeze(2), 1
        if stage == 'head':
            features = self.cls_head(features, **kwargs)
        return features, kwargs

    @staticmethod
    def _unfold_videos(features: Tensor, num_segs: int) -> Tensor:
        # (B, C, S*T, h, w)
        return features.unflatten(0, (-1, num_segs)).transpose(1, 2)

    def predict(self, inputs: Tensor, data_samples: list, **kwargs) -> list:
        """Predict videos, and their snippets if `scores_snippets`.

        Args:
            inputs: (B, S*T, 3, H, W).
            data_samples: one `ActionDataSample` a video.
            kwargs: unused, as in the parent.

        Returns:
            The samples, with `pred_score` (2,), `pred_label` (1,) and maybe
            `snippet_scores` (S,).
        """
        if not self.scores_snippets(inputs.shape[1]):
            return super().predict(inputs, data_samples, **kwargs)
        logits = self.snippet_logits(inputs, data_samples)
        samples = self.cls_head.predict_by_feat(logits.mean(dim=1), data_samples)
        scores = logits.softmax(dim=-1)[..., FAKE]
        for sample, snippet_scores in zip(samples, scores, strict=True):
            sample.set_field(snippet_scores, 'snippet_scores', dtype=torch.Tensor)
        return samples

    def snippet_logits(
        self, inputs: Tensor, data_samples: list | None = None
    ) -> Tensor:
        """Classify each snippet; a video's logits are their mean.

        Args:
            inputs: (B, S*T, 3, H, W), of which `scores_snippets` is true.
            data_samples: passed to the neck for its checks.

        Returns:
            (B, S, num_classes).
        """
        features, _ = self.extract_feat(inputs, stage='backbone')
        frames_per_row = self.clip_len
        if self.with_neck:
            maps = self._unfold_videos(features, inputs.shape[1])
            snippets = self.neck.forward_snippets(maps, data_samples)
            features = snippets.maps.mean(dim=3).flatten(0, 1)
            frames_per_row = 1
        logits = self.cls_head(features, num_segs=frames_per_row)
        return logits.unflatten(0, (inputs.shape[0], -1))

    def scores_snippets(self, num_segs: int) -> bool:
        """Return whether videos of `num_segs` frames get scores of their snippets.

        The head must average frames (as `TSNHead`), the neck have `forward_snippets`.
        """
        averages_frames = getattr(self.cls_head, 'consensus', None) is not None
        neck_can = not self.with_neck or hasattr(self.neck, 'forward_snippets')
        return averages_frames and neck_can and num_segs % self.clip_len == 0
