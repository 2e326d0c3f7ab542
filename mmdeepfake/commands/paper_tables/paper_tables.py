"""What `tools/paper_tables.py` does: the paper's tables, its figures beside ours."""

from __future__ import annotations

import argparse
import csv
import io
import statistics
from collections.abc import Sequence
from pathlib import Path

from mmdeepfake.evaluation.calibration import reliability_curve
from mmdeepfake.evaluation.summary import CONFIDENCE, RowResult
from mmdeepfake.files.atomic_write import replace_text
from mmdeepfake.visualization.reliability_plot import Reliability
from mmdeepfake.visualization.score_page import (
    PageCommands,
    PageRun,
    PageTable,
    format_page,
)

from ..report import roc_lines, score_rows
from .finished_runs import ScoredRun
from .paper_cells import CellRun
from .paper_collection import (
    Collection,
    cell_name,
    collect,
    filled_cells,
    missing_cells,
    refusals,
)
from .paper_protocol import PaperTable, TableRow
from .paper_results import read_paper_results

MARKDOWN, CSV, HTML = 'paper_tables.md', 'paper_tables.csv', 'paper_tables.html'
CSV_COLUMNS = (
    'table', 'row', 'group', 'column', 'figure', 'paper', 'paper_reimplemented',
    'paper_quoted', 'config', 'ours', 'low', 'high', 'num_real', 'num_fake', 'seed',
    'run', 'predictions_sha256', 'footnotes',
)  # fmt: skip
TITLE = "The paper's tables, its figures beside ours"
_FIGURE_NAMES = {'acc': 'accuracy', 'auc': 'AUC'}


def write_paper_tables(args: argparse.Namespace) -> None:
    """Collect the runs, write the three files, say where they are."""
    collection = collect(args.work_dirs)
    folder = Path(args.out)
    files = {
        MARKDOWN: format_markdown(collection),
        CSV: format_csv(collection),
        HTML: format_html(collection),
    }
    for name, text in files.items():
        replace_text(folder / name, text)
    num_filled = len(collection.assignment.cells)
    num_others = len(collection.assignment.others) + len(collection.found.broken)
    print(
        f'{num_filled} cells filled, {len(missing_cells(collection))} groups of '
        f'commands fill the others, {num_others} sets of figures are in no table'
    )
    for run, reason in refusals(collection):
        print(f'not in a table: {run}: {reason}')
    for name in files:
        print(f'written: {folder / name}')


def page_tables(collection: Collection) -> list[PageTable]:
    """All tables of the page, as plain text."""
    blocks = []
    for table in collection.tables:
        for group in dict.fromkeys(column.group for column in table.columns):
            blocks.append(_block(table, group, collection))
    blocks.append(_table_of_runs(collection))
    if collection.assignment.others or collection.found.broken:
        blocks.append(_table_of_others(collection))
    return blocks


def _block(table: PaperTable, group: str, collection: Collection) -> PageTable:
    """A table, or its half for one quality, with ours beside the paper's."""
    chosen = [i for i, column in enumerate(table.columns) if column.group == group]
    pairs = [
        f'{table.columns[i].name}, {who}' for i in chosen for who in ('paper', 'ours')
    ]
    rows = []
    for row_index, row in enumerate(table.rows):
        for method in _shown_methods(table, row_index, collection):
            texts = [row.name + ('†' if row.reimplemented else '')]
            if len(row.methods) > 1 and _is_filled(
                table, row_index, method, collection
            ):
                texts[0] += f' ({method})'
            for i in chosen:
                runs = collection.assignment.cells.get(
                    (table.number, row_index, method, i)
                )
                texts.append(_paper_text(row, i))
                texts.append(_our_text(runs or (), table.figure, collection))
            rows.append(texts)
    kind = _FIGURE_NAMES[table.figure]
    title = (
        f'Table {table.number}{f", {group}" if group else ""}: {table.title}, {kind}'
    )
    return PageTable(
        title, ['method', *pairs], rows, [table.note] if table.note else []
    )


def _shown_methods(
    table: PaperTable, row_index: int, collection: Collection
) -> list[str]:
    """Our configs for a row that have a run; without any, the first."""
    methods = table.rows[row_index].methods
    filled = [m for m in methods if _is_filled(table, row_index, m, collection)]
    return filled or list(methods[:1]) or ['']


