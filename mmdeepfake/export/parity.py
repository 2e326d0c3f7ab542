"""Whether an exported file gives the numbers of the model that it was made from."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from mmaction.structures import ActionDataSample
from torch import Tensor

from mmdeepfake.structures import FAKE

from .detector_graph import DetectorGraph
from .exported_detector import ExportedDetector
from .failures import describe_failure
from .metadata import ExportMetadata

TOLERANCE = 1e-4  # ours: far below what turns a verdict, far above rounding


@dataclass(frozen=True)
class ShapeCheck:
    """How far the file is from the model, on noise of one shape.

    Attributes:
        num_videos: V.
        num_snippets: S.
        score_difference: the largest of P(fake) of a video or a snippet, against what
            a test computes.
        logit_difference: the largest of the logits, as a share of the largest logit
            where that is above 1: scores near 0 and 1 would hide it.
        fault: why the file could not be run on this shape; '' if it could.
    """

    num_videos: int
    num_snippets: int
    score_difference: float
    logit_difference: float
    fault: str = ''

    @property
    def passed(self) -> bool:
        """Whether both differences are at most `TOLERANCE`; NaN is not."""
        return (
            not self.fault
            and self.score_difference <= TOLERANCE
            and self.logit_difference <= TOLERANCE
        )


def shapes_to_check(metadata: ExportMetadata) -> list[tuple[int, int]]:
    """Give the (V, S) to try: those of the trace, fewer and more of each, and 1."""
    count, step = metadata.num_snippets, metadata.snippet_step
    if step is None:
        return [(1, count), (2, count), (3, count)]
    return [(1, count), (2, count), (3, count + step), (1, step)]


def check_parity(
    detector: ExportedDetector, graph: DetectorGraph, *, seed: int = 0
) -> list[ShapeCheck]:
    """Compare a file with its model on noise of several shapes."""
    return [
        _check_shape(detector, graph, *shape, seed=seed + index)
        for index, shape in enumerate(shapes_to_check(detector.metadata))
    ]


def _check_shape(
    detector: ExportedDetector,
    graph: DetectorGraph,
    num_videos: int,
    num_snippets: int,
    *,
    seed: int,
) -> ShapeCheck:
    frames = graph.layout.make_noise(num_videos, num_snippets, seed=seed)
    try:
        found = detector(frames)
    except Exception as error:  # of the engine that runs the file, of any kind
        nothing = float('nan')
        return ShapeCheck(
            num_videos, num_snippets, nothing, nothing, describe_failure(error)
        )
    videos, snippets = predict_as_tested(graph, frames)
    with torch.no_grad():
        logits = graph(frames)[1]
    differences = [_largest_difference(found.fake_scores, videos)]
    if found.snippet_scores is not None:
        differences.append(_largest_difference(found.snippet_scores, snippets))
    scale = max(1.0, logits.abs().max().item())
    return ShapeCheck(
        num_videos,
        num_snippets,
        max(differences),
        _largest_difference(found.logits, logits) / scale,
    )


def predict_as_tested(
    graph: DetectorGraph, frames: Tensor
) -> tuple[Tensor, Tensor | None]:
    """Score frames by the recognizer's own `test_step`, as `tools/test.py` does.

    Args:
        graph: holds the recognizer.
        frames: (V, S, T, 3, H, W) uint8.

    Returns:
        P(fake) of the videos (V,), and of their snippets (V, S) or None.
    """
    packed = graph.layout.pack(frames)
    batch = {
        'inputs': list(packed),
        'data_samples': [ActionDataSample() for _ in packed],
    }
    with torch.no_grad():
        samples = graph.model.test_step(batch)
    videos = torch.stack([sample.pred_score[FAKE] for sample in samples])
    if 'snippet_scores' not in samples[0]:
        return videos, None
    return videos, torch.stack([sample.snippet_scores for sample in samples])


def _largest_difference(found: Tensor, expected: Tensor) -> float:
    if found.shape != expected.shape:
        return float('inf')
    return (found - expected).abs().max().item()
