"""Which finished run belongs into which cell of the paper's tables, if into any.

A run is put beside a figure of the paper only if it was trained and tested on what the
paper's was, as far as the paper tells: same data, manipulations and compression, the
official test split in full, no video seen in training, no model chosen on the test. A
run that differs in these is refused, and the reason is told. What differs in other ways
(weights it began from, schedule, threshold) goes into a footnote of its cell.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmdeepfake.engine.config_checks import check_model_selection
from mmdeepfake.errors import ConfigError
from mmdeepfake.evaluation.leakage import VIDEOS
from mmdeepfake.evaluation.predictions import VideoPrediction
from mmdeepfake.evaluation.summary import RowResult
from mmdeepfake.structures import REAL_METHOD

from ..finished_runs import FoundRuns, ScoredRun, Training, find_runs
from ..paper_protocol import (
    CONFIGS,
    THRESHOLD,
    Column,
    Paper,
    PaperTable,
    TableRow,
    method_of,
    read_paper,
)

# What must be as in our config of that name; the rest are paths, logs and machines.
_TRAINED = (
    'model',
    'train_dataloader',
    'optim_wrapper',
    'param_scheduler',
    'train_cfg',
)
_TESTED = ('model', 'test_dataloader')
# Told in other ways, or of no consequence.
_FREE = {
    *('pretrained', 'data_root', 'manifest', 'methods', 'compression', 'dataset_name'),
    *('test_shows_known_persons', 'check_files', 'num_workers', 'persistent_workers'),
    *('pin_memory', 'prefetch_factor'),
}
_NUM_DIFFERENCES = 4
_FACES = 'DeepfakeDataset'


@dataclass(frozen=True)
class Cell:
    """A cell of the paper, filled by one of our configs for its row."""

    table: PaperTable
    row: TableRow
    column: Column
    method: str

    def __str__(self) -> str:
        return f'Table {self.table.number}, {self.row.name}, {self.column.name}'

    @property
    def printed(self) -> float | None:
        """The paper's figure."""
        return self.row.figures[self.table.columns.index(self.column)]


@dataclass(frozen=True)
class CellRun:
    """A run in a cell: its figures there, and in what it differs from the paper's."""

    run: ScoredRun
    training: Training
    row: RowResult
    footnotes: tuple[str, ...]


@dataclass(frozen=True)
class Collection:
    """All that the tables are made from.

    Attributes:
        paper: the paper's tables.
        cells: every cell in the paper's order -> its runs, by seed.
        others: sound figures that belong into no table, each with the reason.
        found: all runs.
    """

    paper: Paper
    cells: Mapping[Cell, Sequence[CellRun]]
    others: Sequence[tuple[ScoredRun, str]]
    found: FoundRuns

    @property
    def footnotes(self) -> list[str]:
        """Every footnote once, numbered from 1 by its place."""
        notes = (
            n for runs in self.cells.values() for one in runs for n in one.footnotes
        )
        return list(dict.fromkeys(notes))


def collect(work_dirs: Sequence[str | Path]) -> Collection:
    """Read the paper's figures and the runs, and bring them together."""
    paper, found = read_paper(), find_runs(work_dirs)
    cells: dict[Cell, list[CellRun]] = {
        Cell(table, row, column, method): []
        for table in paper.tables
        for row in table.rows
        for method in row.methods
        for column in table.columns
    }
    others, seen = [], {}
    for run in found.scored:
        first = seen.setdefault(run.sha256, run.place)
        if first != run.place:
            reason = f'the same predictions as in {first}'
        else:
            reason = find_refusal(run) or _place(run, cells)
        if reason:
            others.append((run, reason))
    for runs in cells.values():
        runs.sort(key=lambda one: (one.training.seed or 0, str(one.run.place)))
    return Collection(paper, cells, others, found)


