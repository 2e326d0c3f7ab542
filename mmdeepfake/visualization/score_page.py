"""One HTML page of tables and of pictures of runs, which loads nothing from elsewhere.

Pictures lie inside the page, and its policy forbids everything else, scripts included.
All text is escaped: names of files, videos and manipulations are what others made them.
"""

from __future__ import annotations

import base64
import html
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mmdeepfake.visualization.reliability_plot import Reliability, plot_reliability
from mmdeepfake.visualization.report_plots import RocLine, ScoreRow, plot_scores

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 78em;
       padding: 0 1em; color: #222; }
table { border-collapse: collapse; margin: .8em 0; font-size: 13px; }
.wide { overflow-x: auto; }
th, td { border-bottom: 1px solid #ddd; padding: .25em .6em; text-align: left; }
th { border-bottom: 2px solid #888; }
td { white-space: nowrap; } td.text { white-space: normal; }
tr:hover { background: #f4f4f4; }
pre { background: #f6f6f6; padding: .6em; overflow-x: auto; font-size: 12px; }
img { max-width: 100%; vertical-align: top; }
h2 { margin-top: 2em; } h3 { margin-top: 1.6em; }
"""


@dataclass(frozen=True)
class PageTable:
    """A table of plain text.

    Attributes:
        title: what stands above it.
        header: one text a column.
        rows: one text a column each.
        notes: sentences below it.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class PageCommands:
    """What fills some cells: which, and the commands, in their order."""

    cells: str
    commands: Sequence[str]


@dataclass(frozen=True)
class PageRun:
    """The pictures of one set of predictions.

    Attributes:
        name: what stands above them.
        facts: (name, value) of what is known of it.
        scores: one histogram each.
        curves: one ROC curve each.
        reliability: of all its videos.
        threshold: score from which a video is called fake.
    """

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
    """Write the page: tables, what fills their empty cells, pictures of every run."""
    parts = [
        '<!DOCTYPE html>',
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_escape(_POLICY)}">',
        f'<title>{_escape(title)}</title><style>{_STYLE}</style></head><body>',
        f'<h1>{_escape(title)}</h1>',
        _list(notes),
        *(_table(table) for table in tables),
    ]
    if commands:
        parts.append('<h2>Empty cells, and what fills them</h2><details>')
        parts.append(f'<summary>{len(commands)} groups of commands</summary>')
        for one in commands:
            lines = '\n'.join(one.commands)
            parts.append(f'<p>{_escape(one.cells)}</p><pre>{_escape(lines)}</pre>')
        parts.append('</details>')
    if runs:
        parts.append('<h2>Runs</h2>')
        parts += [_run(run) for run in runs]
    return '\n'.join([*parts, '</body></html>']) + '\n'


def _escape(text: str) -> str:
    return html.escape(str(text), quote=True)


def _list(texts: Sequence[str]) -> str:
    if not texts:
        return ''
    return '<ul>' + ''.join(f'<li>{_escape(text)}</li>' for text in texts) + '</ul>'


def _table(table: PageTable) -> str:
    header = ''.join(f'<th>{_escape(text)}</th>' for text in table.header)
    body = ''.join('<tr>' + ''.join(map(_cell, row)) + '</tr>\n' for row in table.rows)
    return (
        f'<h2>{_escape(table.title)}</h2>\n<div class="wide"><table><thead><tr>{header}'
        f'</tr></thead>\n<tbody>{body}</tbody></table></div>{_list(table.notes)}'
    )


def _cell(text: str) -> str:
    kind = ' class="text"' if len(text) > 60 else ''
    return f'<td{kind}>{_escape(text)}</td>'


def _run(run: PageRun) -> str:
    facts = ''.join(
        f'<tr><th>{_escape(name)}</th><td class="text">{_escape(value)}</td></tr>'
        for name, value in run.facts
    )
    pictures = ''.join(
        f'<img alt="{_escape(name)}" src="data:image/png;base64,'
        f'{base64.b64encode(png).decode()}">'
        for name, png in draw_run(run)
    )
    return f'<h3>{_escape(run.name)}</h3>\n<table>{facts}</table>\n<p>{pictures}</p>'


def draw_run(run: PageRun) -> list[tuple[str, bytes]]:
    """Draw a run: what a picture shows, and the picture as PNG."""
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
    # Matplotlib reads what stands between two $ as mathematics, and may fail at it.
    return text.replace('$', r'\$')
