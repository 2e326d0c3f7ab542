"""Compute the AUC of models on corrupted videos, for `tools/robustness.py`."""

from __future__ import annotations

import argparse
import copy
import csv
import pathlib
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
from mmengine.dist import is_main_process
from numpy.typing import NDArray

from mmdeepfake.datasets.frame_readers import FrameReader, open_reader
from mmdeepfake.datasets.transforms.corruption import CORRUPTIONS, NUM_LEVELS, corrupt
from mmdeepfake.engine.build import load_config
from mmdeepfake.errors import ConfigError, DataError, DataNotFoundError
from mmdeepfake.evaluation.summary import RowResult
from mmdeepfake.files.atomic_write import replace_text
from mmdeepfake.files.bounded_reading import read_lines, shorten
from mmdeepfake.files.csv_text import format_csv as join_csv
from mmdeepfake.visualization.robustness_plot import (
    RobustnessCurve,
    plot_levels,
    plot_robustness,
)

from .command_line import apply_run_arguments
from .markdown import format_table
from .scoring import TestSet, find_test_set, own_test_set, score_sets

FOLDER = 'robustness'
TABLE = 'robustness.csv'
_CLEAN = 'clean'
# Name of a scored set -> its corruption and level.
_SETS = {_CLEAN: (_CLEAN, 0)} | {
    f'{name}-{level}': (name, level)
    for name in CORRUPTIONS
    for level in range(1, NUM_LEVELS + 1)
}
_COLUMNS = ('model', 'corruption', 'level', 'parameter', 'auc', 'low', 'high', 'acc')


@dataclass(frozen=True)
class Point:
    """One model on one corruption at one level; level 0 is the clean video."""

    model: str
    corruption: str
    level: int
    parameter: str
    auc: float
    low: float
    high: float
    acc: float


def run_robustness(args: argparse.Namespace) -> None:
    """Score every corruption at every level, and write table and plot."""
    names = choose_corruptions(args.corruptions)
    levels = choose_levels(args.levels)
    cfg = load_config(args.config, args.cfg_options)
    apply_run_arguments(cfg, args)
    base = (
        own_test_set(cfg, split=args.split)
        if args.on is None
        else find_test_set(
            args.on,
            cfg,
            split=args.split,
            overrides={'data_root': args.data_root} if args.data_root else None,
        )
    )
    chosen = [_CLEAN, *(f'{name}-{level}' for name in names for level in levels)]
    sets = [
        TestSet(key, corrupted_dataset(base.dataset, *_SETS[key], seed=args.seed))
        for key in chosen
    ]
    folder = pathlib.Path(cfg.work_dir, FOLDER)
    model = args.name or pathlib.Path(args.config).stem
    points = []
    for one in score_sets(
        cfg,
        args.checkpoint,
        sets,
        folder=folder,
        metric={'num_resamples': args.num_resamples, 'seed': args.seed},
        allow_leak=args.allow_leak,
    ):
        points.append(_point(model, *_SETS[one.name], one.summary.overall))
        # Written after every set, so that an interrupted run keeps its figures.
        replace_text(folder / TABLE, format_csv(points))
    if is_main_process():
        report(folder, points)


def write_foreign_points(work_dir: pathlib.Path, rows: Mapping[str, RowResult]) -> None:
    """Write the table of scores from elsewhere if their sets are corruptions.

    Args:
        work_dir: named after the model.
        rows: 'clean' or 'CORRUPTION-LEVEL' -> figures over all videos.
    """
    if len(rows) > 1 and _CLEAN in rows and rows.keys() <= _SETS.keys():
        model, folder = work_dir.resolve().name, work_dir / FOLDER
        points = [
            _point(model, *_SETS[name], rows[name]) for name in _SETS if name in rows
        ]
        replace_text(folder / TABLE, format_csv(points))
        report(folder, points)


def corrupted_dataset(
    dataset: Any, name: str, level: int, *, seed: int
) -> dict[str, Any]:
    """Insert the corruption between opening and sampling; level 0 inserts nothing."""
    changed = copy.deepcopy(dict(dataset))
    if level:
        kinds = [step.get('type') for step in changed['pipeline']]
        if 'OpenVideo' not in kinds:
            raise ConfigError(
                'the test pipeline has no OpenVideo to insert a corruption after: '
                f'{", ".join(map(str, kinds))}'
            )
        step = {'type': 'CorruptVideo', 'name': name, 'level': level, 'seed': seed}
        changed['pipeline'].insert(kinds.index('OpenVideo') + 1, step)
    return changed


def choose_corruptions(words: Sequence[str] | None) -> list[str]:
    """Check names of corruptions; without any, return all."""
    unknown = [word for word in words or () if word not in CORRUPTIONS]
    if unknown:
        raise ConfigError(
            f'--corruptions {" ".join(unknown)}: allowed are {", ".join(CORRUPTIONS)}'
        )
    return list(dict.fromkeys(words or CORRUPTIONS))


