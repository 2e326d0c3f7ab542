"""Frame-level detectors: every frame is judged alone, and the judgements are averaged.

The convention of FaceForensics++ and of frame-level rows in general; RATF's paper does
not say how its image-based rows score a video.
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

    The stock class, and ours, take the softmax of the mean logits instead. Training is
    theirs: with several frames a video the loss is that of the mean logits; the frame
    rows train on one.

    Args:
        kwargs: see `SnippetRecognizer`. There is no neck, `clip_len` is 1, and the head
            averages frames by itself, as `TSNHead` does.
    """

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        if self.with_neck or self.clip_len != 1:
            raise ConfigError(
                f'FrameRecognizer with clip_len = {self.clip_len} and '
                f'{"a" if self.with_neck else "no"} neck: it judges single frames, so '
                'need clip_len = 1 and neck = None; SnippetRecognizer takes others'
            )
        if getattr(self.cls_head, 'consensus', None) is None:
            raise ConfigError(
                f'cls_head.type = {type(self.cls_head).__name__} of FrameRecognizer: '
                'need a head that classifies frames by themselves, as TSNHead'
            )

    def predict(self, inputs: Tensor, data_samples: list, **kwargs) -> list:
        """Predict frames and, from them, videos.

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
