"""An HTML page of tables and plots of runs; see `html_page`."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .html_page import PageTable, render_page
from .reliability_plot import Reliability, plot_reliability
from .report_plots import RocLine, ScoreRow, plot_scores


@dataclass(frozen=True)
class PageCommands:
    """Commands that fill some cells, in order."""

    cells: str
    commands: Sequence[str]


@dataclass(frozen=True)
class PageRun:
    """Facts (name, value) and plots of one set of predictions."""

    name: str
    facts: Sequence[tuple[str, str]]
    scores: Sequence[ScoreRow]
    curves: Sequence[RocLine]
    reliability: Reliability
    threshold: float


def format_page(
    title: str,
    *,
    notes: Sequence[str],
    tables: Sequence[PageTable],
    commands: Sequence[PageCommands],
    runs: Sequence[PageRun],
) -> str:
    """Return the page: tables, commands for empty cells, plots of every run."""
    return render_page(
        'score_page.html',
        title=title,
        notes=notes,
        tables=tables,
        commands=commands,
        runs=[(run, draw_run(run)) for run in runs],
    )


def draw_run(run: PageRun) -> list[tuple[str, bytes]]:
    """Return the caption and PNG of each plot of a run."""
    with tempfile.TemporaryDirectory() as folder:
        scores, reliability = Path(folder, 'scores.png'), Path(folder, 'curve.png')
        plot_scores(
            [replace(row, name=_plain(row.name)) for row in run.scores],
            [replace(curve, name=_plain(curve.name)) for curve in run.curves],
            scores,
            threshold=run.threshold,
        )
        plot_reliability(run.reliability, reliability)
        return [
            ('scores of the videos, and ROC', scores.read_bytes()),
            ('reliability curve', reliability.read_bytes()),
        ]


def _plain(text: str) -> str:
    # Matplotlib parses text between two $ as mathematics, and may fail.
    return text.replace('$', r'\$')
