"""The tables of RATF's paper: its figures, and the test videos behind each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from mmdeepfake.files.package_folders import CONFIGS

from .finished_runs import VideoSource

PAPER_RESULTS = CONFIGS / 'baselines/paper_results.yml'
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


@dataclass(frozen=True, eq=False)
class Column:
    """One column: the training and test data of its models."""

    name: str
    trained: VideoSource
    tested: VideoSource
    videos: TestSet


@dataclass(frozen=True, eq=False)
class TableRow:
    """One row: its figures, and our configs for it, named without their data.

    Attributes:
        figures: one per column; None where the paper prints none.
        quoted: names of the columns whose figure comes from another paper.
        reimplemented: whether it has the paper's dagger.
    """

    table: str
    name: str
    configs: Sequence[str]
    figures: Sequence[float | None]
    quoted: Sequence[str] = ()
    reimplemented: bool = False


@dataclass(frozen=True, eq=False)
class PaperTable:
    """One table of accuracies ('acc') or AUCs ('auc')."""

    number: str
    title: str
    figure: str
    columns: Sequence[Column]
    rows: Sequence[TableRow]
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
    sources = {name: VideoSource(**s) for name, s in record['sources'].items()}
    columns = []
    for name in fields['columns']:
        tested = sources[name]
        videos = TestSet(**record['test_sets'][tested.dataset])
        columns.append(
            Column(name, sources[fields.get('trained', name)], tested, videos)
        )
    rows = [TableRow(**r) for r in record['rows'] if r['table'] == fields['number']]
    names = ('number', 'title', 'figure')
    note = fields.get('note', '')
    return PaperTable(*(fields[n] for n in names), columns, rows, note)


def method_of(stem: str) -> str | None:
    """Return a config's name without its data: 'tam' of 'tam_ffpp_lq_df'."""
    found = _STEM.fullmatch(stem)
    return found[1] if found else None
