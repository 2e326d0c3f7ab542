"""A 3D recognizer whose backbone gets the number of snippets per video."""

from __future__ import annotations

from mmaction.models.recognizers import Recognizer3D
from torch import Tensor

from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import MODELS

from .snippet_recognizer import refuse_partial_snippets


@MODELS.register_module()
class SnippetRecognizer3D(Recognizer3D):
    """`Recognizer3D` for backbones in which the snippets of a video meet.

    The stock class folds snippets into the batch, B*S rows, without passing S, which
    may differ between training and test; here the backbone gets it as `num_snippets`.

    Args:
        neck: None, for configs that state it.
        kwargs: see MMAction2's `Recognizer3D`. The backbone's `forward` takes
            (B*S, 3, T, H, W) and `num_snippets`; the head takes its map and `num_segs`,
            as `SegmentAveragingHead` does.
    """

    def __init__(self, *, neck: dict | None = None, **kwargs) -> None:
        if neck is not None:
            raise ConfigError('neck of SnippetRecognizer3D: not supported; set None')
        super().__init__(**kwargs)
        refuse_partial_snippets(self.test_cfg, owner='SnippetRecognizer3D')

    def extract_feat(
        self,
        inputs: Tensor,
        stage: str = 'neck',
        data_samples: list | None = None,
        test_mode: bool = False,
    ) -> tuple:
        """Compute features up to `stage`: 'backbone', 'neck' (the same) or 'head'.

        Args:
            inputs: (B, S, 3, T, H, W).
            stage: where to stop.
            data_samples: unused.
            test_mode: unused.

        Returns:
            The features (B*S, C, t, h, w), or for 'head' the logits (B, 2), and the
            head's further arguments.
        """
        num_snippets = inputs.shape[1]
        features = self.backbone(inputs.flatten(0, 1), num_snippets=num_snippets)
        kwargs = dict(num_segs=num_snippets)
        if stage == 'head':
            features = self.cls_head(features, **kwargs)
        return features, kwargs
