"""Write the paper's tables as Markdown and CSV."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from mmdeepfake.evaluation.summary import CONFIDENCE, RowResult
from mmdeepfake.files.atomic_write import replace_text
from mmdeepfake.files.csv_text import format_csv as join_csv
from mmdeepfake.files.printable_text import guard_cells

from ..markdown import format_table, plain, spread
from ..paper_protocol import PaperTable
from .cells import Cell, CellRun, Collection, collect

CSV_COLUMNS = (
    *('table', 'row', 'column', 'figure', 'paper', 'paper_reimplemented'),
    *('paper_quoted', 'config', 'ours', 'low', 'high', 'num_real', 'num_fake', 'seed'),
    *('run', 'predictions_sha256', 'footnotes'),
)
NOTES = (
    'Paper: {reference}. † its own re-implementation. ‡ copied from another paper: the '
    'figure, or others of its row, are not shares of its test videos. - not printed.',
    f'Ours: per video; in brackets the {CONFIDENCE:.0%} bootstrap interval over '
    'videos; n is the number of test videos; several seeds: mean ± sample standard '
    'deviation. The paper gives neither intervals nor seeds.',
    'A cell of ours is filled only by predictions whose SHA-256 is that in '
    'metrics.json and whose figures follow from them, of a run trained and tested on '
    'the data, manipulations, compression and full official test split of the paper, '
    'with no test video seen in training. Other differences are footnotes.',
    'docs/paper_tables.md has the commands that fill the empty cells.',
)


def write_paper_tables(args: argparse.Namespace) -> None:
    """Collect the runs, write both files and print where they are."""
    collection = collect(args.work_dirs)
    refused = {run.place: reason for run, reason in collection.refused}
    refused |= collection.found.broken
    filled = sum(map(bool, collection.cells.values()))
    print(
        f'{filled} cells filled, {len(collection.cells) - filled} empty, '
        f'{len(refused)} runs in no table'
    )
    for place, reason in refused.items():
        print(f'not in a table: {place}: {reason}')
    markdown, table = (Path(args.out, f'paper_tables.{end}') for end in ('md', 'csv'))
    replace_text(markdown, format_markdown(collection))
    replace_text(table, format_csv(collection))
    print(f'written: {markdown}\nwritten: {table}')


def format_markdown(collection: Collection) -> str:
    """Format all tables, the runs behind them and the runs in none, with the reason."""
    notes = [note.format(reference=collection.paper.reference) for note in NOTES]
    sections = ["# The paper's tables, its figures beside ours", _list(notes)]
    for table in collection.paper.tables:
        sections.append(f'## Table {table.number}: {plain(table.title)}')
        sections.append(_format_paper_table(table, collection))
        sections.append(_list([table.note] if table.note else []))
    header = ['cell', 'config', 'seed', 'figure', 'real + fake', 'run', 'code', 'notes']
    sections += ['## Runs in the tables', _table(header, _runs(collection))]
    numbered = enumerate(collection.footnotes, start=1)
    sections.append(_list([f'({number}) {note}' for number, note in numbered]))
    header = ['run', 'real + fake', 'ACC', 'AUC', 'reason']
    sections += ['## Runs in no table', _table(header, _refused(collection))]
    return '\n\n'.join(filter(None, sections)) + '\n'


def _table(header: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    lines = list(rows)
    return format_table(header, lines) if lines else 'None.'


def _list(texts: Sequence[str]) -> str:
    return '\n'.join(f'- {plain(text)}' for text in texts)


def _format_paper_table(table: PaperTable, collection: Collection) -> str:
    header, rows = ['method'], []
    for column in table.columns:
        name = f'{column.name} {table.figure.upper()}'
        header += [f'{name}, paper', f'{name}, ours']
    for row in table.rows:
        for method in row.configs:
            name = row.name + ('†' if row.reimplemented else '')
            texts = [f'{name} ({method})' if len(row.configs) > 1 else name]
            for column, printed in zip(table.columns, row.figures, strict=True):
                mark = '‡' if column.name in row.quoted else ''
                texts.append('-' if printed is None else f'{printed:.4f}{mark}')
                runs = collection.cells[Cell(table, row, column, method)]
                texts.append(_our_text(runs, table.figure, collection.footnotes))
            rows.append(texts)
    return format_table(header, rows)


def _our_text(runs: Sequence[CellRun], figure: str, footnotes: Sequence[str]) -> str:
    if not runs:
        return ''
    text = _figure(runs[0].row, figure)
    if len(runs) > 1:
        values = [getattr(one.row, figure) for one in runs]
        text = f'{spread(values, digits=4)}, {len(runs)} runs'
    counts = sorted({one.row.num_real + one.row.num_fake for one in runs})
    notes = dict.fromkeys(note for one in runs for note in one.footnotes)
    marks = ''.join(f' ({footnotes.index(note) + 1})' for note in notes)
    return f'{text}, n = {"/".join(map(str, counts))}{marks}'


def _figure(row: RowResult, name: str) -> str:
    value, ends = getattr(row, name), row.intervals.get(name)
    text = '-' if value != value else f'{value:.4f}'
    return text if ends is None else f'{text} [{ends[0]:.4f}, {ends[1]:.4f}]'


def _runs(collection: Collection) -> Iterator[Sequence[str]]:
    """Yield every run of every cell, so that a mean hides nothing."""
    notes = collection.footnotes
    for cell, runs in collection.cells.items():
        for one in runs:
            figure = cell.table.figure
            yield (
                str(cell),
                one.training.stem,
                str(one.training.facts.get('seed')),
                f'{figure.upper()} {_figure(one.row, figure)}',
                f'{one.row.num_real} + {one.row.num_fake}',
                str(one.run.place),
                str(one.training.facts.get('code', '')),
                ', '.join(str(notes.index(note) + 1) for note in one.footnotes),
            )


def _refused(collection: Collection) -> Iterator[Sequence[str]]:
    for run, reason in collection.refused:
        row = run.summary.overall
        counts = f'{row.num_real} + {row.num_fake}'
        figures = _figure(row, 'acc'), _figure(row, 'auc')
        yield str(run.place), counts, *figures, reason
    for place, problem in collection.found.broken.items():
        yield str(place), '', '', '', problem


def format_csv(collection: Collection) -> str:
    """Format a line for each cell of the paper and run in it, in full precision."""
    lines: list[Sequence[object]] = [CSV_COLUMNS]
    for table in collection.paper.tables:
        for row in table.rows:
            for column, printed in zip(table.columns, row.figures, strict=True):
                start = [table.number, row.name, column.name, table.figure]
                start += ['' if printed is None else printed, row.reimplemented]
                start.append(column.name in row.quoted)
                cells = [Cell(table, row, column, name) for name in row.configs]
                runs = [one for cell in cells for one in collection.cells[cell]]
                blank = [[''] * (len(CSV_COLUMNS) - len(start))]
                for fields in [_csv_fields(o, table.figure) for o in runs] or blank:
                    lines.append([*start, *guard_cells(fields)])
    return join_csv(lines)


def _csv_fields(one: CellRun, figure: str) -> list[object]:
    low, high = one.row.intervals.get(figure, ('', ''))
    return [
        *(one.training.stem, getattr(one.row, figure), low, high),
        *(one.row.num_real, one.row.num_fake, one.training.facts.get('seed')),
        *(str(one.run.place), one.run.sha256, '; '.join(one.footnotes)),
    ]
