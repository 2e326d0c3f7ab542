"""What `tools/export.py` tells of a file that it wrote."""

from __future__ import annotations

import hashlib
import json
import pathlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from .metadata import ExportMetadata
from .parity import TOLERANCE, ShapeCheck

NUM_OPERATORS_PRINTED = 12


@dataclass(frozen=True)
class ExportReport:
    """One export.

    Attributes:
        metadata: also in the file itself.
        size_bytes: of the file.
        sha256: of the file.
        operators: how often each stands in the graph.
        checks: of the numbers, a shape each.
    """

    metadata: ExportMetadata
    size_bytes: int
    sha256: str
    operators: Mapping[str, int]
    checks: Sequence[ShapeCheck]

    @property
    def passed(self) -> bool:
        """Whether the file gives the model's numbers on every shape."""
        return all(check.passed for check in self.checks)

    def to_json(self) -> str:
        """Give all of it."""
        record = asdict(self)
        record['operators'] = dict(self.operators)
        record['tolerance'] = TOLERANCE
        record['passed'] = self.passed
        return json.dumps(record, indent=2) + '\n'

    def describe(self) -> str:
        """Say it in some lines."""
        told = self.metadata
        step = told.snippet_step
        allowed = 'any number' if step == 1 else f'multiples of {step}'
        if step is None:
            allowed = f'{told.num_snippets} alone'
        ranked = sorted(self.operators.items(), key=lambda one: (-one[1], one[0]))
        shown = ', '.join(f'{n} {name}' for name, n in ranked[:NUM_OPERATORS_PRINTED])
        more = len(ranked) - NUM_OPERATORS_PRINTED
        opset = f', opset {told.opset}' if told.opset else ''
        lines = [
            f'{told.model}, {told.num_parameters:,} parameters',
            f'format      {told.format}{opset}, {self.size_bytes / 1e6:.1f} MB',
            f'input       frames (videos, snippets, {told.clip_len}, 3, {told.height}, '
            f'{told.width}) uint8, RGB',
            f'snippets    {allowed}',
            f'outputs     {", ".join(told.outputs)}',
            f'operators   {sum(self.operators.values())} of {len(ranked)} kinds: '
            + shown
            + (f' and {more} kinds more' if more > 0 else ''),
            *map(_describe_check, self.checks),
        ]
        return '\n'.join(lines)


def make_report(
    path: pathlib.Path,
    metadata: ExportMetadata,
    operators: Mapping[str, int],
    checks: Sequence[ShapeCheck],
) -> ExportReport:
    """Gather the report of the file at `path`."""
    return ExportReport(
        metadata=metadata,
        size_bytes=path.stat().st_size,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        operators=operators,
        checks=tuple(checks),
    )


def _describe_check(check: ShapeCheck) -> str:
    shape = f'{check.num_videos} x {check.num_snippets} snippets'
    if check.fault:
        return f'check       {shape}: FAILED, {check.fault}'
    verdict = 'passed' if check.passed else 'FAILED'
    return (
        f'check       {shape}: scores differ by {check.score_difference:.1e}, '
        f'logits by {check.logit_difference:.1e}: {verdict}'
    )