def _is_filled(
    table: PaperTable, row_index: int, method: str, collection: Collection
) -> bool:
    place = (table.number, row_index, method)
    return any(key[:3] == place for key in collection.assignment.cells)


def _paper_text(row: TableRow, index: int) -> str:
    figure = row.figures[index]
    if figure.value is None:
        return '-'
    return f'{figure.value:.4f}' + ('‡' if figure.quoted else '')


def _our_text(runs: Sequence[CellRun], figure: str, collection: Collection) -> str:
    if not runs:
        return ''
    values = [getattr(one.row, figure) for one in runs]
    counts = sorted({one.row.num_real + one.row.num_fake for one in runs})
    videos = f'n = {"/".join(map(str, counts))}'
    notes = dict.fromkeys(note for one in runs for note in one.footnotes)
    marks = ''.join(f' ({collection.footnotes.index(note) + 1})' for note in notes)
    if len(runs) > 1:
        spread = f'{statistics.fmean(values):.4f} ± {statistics.stdev(values):.4f}'
        return f'{spread}, {len(runs)} runs, {videos}{marks}'
    return f'{values[0]:.4f}{_interval(runs[0].row, figure)}, {videos}{marks}'


def _interval(row: RowResult, figure: str) -> str:
    ends = row.intervals.get(figure)
    return '' if ends is None else f' [{ends[0]:.4f}, {ends[1]:.4f}]'


def _table_of_runs(collection: Collection) -> PageTable:
    """Every run of every cell, so that a mean hides nothing."""
    header = ['cell', 'config', 'seed', 'figure', 'real + fake', 'run', 'code', 'notes']
    rows = []
    for place, runs in filled_cells(collection):
        table, row, column = place
        for one in runs:
            training = one.run.training
            assert training is not None  # or it would be in no cell
            value = getattr(one.row, table.figure)
            marks = [str(collection.footnotes.index(n) + 1) for n in one.footnotes]
            rows.append(
                [
                    cell_name(table, row, column),
                    training.stem,
                    str(training.seed),
                    f'{value:.4f}{_interval(one.row, table.figure)}',
                    f'{one.row.num_real} + {one.row.num_fake}',
                    str(one.run.folder),
                    str(training.facts.get('code', '')),
                    ', '.join(marks),
                ]
            )
    notes = [f'({i}) {note}' for i, note in enumerate(collection.footnotes, start=1)]
    return PageTable('Runs in the tables', header, rows, notes)


def _table_of_others(collection: Collection) -> PageTable:
    """Runs in no table: their figures, and why."""
    header = ['run', 'videos', 'accuracy', 'AUC', 'why it is in no table']
    rows = []
    for other in collection.assignment.others:
        row = other.run.summary.overall
        figures = [
            '-' if value != value else f'{value:.4f}{_interval(row, name)}'
            for name, value in (('acc', row.acc), ('auc', row.auc))
        ]
        counts = f'{row.num_real} + {row.num_fake}'
        rows.append([str(other.run.folder), counts, *figures, other.reason])
    for broken in collection.found.broken:
        rows.append([str(broken.folder), '', '', '', broken.problem])
    return PageTable('Runs in no table', header, rows)


def notes_of(collection: Collection) -> list[str]:
    """Sentences without which the tables cannot be read."""
    paper = read_paper_results()
    return [
        f'Paper: {paper["title"]} ({paper["venue"]}), {paper["url"]}. † its '
        'own re-implementation, as it says. ‡ taken from another paper: the figure, or '
        'others of its row, are no shares of its test videos. - it prints none.',
        f'Ours: level video; in brackets the {CONFIDENCE:.0%} interval by bootstrap '
        'over videos; n is the number of test videos; several seeds: mean ± sample '
        'standard deviation, which says nothing of the choice of videos. The paper '
        'gives neither intervals nor seeds.',
        'A cell of ours is empty unless a prediction file is there whose SHA-256 is '
        'that of its figures, and from which they follow.',
        'A run stands in a table if it was trained and tested on what the paper says: '
        'the data, manipulations and compression, all of the official test split, '
        'nothing of it seen in training. What else differs is in its footnotes.',
    ]