def _place(run: ScoredRun, cells: Mapping[Cell, list[CellRun]]) -> str:
    """Add the run to its cells; if it has none, say what came nearest."""
    training = run.training
    assert training is not None  # find_refusal saw to it
    method = method_of(training.stem)
    nearest, is_placed = (-1, f'no table of the paper has a row for {method}'), False
    for cell in cells:
        if cell.method != method:
            continue
        mismatch = find_mismatch(run, training, cell.column)
        if mismatch is not None:
            nearest = max(nearest, mismatch, key=lambda one: one[0])
            continue
        methods = cell.column.tested.methods or ('all',)
        row = next(row for row in run.summary.rows if row.name == methods[0])
        notes = tuple(_footnotes(run, training, cell))
        cells[cell].append(CellRun(run, training, row, notes))
        is_placed = True
    return '' if is_placed else nearest[1]


def find_refusal(run: ScoredRun) -> str:
    """Say why a run can stand beside no figure of the paper at all; '' if it can."""
    training = run.training
    if training is None:
        return (
            'what it was trained on is not known: no training in the folder of its '
            f'checkpoint, {run.checkpoint or "which is not told either"}'
        )
    if training.source is None:
        return 'what it was trained on is not known, or is not one dataset'
    if run.source is None:
        return 'it was tested on several datasets or compressions at once'
    try:
        check_model_selection(training.config)
    except ConfigError as error:
        return str(error)
    if not references_of(training.stem) or method_of(training.stem) is None:
        return (
            f'trained on {training.source}, tested on {run.source}: {training.stem} is '
            'no config of the tables'
        )
    reference = reference_of(training)
    for cfg in filter(None, (training.config, run.config)):
        changed = differences(cfg, reference, ('model',))
        if changed:
            return f'its model is not that of {_shown(reference)}: {_first(changed)}'
    return ''


def find_mismatch(
    run: ScoredRun, training: Training, column: Column
) -> tuple[int, str] | None:
    """Say how a run misses a column, and how near it came; None if it belongs there."""
    trained, tested, wanted = training.source, run.source, column.tested
    assert trained is not None and tested is not None
    text = f'trained on {trained}, tested on {tested}'
    if (trained.dataset, tested.dataset, trained.compression) != (
        column.trained.dataset,
        wanted.dataset,
        column.trained.compression,
    ):
        return 0, f'{text}: no table of the paper has this'
    if not trained.is_same(column.trained):
        return 1, f'trained on {trained}; the paper trains on {column.trained}'
    covers = set(wanted.methods or ()) <= set(tested.methods or ())
    if tested.compression != wanted.compression or not covers:
        return 2, f'{text}: the paper tests on {wanted}'
    leaks = [
        leak
        for leak in run.leaks
        if leak.kind == VIDEOS or not column.videos.shows_known_persons
    ]
    problem = _problem_of_videos(run, column) or '; '.join(map(str, leaks))
    problem = problem or _problem_of_frames(training)
    return (3, problem) if problem else None


def _videos_of(run: ScoredRun, column: Column) -> list[VideoPrediction]:
    methods = column.tested.methods
    return [
        p
        for p in run.predictions
        if methods is None or p.key.method in (REAL_METHOD, *methods)
    ]


def _problem_of_videos(run: ScoredRun, column: Column) -> str:
    keys = [prediction.key for prediction in _videos_of(run, column)]
    num_fake = sum(key.label for key in keys)
    num_real, wanted = len(keys) - num_fake, column.videos
    if wanted.num_real is None:
        if len(keys) != wanted.num_videos:
            return (
                f'{len(keys)} videos of {column.tested}; the test split has '
                f'{wanted.num_videos}'
            )
    elif (num_real, num_fake) != (wanted.num_real, wanted.num_fake):
        return (
            f'{num_real} real and {num_fake} fake videos of {column.tested}; the test '
            f'split has {wanted.num_real} and {wanted.num_fake}'
        )
    names = '\n'.join(sorted(key.name for key in keys if not key.label))
    sha256 = hashlib.sha256(names.encode()).hexdigest()
    if wanted.real_names_sha256 not in ('', sha256):
        return (
            f'its real videos of {column.tested} are not those of the official test '
            'split'
        )
    return ''


def _problem_of_frames(training: Training) -> str:
    for loader in ('train_dataloader', 'test_dataloader'):
        kind = (training.config.get(loader) or {}).get('dataset', {}).get('type')
        if kind != _FACES:
            return (
                f'{loader} of its training reads {kind}, not prepared faces '
                f'({_FACES}); the paper cuts out faces'
            )
    return ''


