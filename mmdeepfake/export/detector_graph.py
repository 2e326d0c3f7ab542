"""A detector as one graph: raw frames in, P(fake) out."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmdeepfake.errors import ConfigError
from mmdeepfake.models.heads import SegmentAveragingHead
from mmdeepfake.models.inference_folding import plain_operators
from mmdeepfake.models.recognizers import FrameRecognizer, SnippetRecognizer
from mmdeepfake.structures import FAKE

from .frame_layout import FrameLayout


class DetectorGraph(nn.Module):
    """The exported graph: normalisation, network and softmax of one recognizer.

    Every model, in evaluation mode, takes the same input layout, whatever its own.
    """

    def __init__(
        self,
        model: nn.Module,
        layout: FrameLayout,
        *,
        mean: Sequence[float],
        std: Sequence[float],
        training_data: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.training_data = training_data
        self.model = model
        self.layout = layout
        self.register_buffer('mean', torch.tensor(mean).view(3, 1, 1))
        self.register_buffer('std', torch.tensor(std).view(3, 1, 1))

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the outputs of `forward`."""
        names = ('fake_scores', 'logits')
        return (*names, 'snippet_scores') if self.scores_snippets else names

    @property
    def scores_snippets(self) -> bool:
        """Whether the model scores each snippet."""
        if isinstance(self.model, SnippetRecognizer):
            num_frames = self.layout.num_snippets * self.layout.clip_len
            return self.model.scores_snippets(num_frames)
        return isinstance(self.model.cls_head, SegmentAveragingHead)

    def forward(self, frames: Tensor) -> tuple[Tensor, ...]:
        """Score videos.

        Args:
            frames: (V, S, T, 3, H, W) uint8, RGB.

        Returns:
            P(fake) of each video (V,); logits (V, 2), real and fake; and, if
            `scores_snippets`, P(fake) of each snippet (V, S), or of each group of
            snippets if the model takes single frames in groups.
        """
        inputs = self.layout.pack((frames.to(self.mean.dtype) - self.mean) / self.std)
        if not self.scores_snippets:
            rows, _ = self.model.extract_feat(inputs, stage='head')
            # A head may return one row per group of frames: (V*groups, 2).
            logits = _average_probabilities(rows.unflatten(0, (inputs.shape[0], -1)))
            return logits.softmax(dim=-1)[:, FAKE], logits
        by_snippet = self._snippet_logits(inputs)  # (V, S, 2)
        if isinstance(self.model, FrameRecognizer):
            logits = _average_probabilities(by_snippet)
        else:
            logits = by_snippet.mean(dim=1)
        scores = by_snippet.softmax(dim=-1)[..., FAKE]
        return logits.softmax(dim=-1)[:, FAKE], logits, scores

    def _snippet_logits(self, inputs: Tensor) -> Tensor:
        if isinstance(self.model, SnippetRecognizer):
            return self.model.snippet_logits(inputs)
        features, _ = self.model.extract_feat(inputs, stage='backbone')
        return self.model.cls_head.snippet_logits(features, inputs.shape[0])


def _average_probabilities(logits: Tensor) -> Tensor:
    """Return (V, 2) whose softmax is the mean of the softmaxes of (V, n, 2)."""
    return logits.log_softmax(dim=-1).logsumexp(dim=1)


def find_snippet_step(graph: DetectorGraph) -> int | None:
    """Return the number whose multiples are allowed as number of snippets.

    1 if snippets are scored alone or with any others, more if the model groups them,
    None if only the config's number is allowed. Only shapes are computed.
    """
    layout, shapes = graph.layout, copy.deepcopy(graph).to('meta')
    count = layout.num_snippets
    for step in (n for n in range(1, count + 1) if count % n == 0):
        try:
            with torch.no_grad(), plain_operators(shapes):
                # A single video: snippets of two must not form a group.
                shapes(layout.make_noise(1, count + step, seed=0).to('meta'))
        except (ConfigError, RuntimeError, ValueError):
            continue
        return step
    return None
