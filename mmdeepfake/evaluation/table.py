"""The table of figures for a log, a terminal, or Markdown."""

from __future__ import annotations

import io

from rich import box
from rich.console import Console
from rich.table import Table

from .summary import CONFIDENCE, RowResult, Summary

HEADER = (
    'manipulation',
    'ACC %',
    f'AUC % [{CONFIDENCE:.0%} CI]',
    'EER %',
    'AP %',
    'real',
    'fake',
)


def build_table(summary: Summary) -> Table:
    """Build the table for a terminal, macro and all set apart."""
    table = Table(box=box.ROUNDED, title='Video-level results', title_justify='left')
    table.add_column(HEADER[0], overflow='fold')
    for column in HEADER[1:]:
        table.add_column(column, justify='right', no_wrap=True)
    for row in summary.methods:
        table.add_row(*_cells(row))
    table.add_section()
    for row in summary.rows[len(summary.methods) :]:
        table.add_row(*_cells(row), style='bold' if row is summary.overall else None)
    return table


def format_text(summary: Summary) -> str:
    """Format the table and its notes as plain text."""
    buffer = io.StringIO()
    table = build_table(summary)
    table.box = box.ASCII2
    Console(file=buffer, width=120, color_system=None).print(table)
    lines = buffer.getvalue().splitlines()
    return '\n'.join([line.rstrip() for line in lines] + summary.notes())


def format_markdown(summary: Summary) -> str:
    """Format the table as Markdown."""
    lines = [HEADER, ('---', *('---:',) * (len(HEADER) - 1))]
    for row in summary.rows:
        cells = _cells(row)
        bold = row is summary.overall
        lines.append(tuple(f'**{cell}**' for cell in cells) if bold else cells)
    return '\n'.join('| ' + ' | '.join(line) + ' |' for line in lines)


def _cells(row: RowResult) -> tuple[str, ...]:
    interval = ''
    if row.auc_low == row.auc_low:  # not nan
        interval = f' [{100 * row.auc_low:.1f}, {100 * row.auc_high:.1f}]'
    return (
        row.name,
        _percent(row.acc),
        _percent(row.auc) + interval,
        _percent(row.eer),
        _percent(row.ap),
        str(row.num_real),
        str(row.num_fake),
    )


def _percent(value: float) -> str:
    return '-' if value != value else f'{100 * value:.1f}'
