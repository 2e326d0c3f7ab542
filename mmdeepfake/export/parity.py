"""Compare an exported file with the model it was made from, and report on both."""

from __future__ import annotations

import hashlib
import json
import pathlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import torch
from mmaction.structures import ActionDataSample
from torch import Tensor

from mmdeepfake.structures import FAKE

from .detector_graph import DetectorGraph
from .exported_detector import ExportedDetector, describe_failure
from .metadata import ExportMetadata

TOLERANCE = 1e-4  # ours: far below what changes a verdict, far above rounding
_NUM_OPERATORS_PRINTED = 12


@dataclass(frozen=True)
class ShapeCheck:
    """Difference between file and model on noise of one shape.

    Attributes:
        score_difference: maximum over P(fake) of videos and snippets, compared with
            the model's test.
        logit_difference: maximum over the logits, divided by the largest logit if that
            is above 1; scores near 0 and 1 would hide it.
        fault: why the file could not run on this shape; '' if it could.
    """

    num_videos: int
    num_snippets: int
    score_difference: float
    logit_difference: float
    fault: str = ''

    @property
    def passed(self) -> bool:
        """Whether both differences are at most `TOLERANCE`; NaN fails."""
        return (
            not self.fault
            and self.score_difference <= TOLERANCE
            and self.logit_difference <= TOLERANCE
        )

    def describe(self) -> str:
        """Return one line of the report."""
        shape = f'check       {self.num_videos} x {self.num_snippets} snippets'
        if self.fault:
            return f'{shape}: FAILED, {self.fault}'
        return (
            f'{shape}: scores differ by {self.score_difference:.1e}, logits by '
            f'{self.logit_difference:.1e}: {"passed" if self.passed else "FAILED"}'
        )


@dataclass(frozen=True)
class ExportReport:
    """The report of one exported file, with the number of each operator."""

    metadata: ExportMetadata
    size_bytes: int
    sha256: str
    operators: Mapping[str, int]
    checks: Sequence[ShapeCheck]

    @classmethod
    def of_file(
        cls,
        path: pathlib.Path,
        metadata: ExportMetadata,
        operators: Mapping[str, int],
        checks: Sequence[ShapeCheck],
    ) -> ExportReport:
        """Make the report of the file at `path`."""
        content = path.read_bytes()
        sha256 = hashlib.sha256(content).hexdigest()
        return cls(metadata, len(content), sha256, dict(operators), tuple(checks))

    @property
    def passed(self) -> bool:
        """Whether file and model agree on every shape."""
        return all(check.passed for check in self.checks)

    def to_json(self) -> str:
        """Return all of it as JSON."""
        record = {**asdict(self), 'tolerance': TOLERANCE, 'passed': self.passed}
        return json.dumps(record, indent=2) + '\n'

    def describe(self) -> str:
        """Return a summary of several lines."""
        metadata = self.metadata
        ranked = sorted(self.operators.items(), key=lambda one: (-one[1], one[0]))
        shown = ', '.join(f'{n} {name}' for name, n in ranked[:_NUM_OPERATORS_PRINTED])
        more = len(ranked) - _NUM_OPERATORS_PRINTED
        opset = f', opset {metadata.opset}' if metadata.opset else ''
        return '\n'.join(
            [
                f'{metadata.model}, {metadata.num_parameters:,} parameters',
                f'format      {metadata.format}{opset}, {self.size_bytes / 1e6:.1f} MB',
                f'input       frames (videos, snippets, {metadata.clip_len}, 3, '
                f'{metadata.height}, {metadata.width}) uint8, RGB',
                f'snippets    {metadata.allowed_snippets}',
                f'outputs     {", ".join(metadata.outputs)}',
                f'operators   {sum(self.operators.values())} of {len(ranked)} kinds: '
                + shown
                + (f' and {more} other kinds' if more > 0 else ''),
                *(check.describe() for check in self.checks),
            ]
        )


def check_parity(detector: ExportedDetector, graph: DetectorGraph) -> list[ShapeCheck]:
    """Compare a file with its model on noise of several shapes.

    The (V, S) are those of the trace, fewer and more of each, and 1.
    """
    metadata = detector.metadata
    count, step = metadata.num_snippets, metadata.snippet_step
    shapes = [(1, count), (2, count), (3, count + (step or 0))]
    if step is not None:
        shapes.append((1, step))
    return [
        _check_shape(detector, graph, *shape, seed=seed)
        for seed, shape in enumerate(shapes)
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
    except Exception as error:  # each engine raises its own kinds
        nan = float('nan')
        fault = describe_failure(error)
        return ShapeCheck(num_videos, num_snippets, nan, nan, fault)
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
    """Score frames with the recognizer's own `test_step`, as `tools/test.py` does.

    Returns:
        P(fake) of the videos (V,), and of their snippets (V, S) or None.
    """
    packed = graph.layout.pack(frames)
    data_samples = [ActionDataSample() for _ in packed]
    with torch.no_grad():
        samples = graph.model.test_step(
            {'inputs': list(packed), 'data_samples': data_samples}
        )
    videos = torch.stack([sample.pred_score[FAKE] for sample in samples])
    if 'snippet_scores' not in samples[0]:
        return videos, None
    return videos, torch.stack([sample.snippet_scores for sample in samples])


def _largest_difference(found: Tensor, expected: Tensor) -> float:
    if found.shape != expected.shape:
        return float('inf')
    return (found - expected).abs().max().item()
