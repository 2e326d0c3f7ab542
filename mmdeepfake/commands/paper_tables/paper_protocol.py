"""The tables of RATF's paper: their rows, their columns, what a cell was counted on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmdeepfake.errors import DataError

from .paper_results import DATASET, PAPER_RESULTS, read_paper_results

THRESHOLD = 0.5  # ours, as presumably the paper's: it says nothing of it
SHORT_METHODS = {
    'Deepfakes': 'DF',
    'Face2Face': 'F2F',
    'FaceSwap': 'FS',
    'NeuralTextures': 'NT',
}
QUALITIES = {'c23': 'HQ', 'c40': 'LQ'}
_ONE_SET_TABLE = '2'  # trained on the set that it is tested on
_CROSS_SET_TABLE = '3'  # trained on FaceForensics++ LQ, all manipulations
_CROSS_SET_PART = 'Deepfakes'  # what FF++ DF of that table is


@dataclass(frozen=True)
class VideoSource:
    """Which videos a model was trained or tested on.

    Attributes:
        dataset: as in the keys of the videos.
        compression: '' where the dataset has no levels of it.
        methods: manipulations; None is every one there is.
    """

    dataset: str
    compression: str = ''
    methods: tuple[str, ...] | None = None

    def describe(self) -> str:
        """Say it in a few words."""
        methods = '' if self.methods is None else f' ({", ".join(self.methods)})'
        return ' '.join(filter(None, (self.dataset, self.compression))) + methods


@dataclass(frozen=True)
class TestVideos:
    """The test videos of a column.

    Attributes:
        source: which they are.
        config: name of their set in `configs/_base_/datasets`.
        num_videos: how many the paper's figures were counted on.
        num_real: real ones in the official test split, None where it is not known.
        num_fake: fake ones there.
        real_names_sha256: of their names, see `paper_results.yml`; '' if not known.
        shows_known_persons: whether the official split shows persons of the training.
    """

    __test__ = False  # no class of tests

    source: VideoSource
    config: str
    num_videos: int
    num_real: int | None = None
    num_fake: int | None = None
    real_names_sha256: str = ''
    shows_known_persons: bool = False


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        group: what stands above several columns, as 'HQ'; '' if nothing does.
        name: as printed.
        trained: what its models are trained on.
        tested: what they are tested on.
        num_training_real: real videos in the official training split, if it is known.
    """

    group: str
    name: str
    trained: VideoSource
    tested: TestVideos
    num_training_real: int | None = None


@dataclass(frozen=True)
class PaperFigure:
    """A cell as printed: its value, None if it is empty, and whether it is quoted."""

    value: float | None
    quoted: bool = False


@dataclass(frozen=True)
class TableRow:
    """One row of a table.

    Attributes:
        name: as printed.
        reimplemented: whether it has the paper's dagger.
        methods: our configs for it, by their names without the data.
        figures: one a column.
    """

    name: str
    reimplemented: bool
    methods: tuple[str, ...]
    figures: tuple[PaperFigure, ...]


@dataclass(frozen=True)
class PaperTable:
    """One table.

    Attributes:
        number: '1' or '4a'.
        title: its caption.
        figure: 'acc' or 'auc'.
        note: what the paper leaves open about its cells.
        columns: see there.
        rows: see there.
    """

    number: str
    title: str
    figure: str
    note: str
    columns: tuple[Column, ...]
    rows: tuple[TableRow, ...]


def read_paper_tables(path: Path = PAPER_RESULTS) -> tuple[PaperTable, ...]:
    """Read all tables, in the paper's order.

    Raises:
        DataError: the file is not what it should be.
    """
    record = read_paper_results(path)
    try:
        return tuple(_read_table(number, record) for number in record['tables'])
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise DataError(
            f"cannot read the paper's figures {path}: {type(error).__name__}: {error}"
        ) from error


def _read_table(number: Any, record: Mapping[str, Any]) -> PaperTable:
    number, table = str(number), record['tables'][number]
    methods_of = {row['name']: row['configs'] for row in record['rows']}
    if 'columns' in table:
        columns = _set_columns(number, table['columns'], record)
        rows = record['set_rows']
    else:
        rows = [row for row in record['rows'] if str(row['table']) == number]
        levels = [c for c in QUALITIES if any(c in row for row in rows)]
        columns = _manipulation_columns(levels, record)
    return PaperTable(
        number,
        table['title'],
        table['figure'],
        record.get('notes', {}).get(number, '').strip(),
        columns,
        tuple(
            TableRow(
                row['name'],
                row['reimplemented'],
                tuple(
                    methods_of[row['same_as']] if 'same_as' in row else row['configs']
                ),
                _figures(row, columns, len(record['manipulations'])),
            )
            for row in rows
            if str(row['table']) == number
        ),
    )


def _manipulation_columns(
    levels: list[str], record: Mapping[str, Any]
) -> tuple[Column, ...]:
    """One model for each manipulation, tested on it."""
    columns, num_training = [], record['test_sets'][DATASET]['num_training_real']
    for compression in levels:
        for method in record['manipulations']:
            source = VideoSource(DATASET, compression, (method,))
            tested = _test_videos(DATASET, source, record)
            group = QUALITIES[compression]
            columns.append(
                Column(group, SHORT_METHODS[method], source, tested, num_training)
            )
    return tuple(columns)


def _set_columns(
    number: str, names: list[str], record: Mapping[str, Any]
) -> tuple[Column, ...]:
    columns = []
    for name in names:
        if name in record['test_sets']:
            source = VideoSource(record['test_sets'][name]['dataset'])
            tested = _test_videos(name, source, record)
        else:
            source = VideoSource(DATASET, 'c40', (_CROSS_SET_PART,))
            tested = _test_videos(DATASET, source, record)
        trained = {
            _ONE_SET_TABLE: source,
            _CROSS_SET_TABLE: VideoSource(
                DATASET, 'c40', tuple(record['manipulations'])
            ),
        }[number]
        num_training = record['test_sets'][DATASET]['num_training_real']
        known = num_training if trained.dataset == DATASET else None
        columns.append(Column('', name, trained, tested, known))
    return tuple(columns)


def _test_videos(
    name: str, source: VideoSource, record: Mapping[str, Any]
) -> TestVideos:
    one = dict(record['test_sets'][name])
    del one['dataset']
    one.pop('num_training_real', None)
    if 'num_videos' not in one:
        one['num_videos'] = one['num_real'] + one['num_fake']
    return TestVideos(source, **one)


def _figures(
    row: Mapping[str, Any], columns: tuple[Column, ...], num_methods: int
) -> tuple[PaperFigure, ...]:
    if 'figures' in row:
        values = row['figures']
        quoted = [column.name in row.get('quoted', ()) for column in columns]
    else:
        levels = [c for c, group in QUALITIES.items() if group in _groups(columns)]
        values = [v for c in levels for v in row.get(c) or [None] * num_methods]
        quoted = [bool(row.get('quoted'))] * len(columns)
    return tuple(
        PaperFigure(value, is_quoted and value is not None)
        for value, is_quoted, _ in zip(values, quoted, columns, strict=True)
    )


def _groups(columns: tuple[Column, ...]) -> set[str]:
    return {column.group for column in columns}
