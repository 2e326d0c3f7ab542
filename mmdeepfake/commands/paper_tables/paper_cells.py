"""Which finished run belongs into which cell of the paper's tables, if into any.

A run is put beside a figure of the paper only if it was trained and tested on what the
paper's was, as far as the paper tells: same data, manipulations and compression, the
official test split in full, no video seen in training, no model chosen on the test. A
run that differs in these is refused, and the reason is told. What differs in other ways
(weights it began from, schedule, threshold) goes into a footnote of its cell.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmdeepfake.evaluation.summary import RowResult
from mmdeepfake.structures import REAL_METHOD

from .finished_runs import FoundRuns, ScoredRun, Training
from .paper_protocol import (
    THRESHOLD,
    Column,
    PaperTable,
    TestVideos,
    VideoSource,
)

# Reached through the package, so that an installed copy finds them as well.
CONFIGS = Path(__file__).resolve().parents[2] / '.mim/configs'
_STEM = re.compile(
    r'(?P<method>.+?)_(?:ffpp_[lh]q|celeb_df|dfdc_preview|wild_deepfake)(?:_\w+)?'
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
    'pretrained',
    'data_root',
    'manifest',
    'methods',
    'compression',
    'dataset_name',
    'test_shows_known_persons',
    'check_files',
    'num_workers',
    'persistent_workers',
    'pin_memory',
    'prefetch_factor',
}
_NUM_DIFFERENCES = 4
_FACES = 'DeepfakeDataset'
_RANDOM = 'random'


@dataclass(frozen=True)
class CellRun:
    """A run that belongs into a cell.

    Attributes:
        run: it.
        row: its figures there.
        footnotes: in what it differs from the paper's.
    """

    run: ScoredRun
    row: RowResult
    footnotes: tuple[str, ...]


@dataclass(frozen=True)
class OtherRun:
    """A run that belongs into no cell, and why."""

    run: ScoredRun
    reason: str


@dataclass(frozen=True)
class Assignment:
    """Where all runs went.

    Attributes:
        cells: (table, row index, method, column index) -> its runs, by seed.
        others: sound figures that belong into no table.
    """

    cells: Mapping[tuple[str, int, str, int], tuple[CellRun, ...]]
    others: tuple[OtherRun, ...]


def assign_runs(tables: tuple[PaperTable, ...], found: FoundRuns) -> Assignment:
    """Put each run into every cell that it belongs into."""
    cells: dict[tuple[str, int, str, int], list[CellRun]] = {}
    others, seen = [], {}
    for run in found.scored:
        first = seen.setdefault(run.sha256, run.folder)
        if first != run.folder:
            others.append(OtherRun(run, f'the same predictions as in {first}'))
            continue
        reason = find_refusal(run)
        if not reason:
            reason = _place(run, tables, cells)
        if reason:
            others.append(OtherRun(run, reason))
    return Assignment(
        {key: tuple(sorted(runs, key=_order)) for key, runs in cells.items()},
        tuple(others),
    )


def _order(one: CellRun) -> tuple[float, str]:
    seed = one.run.training.seed if one.run.training else None
    return (float('inf') if seed is None else seed, str(one.run.folder))


def _place(run: ScoredRun, tables: tuple[PaperTable, ...], cells: dict) -> str:
    """Add the run to its cells; if it has none, say what came nearest."""
    assert run.training is not None  # find_refusal saw to it
    method = method_of(run.training.stem)
    nearest, num_placed = (-1, f'no table of the paper has a row for {method}'), 0
    for table in tables:
        for row_index, row in enumerate(table.rows):
            for index, column in enumerate(table.columns):
                if method not in row.methods:
                    continue
                mismatch = find_mismatch(run, column)
                if mismatch is None:
                    key = (table.number, row_index, method, index)
                    cell = CellRun(
                        run,
                        figures_of(run, column.tested),
                        footnotes_of(run, column, table),
                    )
                    cells.setdefault(key, []).append(cell)
                    num_placed += 1
                else:
                    nearest = max(nearest, mismatch, key=lambda one: one[0])
    return '' if num_placed else nearest[1]


def method_of(stem: str) -> str | None:
    """Give a config's name without its data: 'tam' of 'tam_ffpp_lq_df'."""
    found = _STEM.fullmatch(stem)
    return found['method'] if found else None


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
    if training.selection_problem():
        return training.selection_problem()
    if not references_of(training.stem) or method_of(training.stem) is None:
        return (
            f'trained on {training.source.describe()}, tested on '
            f'{run.source.describe()}: {training.stem} is no config of the tables'
        )
    for cfg in (training.config, run.config):
        reference = reference_of(training)
        changed = differences(cfg, reference, ('model',)) if cfg else []
        if changed:
            return f'its model is not that of {_shown(reference)}: {_first(changed)}'
    return ''


