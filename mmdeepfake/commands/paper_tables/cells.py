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

from mmdeepfake.engine.config_checks import check_model_selection, walk_dicts
from mmdeepfake.errors import ConfigError
from mmdeepfake.evaluation.leakage import VIDEOS
from mmdeepfake.evaluation.predictions import VideoPrediction
from mmdeepfake.evaluation.summary import RowResult
from mmdeepfake.files.package_folders import CONFIGS
from mmdeepfake.structures import REAL_METHOD

from ..finished_runs import FoundRuns, ScoredRun, Training, find_runs
from ..paper_protocol import (
    Column,
    Paper,
    PaperTable,
    TableRow,
    method_of,
    read_paper,
)

THRESHOLD = 0.5  # ours; the paper does not give one
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


@dataclass(frozen=True)
class CellRun:
    """A run in a cell: its figures, and how it differs from the paper's."""

    run: ScoredRun
    training: Training
    row: RowResult
    footnotes: tuple[str, ...]


@dataclass(frozen=True)
class Collection:
    """The paper's cells with their runs by seed, and the runs that fit none, with why.

    `refused` has figures that fit no table, `found.broken` folders without valid ones.
    """

    paper: Paper
    cells: Mapping[Cell, Sequence[CellRun]]
    refused: Sequence[tuple[ScoredRun, str]]
    found: FoundRuns

    @property
    def footnotes(self) -> list[str]:
        """Every footnote once, in the order of first use."""
        runs = (one for in_cell in self.cells.values() for one in in_cell)
        return list(dict.fromkeys(note for one in runs for note in one.footnotes))


def collect(work_dirs: Sequence[str | Path]) -> Collection:
    """Read the paper's figures and the runs, and match them."""
    paper, found = read_paper(), find_runs(work_dirs)
    cells: dict[Cell, list[CellRun]] = {
        Cell(table, row, column, method): []
        for table in paper.tables
        for row in table.rows
        for method in row.configs
        for column in table.columns
    }
    refused, seen = [], {}
    for run in found.scored:
        first = seen.setdefault(run.sha256, run.place)
        if first != run.place:
            reason = f'same predictions as {first}'
        else:
            reason = find_refusal(run) or _place(run, cells)
        if reason:
            refused.append((run, reason))
    for runs in cells.values():
        runs.sort(key=lambda one: (one.training.facts.get('seed') or 0, one.run.place))
    return Collection(paper, cells, refused, found)


def find_refusal(run: ScoredRun) -> str:
    """Return why a run fits no table at all; '' if it may fit one."""
    training = run.training
    if 'scores' in run.record.get('test', {}):
        return 'scores from elsewhere: what the model was trained on is unknown'
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
    for cfg in filter(None, (training.config, run.config)):
        if models and _without_pretrained(cfg) not in models:
            return f'its model is not that of our config {training.stem}'
    return ''


@cache
def _models_of(stem: str) -> list[dict]:
    """Return the model of each of our configs of that name."""
    # MIM's folder is a symlink in a checkout; rglob does not follow one below itself.
    paths = [
        p for p in CONFIGS.resolve().rglob(f'{stem}.py') if '_base_' not in p.parts
    ]
    return [_without_pretrained(Config.fromfile(str(path))) for path in paths]


def _without_pretrained(cfg: Config) -> dict[str, Any]:
    """Return the config's model without the paths of its initial weights."""
    model = cfg.model.to_dict()
    for _, node in list(walk_dicts(model, 'model')):
        node.pop('pretrained', None)
    return model


def _place(run: ScoredRun, cells: Mapping[Cell, list[CellRun]]) -> str:
    """Add the run to its cells; return '' or, if it has none, a reason."""
    training, tested = run.training, run.source
    assert training is not None and training.source is not None  # by find_refusal
    trained, method = training.source, method_of(training.stem)
    near = [
        cell
        for cell in cells
        if cell.method == method and trained.is_same(cell.column.trained)
    ]
    fitting = [cell for cell in near if tested and tested.has(cell.column.tested)]
    if not fitting:
        text = f'{training.stem} was trained on {trained}, tested on {tested}'
        wanted = dict.fromkeys(str(cell.column.tested) for cell in near)
        return (
            f'{text}; the paper tests it on {" or ".join(wanted)}'
            if wanted
            else f'{text}: not in the tables'
        )
    problems = {c: find_problem(run, training, c.column) for c in fitting}
    for cell in (cell for cell, problem in problems.items() if not problem):
        methods = cell.column.tested.methods or ('all',)
        row = next(row for row in run.summary.rows if row.name == methods[0])
        notes = tuple(_footnotes(run, training, cell))
        cells[cell].append(CellRun(run, training, row, notes))
    return min(problems.values(), key=len)


def find_problem(run: ScoredRun, training: Training, column: Column) -> str:
    """Return why a run on the data of a column does not fill it; '' if it does."""
    keys = [prediction.key for prediction in _videos_of(run, column)]
    num_fake, wanted = sum(key.label for key in keys), column.videos
    num_real = len(keys) - num_fake
    names = '\n'.join(sorted(key.name for key in keys if not key.label))
    sha256 = hashlib.sha256(names.encode()).hexdigest()
    for leak in run.leaks:
        if leak.kind == VIDEOS or not wanted.shows_known_persons:
            return str(leak)
    if wanted.num_real is None and len(keys) != wanted.num_videos:
        return f'{len(keys)} videos of the {wanted.num_videos} of the test split'
    if wanted.num_real not in (None, num_real) or wanted.num_fake not in (
        None,
        num_fake,
    ):
        return (
            f'{num_real} real and {num_fake} fake videos of {column.tested}; the test '
            f'split has {wanted.num_real} and {wanted.num_fake}'
        )
    if wanted.real_names_sha256 not in ('', sha256):
        return f'real videos of {column.tested} are not those of the official split'
    for loader in ('train_dataloader', 'test_dataloader'):
        kind = (training.config.get(loader) or {}).get('dataset', {}).get('type')
        if kind != _FACES:
            return f'{loader} of its training reads {kind}, not face clips ({_FACES})'
    return ''


def _videos_of(run: ScoredRun, column: Column) -> list[VideoPrediction]:
    methods = column.tested.methods
    kept = None if methods is None else {REAL_METHOD, *methods}
    return [p for p in run.predictions if kept is None or p.key.method in kept]


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
