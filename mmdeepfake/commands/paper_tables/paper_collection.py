"""Brings the paper's tables and finished runs together: what is filled, what not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .finished_runs import FoundRuns, find_runs
from .paper_cells import Assignment, CellRun, assign_runs
from .paper_commands import find_commands
from .paper_protocol import Column, PaperTable, TableRow, read_paper_tables


@dataclass(frozen=True)
class Collection:
    """All that the tables are made from.

    Attributes:
        tables: the paper's.
        found: the runs.
        assignment: which run went where.
    """

    tables: tuple[PaperTable, ...]
    found: FoundRuns
    assignment: Assignment

    @property
    def footnotes(self) -> tuple[str, ...]:
        """Every footnote once, numbered from 1 by its place."""
        cells = self.assignment.cells.values()
        notes = (note for runs in cells for one in runs for note in one.footnotes)
        return tuple(dict.fromkeys(notes))


def collect(work_dirs: Sequence[str | Path]) -> Collection:
    """Read the paper's figures and the runs, and bring them together."""
    tables = read_paper_tables()
    found = find_runs(work_dirs)
    return Collection(tables, found, assign_runs(tables, found))


def refusals(collection: Collection) -> list[tuple[str, str]]:
    """Folder and reason of every run that is in no table."""
    others = [(str(o.run.folder), o.reason) for o in collection.assignment.others]
    return others + [(str(b.folder), b.problem) for b in collection.found.broken]


def filled_cells(
    collection: Collection,
) -> Iterator[tuple[tuple[PaperTable, TableRow, Column], tuple[CellRun, ...]]]:
    """Every filled cell, in the order of the tables."""
    for table in collection.tables:
        for row_index, row in enumerate(table.rows):
            for method in row.methods:
                for index, column in enumerate(table.columns):
                    key = (table.number, row_index, method, index)
                    runs = collection.assignment.cells.get(key)
                    if runs:
                        yield (table, row, column), runs


def cell_name(table: PaperTable, row: TableRow, column: Column) -> str:
    """Name a cell: 'Table 1, TAM, LQ DF'."""
    where = ' '.join(filter(None, (column.group, column.name)))
    return f'Table {table.number}, {row.name}, {where}'


def missing_cells(collection: Collection) -> dict[tuple[str, ...], list[str]]:
    """Give the commands that fill empty cells, and which cells they fill.

    Rows without a config of ours, which no command can fill, are under ().
    """
    missing: dict[tuple[str, ...], list[str]] = {}
    for table in collection.tables:
        for row_index, row in enumerate(table.rows):
            if not row.methods:
                name = f'Table {table.number}, {row.name}'
                missing.setdefault((), []).append(name)
                continue
            for index, column in enumerate(table.columns):
                keys = ((table.number, row_index, m, index) for m in row.methods)
                if not any(key in collection.assignment.cells for key in keys):
                    commands = find_commands(
                        table, row.methods[0], column, collection.found.trainings
                    )
                    name = cell_name(table, row, column)
                    missing.setdefault(commands, []).append(name)
    return missing