def find_mismatch(run: ScoredRun, column: Column) -> tuple[int, str] | None:
    """Say how a run misses a column, and how near it came; None if it belongs there."""
    assert run.training is not None
    trained, tested = run.training.source, run.source
    assert trained is not None and tested is not None
    wanted = column.tested
    if (trained.dataset, tested.dataset) != (
        column.trained.dataset,
        wanted.source.dataset,
    ) or trained.compression != column.trained.compression:
        return 0, (
            f'trained on {trained.describe()}, tested on {tested.describe()}: no '
            'table of the paper has this'
        )
    if not _same_methods(trained, column.trained):
        return 1, (
            f'trained on {trained.describe()}; the paper trains on '
            f'{column.trained.describe()}'
        )
    if tested.compression != wanted.source.compression or not _covers(tested, wanted):
        return 2, (
            f'trained on {trained.describe()}, tested on {tested.describe()}: the '
            f'paper tests on {wanted.source.describe()}'
        )
    problem = _problem_of_videos(run, wanted) or _problem_of_leaks(run, wanted)
    problem = problem or _problem_of_frames(run.training)
    return (3, problem) if problem else None


def _same_methods(trained: VideoSource, wanted: VideoSource) -> bool:
    return wanted.methods is None or set(trained.methods or ()) == set(wanted.methods)


def _covers(tested: VideoSource, wanted: TestVideos) -> bool:
    return set(wanted.source.methods or ()) <= set(tested.methods or ())


def _videos_of(run: ScoredRun, wanted: TestVideos) -> list:
    methods = wanted.source.methods
    return [
        p
        for p in run.predictions
        if methods is None or p.key.method in (REAL_METHOD, *methods)
    ]


def _problem_of_videos(run: ScoredRun, wanted: TestVideos) -> str:
    keys = [prediction.key for prediction in _videos_of(run, wanted)]
    num_fake = sum(key.label for key in keys)
    num_real = len(keys) - num_fake
    where = wanted.source.describe()
    if wanted.num_real is None:
        if len(keys) != wanted.num_videos:
            return (
                f'{len(keys)} videos of {where}; the test split has {wanted.num_videos}'
            )
    elif (num_real, num_fake) != (wanted.num_real, wanted.num_fake):
        return (
            f'{num_real} real and {num_fake} fake videos of {where}; the test split '
            f'has {wanted.num_real} and {wanted.num_fake}'
        )
    if wanted.real_names_sha256:
        names = '\n'.join(sorted(key.name for key in keys if not key.label))
        if hashlib.sha256(names.encode()).hexdigest() != wanted.real_names_sha256:
            return (
                f'its real videos of {where} are not those of the official test split'
            )
    return ''


def _problem_of_leaks(run: ScoredRun, wanted: TestVideos) -> str:
    leaks = run.leaks()
    if wanted.shows_known_persons:
        leaks = [leak for leak in leaks if ' persons ' not in leak]
    return '; '.join(leaks)


def _problem_of_frames(training: Training) -> str:
    for loader in ('train_dataloader', 'test_dataloader'):
        kind = (training.config.get(loader) or {}).get('dataset', {}).get('type')
        if kind != _FACES:
            return (
                f'{loader} of its training reads {kind}, not prepared faces '
                f'({_FACES}); the paper cuts out faces'
            )
    return ''


def figures_of(run: ScoredRun, wanted: TestVideos) -> RowResult:
    """The row of a run's figures that a column asks for."""
    methods = wanted.source.methods
    if methods is None:
        return run.summary.overall
    return next(row for row in run.summary.methods if row.name == methods[0])


