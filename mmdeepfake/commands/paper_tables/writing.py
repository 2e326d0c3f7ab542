"""Write the paper's tables as Markdown, CSV and one HTML page."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from mmdeepfake.evaluation.calibration import reliability_curve
from mmdeepfake.evaluation.summary import CONFIDENCE, RowResult
from mmdeepfake.files.atomic_write import replace_text
from mmdeepfake.files.csv_text import format_csv as join_csv
from mmdeepfake.files.printable_text import guard_cells
from mmdeepfake.visualization.html_page import PageTable
from mmdeepfake.visualization.reliability_plot import Reliability
from mmdeepfake.visualization.score_page import PageRun, format_page

from ..finished_runs import ScoredRun
from ..markdown import format_table, plain, spread
from ..paper_protocol import PaperTable, TableRow
from ..report import roc_lines, score_rows
from .cells import Cell, CellRun, Collection, collect

CSV_COLUMNS = (
    *('table', 'row', 'column', 'figure', 'paper', 'paper_reimplemented'),
    *('paper_quoted', 'config', 'ours', 'low', 'high', 'num_real', 'num_fake', 'seed'),
    *('run', 'predictions_sha256', 'footnotes'),
)
TITLE = "The paper's tables, its figures beside ours"


def write_paper_tables(args: argparse.Namespace) -> None:
    """Collect the runs, write the three files and print where they are."""
    collection, folder = collect(args.work_dirs), Path(args.out)
    files = {
        'paper_tables.md': format_markdown(collection),
        'paper_tables.csv': format_csv(collection),
        'paper_tables.html': format_html(collection),
    }
    for name, text in files.items():
        replace_text(folder / name, text)
    refused = {run.place: reason for run, reason in collection.others}
    refused |= collection.found.broken
    filled = sum(map(bool, collection.cells.values()))
    print(
        f'{filled} cells filled, {len(collection.cells) - filled} empty, '
        f'{len(refused)} runs in no table'
    )
    for place, reason in refused.items():
        print(f'not in a table: {place}: {reason}')
    for name in files:
        print(f'written: {folder / name}')


def page_tables(collection: Collection) -> list[PageTable]:
    """Return all tables of the page, as plain text."""
    tables = []
    for table in collection.paper.tables:
        header = ['method']
        for column in table.columns:
            name = f'{column.name} {table.figure.upper()}'
            header += [f'{name}, paper', f'{name}, ours']
        rows = [
            _row(row, method, table, collection)
            for row in table.rows
            for method in row.methods
        ]
        notes = [table.note] if table.note else []
        tables.append(
            PageTable(f'Table {table.number}: {table.title}', header, rows, notes)
        )
    return [*tables, _table_of_runs(collection), _table_of_others(collection)]


def _row(
    row: TableRow, method: str, table: PaperTable, collection: Collection
) -> list[str]:
    name = row.name + ('†' if row.reimplemented else '')
    texts = [f'{name} ({method})' if len(row.methods) > 1 else name]
    for column, printed in zip(table.columns, row.figures, strict=True):
        mark = '‡' if column.name in row.quoted else ''
        runs = collection.cells[Cell(table, row, column, method)]
        texts.append('-' if printed is None else f'{printed:.4f}{mark}')
        texts.append(_our_text(runs, table.figure, collection))
    return texts


def _our_text(runs: Sequence[CellRun], figure: str, collection: Collection) -> str:
    if not runs:
        return ''
    counts = sorted({one.row.num_real + one.row.num_fake for one in runs})
    notes = dict.fromkeys(note for one in runs for note in one.footnotes)
    text = spread([getattr(one.row, figure) for one in runs], digits=4)
    if len(runs) > 1:
        text += f', {len(runs)} runs'
    else:
        text = _figure(runs[0].row, figure)
    marks = ''.join(f' ({collection.footnotes.index(note) + 1})' for note in notes)
    return f'{text}, n = {"/".join(map(str, counts))}{marks}'


def _figure(row: RowResult, name: str) -> str:
    value, ends = getattr(row, name), row.intervals.get(name)
    text = '-' if value != value else f'{value:.4f}'
    return text if ends is None else f'{text} [{ends[0]:.4f}, {ends[1]:.4f}]'


def _table_of_runs(collection: Collection) -> PageTable:
    """List every run of every cell, so that a mean hides nothing."""
    header = ['cell', 'config', 'seed', 'figure', 'real + fake', 'run', 'code', 'notes']
    notes = collection.footnotes
    rows = [
        [
            str(cell),
            one.training.stem,
            str(one.training.seed),
            f'{cell.table.figure.upper()} {_figure(one.row, cell.table.figure)}',
            f'{one.row.num_real} + {one.row.num_fake}',
            str(one.run.place),
            str(one.training.facts.get('code', '')),
            ', '.join(str(notes.index(note) + 1) for note in one.footnotes),
        ]
        for cell, runs in collection.cells.items()
        for one in runs
    ]
    numbered = [f'({i}) {note}' for i, note in enumerate(notes, start=1)]
    return PageTable('Runs in the tables', header, rows, numbered)


def _table_of_others(collection: Collection) -> PageTable:
    """List the runs in no table: their figures, and why."""
    header = ['run', 'real + fake', 'ACC', 'AUC', 'reason']
    rows = []
    for run, reason in collection.others:
        row = run.summary.overall
        figures = [_figure(row, 'acc'), _figure(row, 'auc')]
        counts = f'{row.num_real} + {row.num_fake}'
        rows.append([str(run.place), counts, *figures, reason])
    for place, problem in collection.found.broken.items():
        rows.append([str(place), '', '', '', problem])
    return PageTable('Runs in no table', header, rows)


def page_notes(collection: Collection) -> list[str]:
    """Return the notes needed to read the tables."""
    return [
        f'Paper: {collection.paper.reference}. † its own re-implementation. ‡ copied '
        'from another paper: the figure, or others of its row, are not shares of its '
        'test videos. - not printed.',
        f'Ours: per video; in brackets the {CONFIDENCE:.0%} bootstrap interval over '
        'videos; n is the number of test videos; several seeds: mean ± sample standard '
        'deviation. The paper gives neither intervals nor seeds.',
        'A cell of ours is filled only by predictions whose SHA-256 is that in '
        'metrics.json and whose figures follow from them, of a run trained and tested '
        'on the data, manipulations, compression and full official test split of the '
        'paper, with no test video seen in training. Other differences are footnotes.',
        'docs/paper_tables.md has the commands that fill the empty cells.',
    ]


def format_markdown(collection: Collection) -> str:
    """Return everything but the images."""
    sections = [f'# {TITLE}', _list(page_notes(collection))]
    for table in page_tables(collection):
        sections.append(f'## {plain(table.title)}')
        if table.rows:
            sections.append(format_table(table.header, table.rows))
        sections.append(_list(table.notes) if table.rows else 'None.')
    return '\n\n'.join(filter(None, sections)) + '\n'


def _list(texts: Sequence[str]) -> str:
    return '\n'.join(f'- {plain(text)}' for text in texts)


def format_csv(collection: Collection) -> str:
    """Return a line for each cell of the paper and run in it, in full precision."""
    rows: list[Sequence[object]] = [CSV_COLUMNS]
    by_cell: dict[str, list[Cell]] = {}
    for cell in collection.cells:
        by_cell.setdefault(str(cell), []).append(cell)
    for cells in by_cell.values():
        cell, figure = cells[0], cells[0].table.figure
        printed = '' if cell.printed is None else cell.printed
        is_quoted = cell.column.name in cell.row.quoted
        start = [cell.table.number, cell.row.name, cell.column.name, figure, printed]
        start += [cell.row.reimplemented, is_quoted]
        runs = [one for each in cells for one in collection.cells[each]]
        for ours in [_csv_fields(one, figure) for one in runs] or [[]]:
            gap = [''] * (len(CSV_COLUMNS) - len(start) - len(ours))
            rows.append([*start, *guard_cells(ours), *gap])
    return join_csv(rows)


def _csv_fields(one: CellRun, figure: str) -> list[object]:
    low, high = one.row.intervals.get(figure, ('', ''))
    return [
        *(one.training.stem, getattr(one.row, figure), low, high),
        *(one.row.num_real, one.row.num_fake, one.training.seed, str(one.run.place)),
        *(one.run.sha256, '; '.join(one.footnotes)),
    ]


def format_html(collection: Collection) -> str:
    """Return one page of everything, with plots of every valid run."""
    return format_page(
        TITLE,
        notes=page_notes(collection),
        tables=page_tables(collection),
        commands=(),
        runs=[page_run(run) for run in collection.found.scored],
    )


def page_run(run: ScoredRun) -> PageRun:
    """Return what the page shows of one set of predictions."""
    labels = [prediction.key.label for prediction in run.predictions]
    scores = [prediction.fake_score for prediction in run.predictions]
    overall = run.summary.overall
    facts = [
        ('checkpoint', run.checkpoint or 'not recorded'),
        ('tested on', str(run.source or 'several datasets')),
        ('predictions, SHA-256', run.sha256),
    ]
    if run.training is not None:
        facts += [
            ('config', run.training.stem),
            ('trained on', str(run.training.source or 'unknown')),
            ('seed', str(run.training.seed)),
            ('code', str(run.training.facts.get('code', ''))),
        ]
    return PageRun(
        str(run.place),
        [*facts, *(('note', note) for note in run.summary.notes())],
        score_rows(run.predictions),
        roc_lines(run.predictions, run.summary),
        Reliability(*reliability_curve(labels, scores), overall.brier, overall.ece),
        run.summary.threshold,
    )
