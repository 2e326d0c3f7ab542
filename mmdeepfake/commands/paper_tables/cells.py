"""Decide which cells of the paper's tables a finished run fills, if any.

A run is put beside a figure of the paper only if it was trained and tested on the same
data, manipulations and compression, on the full official test split, with no test video
seen in training and no model chosen on the test. Otherwise it is refused, with the
reason. Smaller differences (initial weights, checkpoint, threshold) become footnotes.
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
    """A run in a cell: its figures, and how it differs from the paper's."""

    run: ScoredRun
    training: Training
    row: RowResult
    footnotes: tuple[str, ...]


@dataclass(frozen=True)
class Collection:
    """Everything that the tables are made from.

    Attributes:
        paper: the paper's tables.
        cells: every cell in the paper's order -> its runs, by seed.
        others: valid figures that fit no table, each with the reason.
        found: all runs.
    """

    paper: Paper
    cells: Mapping[Cell, Sequence[CellRun]]
    others: Sequence[tuple[ScoredRun, str]]
    found: FoundRuns

    @property
    def footnotes(self) -> list[str]:
        """Every footnote once, in the order of first use."""
        notes = (
            n for runs in self.cells.values() for one in runs for n in one.footnotes
        )
        return list(dict.fromkeys(notes))


def collect(work_dirs: Sequence[str | Path]) -> Collection:
    """Read the paper's figures and the runs, and match them."""
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
            reason = f'same predictions as {first}'
        else:
            reason = find_refusal(run) or _place(run, cells)
        if reason:
            others.append((run, reason))
    for runs in cells.values():
        runs.sort(key=lambda one: (one.training.seed or 0, str(one.run.place)))
    return Collection(paper, cells, others, found)


def _place(run: ScoredRun, cells: Mapping[Cell, list[CellRun]]) -> str:
    """Add the run to its cells; if it has none, return the nearest cell's reason."""
    training = run.training
    assert training is not None  # checked by find_refusal
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
    """Return why a run fits no table at all; '' if it may fit one."""
    training = run.training
    if training is None:
        return (
            'training data unknown: no training in the folder of its checkpoint '
            f'({run.checkpoint or "not recorded"})'
        )
    if training.source is None:
        return 'training data unknown, or more than one dataset'
    if run.source is None:
        return 'tested on several datasets or compressions at once'
    try:
        check_model_selection(training.config)
    except ConfigError as error:
        return str(error)
    models = _models_of(training.stem)
    if not models or method_of(training.stem) is None:
        return (
            f'trained on {training.source}, tested on {run.source}: {training.stem} is '
            'not a config of the tables'
        )
    for cfg in filter(None, (training.config, run.config)):
        if _without_pretrained(cfg.model.to_dict()) not in models:
            return f'its model is not that of our config {training.stem}'
    return ''


@cache
def _models_of(stem: str) -> list[Any]:
    """Return the model of each of our configs of that name."""
    # MIM's folder is a symlink in a checkout; rglob does not follow one below itself.
    found = sorted(CONFIGS.resolve().rglob(f'{stem}.py'))
    return [
        _without_pretrained(Config.fromfile(str(path)).model.to_dict())
        for path in found
        if '_base_' not in path.parts
    ]


def _without_pretrained(node: Any) -> Any:
    """Return a model's config without the paths of its initial weights."""
    if isinstance(node, Mapping):
        return {
            key: _without_pretrained(child)
            for key, child in node.items()
            if key != 'pretrained'
        }
    if isinstance(node, list | tuple):
        return [_without_pretrained(child) for child in node]
    return node


def find_mismatch(
    run: ScoredRun, training: Training, column: Column
) -> tuple[int, str] | None:
    """Return how near a run comes to a column and what is wrong; None if it fits."""
    trained, tested, wanted = training.source, run.source, column.tested
    assert trained is not None and tested is not None
    text = f'trained on {trained}, tested on {tested}'
    if (trained.dataset, tested.dataset, trained.compression) != (
        column.trained.dataset,
        wanted.dataset,
        column.trained.compression,
    ):
        return 0, f'{text}: not a protocol of the paper'
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
    problem = (
        _problem_of_videos(run, column)
        or '; '.join(map(str, leaks))
        or _problem_of_frames(training)
    )
    return (3, problem) if problem else None


def _videos_of(run: ScoredRun, column: Column) -> list[VideoPrediction]:
    methods = column.tested.methods
    return [
        p
        for p in run.predictions
        if methods is None or p.key.method in (REAL_METHOD, *methods)
    ]


def _problem_of_videos(run: ScoredRun, column: Column) -> str:
    """Return in what the test videos differ from the official split; '' if nothing."""
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
        return f'real videos of {column.tested} are not those of the official split'
    return ''


def _problem_of_frames(training: Training) -> str:
    for loader in ('train_dataloader', 'test_dataloader'):
        kind = (training.config.get(loader) or {}).get('dataset', {}).get('type')
        if kind != _FACES:
            return (
                f'{loader} of its training reads {kind}, not face clips ({_FACES}); '
                'the paper crops faces'
            )
    return ''


def _footnotes(run: ScoredRun, training: Training, cell: Cell) -> Iterator[str]:
    """Yield how a run differs from the paper's, as far as known."""
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
            f'{summary.num_no_face} test videos without a face and '
            f'{summary.num_failed} not prepared, scored {summary.no_face_score:g}'
        )
    if summary.left_out:
        yield summary.describe_coverage()
    if run.leaks:  # only known persons; other leaks are refused
        yield 'the official test split shows persons of the training videos'
    num_real = training.facts['videos']['train'].get('real', 0)
    trained_on = cell.column.trained.dataset == cell.column.tested.dataset
    if trained_on and videos.num_training_real not in (None, num_real):
        yield (
            f'trained on {num_real} real videos; the official training split has '
            f'{videos.num_training_real}'
        )
    name = Path(run.checkpoint).name
    if training.config.get('val_cfg') is None:
        yield 'trained without validation'
    elif not name.startswith('best_'):
        yield f'checkpoint {name}, not the best one on validation'
    if str(training.facts.get('initial_weights', '')).startswith('random'):
        yield 'random initial weights'