def footnotes_of(run: ScoredRun, column: Column, table: PaperTable) -> tuple[str, ...]:
    """Say in what a run differs from the paper's, as far as can be told."""
    training, notes = run.training, []
    assert training is not None
    num_videos = len(_videos_of(run, column.tested))
    if num_videos != column.tested.num_videos:
        notes.append(
            f"{num_videos} test videos; the paper's figures are shares of "
            f'{column.tested.num_videos}'
        )
    if table.figure == 'acc' and run.summary.threshold != THRESHOLD:
        notes.append(f'accuracy at P(fake) >= {run.summary.threshold:g}')
    summary = run.summary
    if summary.num_no_face or summary.num_failed:
        notes.append(
            f'of all its test videos {summary.num_no_face} without a face and '
            f'{summary.num_failed} not prepared, scored {summary.no_face_score:g}'
        )
    if summary.left_out:
        notes.append(summary.describe_coverage())
    if column.tested.shows_known_persons and any(' persons ' in x for x in run.leaks()):
        notes.append('the official test split shows persons of the training videos')
    num_real = training.facts['videos']['train'].get('real', 0)
    if column.num_training_real not in (None, num_real):
        notes.append(
            f'trained on {num_real} real videos; the official training split has '
            f'{column.num_training_real}'
        )
    notes += _notes_of_training(run, training)
    return tuple(notes)


def _notes_of_training(run: ScoredRun, training: Training) -> Iterator[str]:
    if training.config.get('val_cfg') is None:
        yield 'trained without validation'
    elif not Path(run.checkpoint).name.startswith('best_'):
        name = Path(run.checkpoint).name
        yield f'checkpoint {name}, not the one that was best on validation'
    weights = str(training.facts.get('initial_weights', ''))
    if weights.startswith(_RANDOM) and any(
        key.endswith('.pretrained') and value
        for key, value in _flat(read_config(reference_of(training))['model'], 'model')
    ):
        yield 'began from random weights, the paper from ImageNet'
    reference = reference_of(training)
    changed = differences(training.config, reference, _TRAINED)
    if run.config is None:
        yield 'the config of its test is not in its folder'
    else:
        changed += differences(run.config, reference, _TESTED)
    if changed:
        yield f'differs from {_shown(reference)} in {_first(changed)}'


def _shown(reference: Path) -> str:
    return f'configs/{reference.relative_to(CONFIGS.resolve())}'


def references_of(stem: str) -> tuple[Path, ...]:
    """Find our configs of that name, in whatever folder."""
    return _config_files().get(stem, ())


@cache
def _config_files() -> dict[str, tuple[Path, ...]]:
    # MIM's folder is a symlink in a checkout; rglob does not follow one below itself.
    root = CONFIGS.resolve()
    files: dict[str, tuple[Path, ...]] = {}
    for path in sorted(root.rglob('*.py')):
        if '_base_' not in path.relative_to(root).parts:
            files[path.stem] = (*files.get(path.stem, ()), path)
    return files


def reference_of(training: Training) -> Path:
    """Our config with the name of a training's; of several, the one nearest to it."""
    return min(
        references_of(training.stem),
        key=lambda path: len(differences(training.config, path, _TRAINED)),
    )


def differences(cfg: Config, reference: Path, names: tuple[str, ...]) -> list[str]:
    """List in which values a config differs from one of ours."""
    mine = _values(cfg.to_dict(), names)
    expected = _values(read_config(reference), names)
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


def _values(cfg: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {
        key: value
        for name in names
        for key, value in _flat(cfg.get(name), name)
        if not _FREE & set(key.split('.')) and key != 'test_dataloader.batch_size'
    }


def _flat(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Give every value inside a config node with its dotted path."""
    if isinstance(node, Mapping) and node:
        for key, child in node.items():
            yield from _flat(child, f'{path}.{key}')
    elif isinstance(node, list | tuple) and node:
        for index, child in enumerate(node):
            yield from _flat(child, f'{path}.{index}')
    else:
        yield path, node


def _first(texts: list[str]) -> str:
    more = len(texts) - _NUM_DIFFERENCES
    shown = ', '.join(texts[:_NUM_DIFFERENCES])
    return f'{shown} and {more} more' if more > 0 else shown
