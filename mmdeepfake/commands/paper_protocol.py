"""The tables of RATF's paper: its figures, and the test videos behind each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from .finished_runs import VideoSource

# Through the package, so that an installed copy finds it too.
CONFIGS = Path(__file__).resolve().parents[1] / '.mim/configs'
PAPER_RESULTS = CONFIGS / 'baselines/paper_results.yml'
THRESHOLD = 0.5  # ours; the paper does not give one
_STEM = re.compile(r'(.+?)_(?:ffpp_[lh]q|celeb_df|dfdc_preview|wild_deepfake)(?:_\w+)?')


@dataclass(frozen=True)
class TestSet:
    """The test videos of a column; see `paper_results.yml`."""

    __test__ = False  # not a pytest class

    config: str
    num_videos: int
    num_real: int | None = None
    num_fake: int | None = None
    num_training_real: int | None = None
    real_names_sha256: str = ''
    shows_known_persons: bool = False


@dataclass(frozen=True)
class Column:
    """One column: the training and test data of its models."""

    name: str
    trained: VideoSource
    tested: VideoSource
    videos: TestSet


@dataclass(frozen=True)
class TableRow:
    """One row.

    Attributes:
        name: as printed.
        methods: our configs for it, by their names without the data.
        figures: one per column; None where the paper prints none.
        quoted: names of the columns whose figure comes from another paper.
        reimplemented: whether it has the paper's dagger.
    """

    name: str
    methods: tuple[str, ...]
    figures: tuple[float | None, ...]
    quoted: tuple[str, ...] = ()
    reimplemented: bool = False


@dataclass(frozen=True)
class PaperTable:
    """One table.

    Attributes:
        number: '1' or '4a'.
        title: its caption.
        figure: 'acc' or 'auc'.
        columns: see `Column`.
        rows: see `TableRow`.
        note: what the paper leaves open about its cells.
    """

    number: str
    title: str
    figure: str
    columns: tuple[Column, ...]
    rows: tuple[TableRow, ...]
    note: str = ''


class Paper(NamedTuple):
    """The paper's reference and its tables in order."""

    reference: str
    tables: tuple[PaperTable, ...]


@cache
def read_paper(path: Path = PAPER_RESULTS) -> Paper:
    """Read all tables."""
    record = yaml.safe_load(path.read_text(encoding='utf-8'))
    reference = f'{record["title"]} ({record["venue"]}), {record["url"]}'
    return Paper(reference, tuple(_read_table(t, record) for t in record['tables']))


def _read_table(fields: Mapping[str, Any], record: Mapping[str, Any]) -> PaperTable:
    sources = {
        name: VideoSource(
            **{k: tuple(v) if k == 'methods' else v for k, v in s.items()}
        )
        for name, s in record['sources'].items()
    }
    table = {'note': '', 'trained': None, **fields}
    columns = tuple(
        Column(
            name,
            sources[table['trained'] or name],
            sources[name],
            TestSet(**record['test_sets'][sources[name].dataset]),
        )
        for name in table['columns']
    )
    rows = tuple(
        TableRow(
            row['name'],
            tuple(row['configs']),
            tuple(row['figures']),
            tuple(row.get('quoted', ())),
            row.get('reimplemented', False),
        )
        for row in record['rows']
        if row['table'] == table['number']
    )
    return PaperTable(
        table['number'], table['title'], table['figure'], columns, rows, table['note']
    )


def method_of(stem: str) -> str | None:
    """Return a config's name without its data: 'tam' of 'tam_ffpp_lq_df'."""
    found = _STEM.fullmatch(stem)
    return found[1] if found else None