def choose_levels(levels: Sequence[int] | None) -> list[int]:
    """Check levels; without any, return all five."""
    wrong = [level for level in levels or () if not 1 <= level <= NUM_LEVELS]
    if wrong:
        raise ConfigError(
            f'--levels {" ".join(map(str, wrong))}: allowed are 1 to {NUM_LEVELS}'
        )
    return sorted(set(levels or range(1, NUM_LEVELS + 1)))


def _point(model: str, name: str, level: int, row: RowResult) -> Point:
    value = '' if not level else str(CORRUPTIONS[name].levels[level - 1])
    return Point(model, name, level, value, row.auc, row.auc_low, row.auc_high, row.acc)


def format_csv(points: Sequence[Point]) -> str:
    """Format one line per model, corruption and level, in full precision."""
    return join_csv([_COLUMNS, *map(astuple, points)])


def read_points(path: pathlib.Path) -> list[Point]:
    """Read a table written by `format_csv`."""
    if not path.is_file():
        raise DataNotFoundError(
            f'no table {path}: python tools/robustness.py run CONFIG CHECKPOINT '
            'writes one'
        )
    try:
        rows = list(csv.reader(read_lines(path, keep_ends=True)))
        if tuple(rows[0]) != _COLUMNS:
            raise ValueError(f'its header is {shorten(",".join(rows[0]))}')
        return [
            Point(model, name, int(level), parameter, *map(float, figures))
            for model, name, level, parameter, *figures in rows[1:]
        ]
    except (csv.Error, ValueError, TypeError, IndexError) as error:
        raise DataError(
            f'{path}: not a robustness table: {str(error)[:150]}'
        ) from error


def format_markdown(points: Sequence[Point]) -> str:
    """Format one line per model and corruption, with the AUC of each level."""
    header = ['model', 'corruption', 'levels', f'AUC % {_CLEAN} [95% CI]']
    header += [f'AUC % level {level}' for level in range(1, NUM_LEVELS + 1)]
    lines = []
    for model in dict.fromkeys(point.model for point in points):
        of_model = {(p.corruption, p.level): p for p in points if p.model == model}
        for name in dict.fromkeys(p.corruption for p in points if p.level):
            levels = [of_model.get((name, level)) for level in range(1, NUM_LEVELS + 1)]
            values = ', '.join(p.parameter for p in levels if p is not None)
            lines.append(
                [model, name, f'{CORRUPTIONS[name].parameter}: {values}']
                + [_cell(p) for p in (of_model.get((_CLEAN, 0)), *levels)]
            )
    return format_table(header, lines) + '\n'


def _cell(point: Point | None) -> str:
    if point is None or point.auc != point.auc:
        return '-'
    if point.low != point.low:
        return f'{100 * point.auc:.1f}'
    return f'{100 * point.auc:.1f} [{100 * point.low:.1f}, {100 * point.high:.1f}]'


def report(folder: pathlib.Path, points: Sequence[Point]) -> None:
    """Write and print the table, and plot a line per model and corruption."""
    text = format_markdown(points)
    replace_text(folder / 'robustness.md', text)
    curves = [
        RobustnessCurve(
            model,
            name,
            *zip(
                *(
                    (p.level, p.auc, p.low, p.high)
                    for p in points
                    if p.model == model and p.corruption in (name, _CLEAN)
                ),
                strict=True,
            ),
        )
        for model in dict.fromkeys(point.model for point in points)
        for name in dict.fromkeys(p.corruption for p in points if p.level)
    ]
    plot_robustness(curves, folder / 'robustness.png')
    print(f'\nVideo-level AUC % [95% interval]\n\n{text}\nWritten: {folder}')


def join_tables(args: argparse.Namespace) -> None:
    """Join the tables of several models into one table and one plot."""
    points = [
        point for path in args.tables for point in read_points(pathlib.Path(path))
    ]
    folder = pathlib.Path(args.out)
    replace_text(folder / TABLE, format_csv(points))
    report(folder, points)


def show_levels(args: argparse.Namespace) -> None:
    """Draw the middle frame of a video with every corruption at every level."""
    results = {'filename': args.video}
    reader = open_reader(results)
    rows = [
        (
            f'{name}: {corruption.parameter} ' + ', '.join(map(str, corruption.levels)),
            [
                _middle_frame(corrupt(reader, name, level, seed=args.seed, video=''))
                for level in range(1, NUM_LEVELS + 1)
            ],
        )
        for name, corruption in CORRUPTIONS.items()
    ]
    plot_levels(_middle_frame(reader), rows, args.out)
    print(f'Written: {args.out}')


def _middle_frame(reader: FrameReader) -> NDArray[np.uint8]:
    frame: NDArray[np.uint8] = reader.read(np.array([len(reader) // 2]))[0]
    return frame
