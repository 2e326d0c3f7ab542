"""Frame-level detectors: frames are scored one by one and their scores averaged.

This is the convention of FaceForensics++; RATF's paper does not say how its image-based
rows score a video.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import MODELS

from .snippet_recognizer import SnippetRecognizer


@MODELS.register_module()
class FrameRecognizer(SnippetRecognizer):
    """`SnippetRecognizer` whose video score is the mean of P(fake) over frames.

    The parents take the softmax of the mean logits instead. The loss is theirs, of the
    mean logits; the frame rows train on one frame.

    Args:
        kwargs: see `SnippetRecognizer`; no neck, `clip_len` 1, and a head that averages
            frames, such as `TSNHead`.
    """

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        if self.with_neck or self.clip_len != 1:
            raise ConfigError(
                f'FrameRecognizer with clip_len = {self.clip_len} and '
                f'{"a" if self.with_neck else "no"} neck: need clip_len = 1 and no '
                'neck, or use SnippetRecognizer'
            )
        if getattr(self.cls_head, 'consensus', None) is None:
            raise ConfigError(
                f'cls_head.type = {type(self.cls_head).__name__} of FrameRecognizer: '
                'need a head that classifies single frames, such as TSNHead'
            )

    def predict(self, inputs: Tensor, data_samples: list, **kwargs) -> list:
        """Predict frames, and videos from them.

        Args:
            inputs: (B, F, 3, H, W).
            data_samples: one `ActionDataSample` a video.
            kwargs: unused, as in the parent.

        Returns:
            The samples, with `pred_score` (2,), `pred_label` (1,) and `snippet_scores`
            (F,), P(fake) of each frame.
        """
        samples = super().predict(inputs, data_samples, **kwargs)
        for sample in samples:
            fake = sample.snippet_scores.mean()
            sample.set_pred_score(torch.stack([1 - fake, fake]))
            sample.set_pred_label(sample.pred_score.argmax(dim=-1, keepdim=True))
        return samples