def format_markdown(collection: Collection) -> str:
    """Everything but the pictures."""
    lines = [f'# {TITLE}', '']
    lines += [f'- {_plain(note)}' for note in notes_of(collection)]
    for block in page_tables(collection):
        lines += ['', f'## {_plain(block.title)}', '']
        if not block.rows:
            lines.append('None.')
            continue
        lines.append(_line(block.header))
        lines.append(_line(['---'] * len(block.header)))
        lines += [_line(row) for row in block.rows]
        lines += ['', *(f'- {_plain(note)}' for note in block.notes)]
    lines += ['', '## Empty cells, and what fills them']
    for one in page_commands(collection):
        lines += ['', _plain(one.cells), '']
        lines += [f'    {command}' for command in one.commands]
    return '\n'.join(lines).rstrip() + '\n'


def _line(texts: Sequence[str]) -> str:
    return '| ' + ' | '.join(map(_plain, texts)) + ' |'


def _plain(text: str) -> str:
    """Keep a text from being read as Markdown or HTML, and on one line."""
    for mark in '\\`*_[]<>|':
        text = text.replace(mark, f'\\{mark}')
    return ' '.join(text.split())


def page_commands(collection: Collection) -> list[PageCommands]:
    """What fills the empty cells, those first that a command fills."""
    missing = missing_cells(collection)
    without = missing.pop((), [])
    found = [
        PageCommands('; '.join(cells), commands) for commands, cells in missing.items()
    ]
    if without:
        told = f'No config of ours has these rows: {"; ".join(without)}'
        found.append(PageCommands(told, ()))
    return found


def format_csv(collection: Collection) -> str:
    """One line for each cell of the paper and each run in it, in full precision."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, CSV_COLUMNS, lineterminator='\n')
    writer.writeheader()
    for table in collection.tables:
        for row_index, row in enumerate(table.rows):
            for index, column in enumerate(table.columns):
                figure = row.figures[index]
                line = {
                    'table': table.number,
                    'row': row.name,
                    'group': column.group,
                    'column': column.name,
                    'figure': table.figure,
                    'paper': '' if figure.value is None else figure.value,
                    'paper_reimplemented': row.reimplemented,
                    'paper_quoted': figure.quoted,
                }
                runs = [
                    one
                    for method in row.methods
                    for one in collection.assignment.cells.get(
                        (table.number, row_index, method, index), ()
                    )
                ]
                for ours in [_csv_fields(one, table.figure) for one in runs] or [{}]:
                    writer.writerow(line | ours)
    return buffer.getvalue()


def _csv_fields(one: CellRun, figure: str) -> dict[str, object]:
    assert one.run.training is not None  # or it would be in no cell
    low, high = one.row.intervals.get(figure, ('', ''))
    return {
        'config': one.run.training.stem,
        'ours': getattr(one.row, figure),
        'low': low,
        'high': high,
        'num_real': one.row.num_real,
        'num_fake': one.row.num_fake,
        'seed': one.run.training.seed,
        'run': str(one.run.folder),
        'predictions_sha256': one.run.sha256,
        'footnotes': '; '.join(one.footnotes),
    }


def format_html(collection: Collection) -> str:
    """Everything, with the pictures of every sound run, in one page."""
    return format_page(
        TITLE,
        notes=notes_of(collection),
        tables=page_tables(collection),
        commands=page_commands(collection),
        runs=[page_run(run) for run in collection.found.scored],
    )


def page_run(run: ScoredRun) -> PageRun:
    """What the page shows of one set of predictions."""
    labels = [prediction.key.label for prediction in run.predictions]
    scores = [prediction.fake_score for prediction in run.predictions]
    overall = run.summary.overall
    facts = [
        ('checkpoint', run.checkpoint or 'not told'),
        ('tested on', run.source.describe() if run.source else 'several datasets'),
        ('predictions, SHA-256', run.sha256),
    ]
    if run.training is not None:
        source = run.training.source
        facts += [
            ('config', run.training.stem),
            ('trained on', source.describe() if source else 'not known'),
            ('seed', str(run.training.seed)),
            ('code', str(run.training.facts.get('code', ''))),
        ]
    facts += [('note', note) for note in run.summary.notes()]
    return PageRun(
        str(run.folder),
        facts,
        score_rows(run.predictions),
        roc_lines(run.predictions, run.summary),
        Reliability(*reliability_curve(labels, scores), overall.brier, overall.ece),
        run.summary.threshold,
    )