def _footnotes(run: ScoredRun, training: Training, cell: Cell) -> Iterator[str]:
    """Say in what a run differs from the paper's, as far as can be told."""
    summary, videos = run.summary, cell.column.videos
    num_videos = len(_videos_of(run, cell.column))
    if num_videos != videos.num_videos:
        yield (
            f"{num_videos} test videos; the paper's figures are shares of "
            f'{videos.num_videos}'
        )
    if cell.table.figure == 'acc' and summary.threshold != THRESHOLD:
        yield f'accuracy at P(fake) >= {summary.threshold:g}'
    if summary.num_no_face or summary.num_failed:
        yield (
            f'of all its test videos {summary.num_no_face} without a face and '
            f'{summary.num_failed} not prepared, scored {summary.no_face_score:g}'
        )
    if summary.left_out:
        yield summary.describe_coverage()
    if run.leaks:  # of other kinds it would not be here
        yield 'the official test split shows persons of the training videos'
    num_real = training.facts['videos']['train'].get('real', 0)
    trained_on = cell.column.trained.dataset == cell.column.tested.dataset
    if trained_on and videos.num_training_real not in (None, num_real):
        yield (
            f'trained on {num_real} real videos; the official training split has '
            f'{videos.num_training_real}'
        )
    yield from _notes_of_training(run, training)


def _notes_of_training(run: ScoredRun, training: Training) -> Iterator[str]:
    name = Path(run.checkpoint).name
    if training.config.get('val_cfg') is None:
        yield 'trained without validation'
    elif not name.startswith('best_'):
        yield f'checkpoint {name}, not the one that was best on validation'
    reference = reference_of(training)
    if str(training.facts.get('initial_weights', '')).startswith('random') and any(
        key.endswith('.pretrained') and value
        for key, value in _flat(read_config(reference)['model'], 'model')
    ):
        yield 'began from random weights, the paper from ImageNet'
    changed = differences(training.config, reference, _TRAINED)
    if run.config is None:
        yield 'the config of its test is not in its folder'
    else:
        changed += differences(run.config, reference, _TESTED)
    if changed:
        yield f'differs from {_shown(reference)} in {_first(changed)}'


def _shown(reference: Path) -> str:
    return f'configs/{reference.relative_to(CONFIGS.resolve())}'


@cache
def references_of(stem: str) -> tuple[Path, ...]:
    """Find our configs of that name, in whatever folder."""
    # MIM's folder is a symlink in a checkout; rglob does not follow one below itself.
    found = sorted(CONFIGS.resolve().rglob(f'{stem}.py'))
    return tuple(path for path in found if '_base_' not in path.parts)


def reference_of(training: Training) -> Path:
    """Our config with the name of a training's; of several, the one nearest to it."""
    return min(
        references_of(training.stem),
        key=lambda path: len(differences(training.config, path, _TRAINED)),
    )


def differences(cfg: Config, reference: Path, names: tuple[str, ...]) -> list[str]:
    """List in which values a config differs from one of ours."""
    mine, expected = (
        {
            key: value
            for name in names
            for key, value in _flat(one.get(name), name)
            if not _FREE & set(key.split('.')) and key != 'test_dataloader.batch_size'
        }
        for one in (cfg.to_dict(), read_config(reference))
    )
    absent = 'nothing'
    return [
        f'{key} = {mine.get(key, absent)!r} ({expected.get(key, absent)!r})'
        for key in sorted(mine.keys() | expected.keys())
        if mine.get(key, absent) != expected.get(key, absent)
    ]


@cache
def read_config(path: Path) -> dict[str, Any]:
    """Read a config of ours, once."""
    config: dict[str, Any] = Config.fromfile(str(path)).to_dict()
    return config


def _flat(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Give every value inside a config node with its dotted path."""
    if isinstance(node, Mapping | list | tuple) and node:
        pairs = node.items() if isinstance(node, Mapping) else enumerate(node)
        for key, child in pairs:
            yield from _flat(child, f'{path}.{key}')
    else:
        yield path, node


def _first(texts: list[str]) -> str:
    more = len(texts) - _NUM_DIFFERENCES
    shown = ', '.join(texts[:_NUM_DIFFERENCES])
    return f'{shown} and {more} more' if more > 0 else shown
