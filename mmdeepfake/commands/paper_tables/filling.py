"""The commands that fill an empty cell of the paper's tables."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..finished_runs import Training, best_checkpoint
from ..paper_protocol import CONFIGS, Column, method_of
from .cells import Cell, Collection, read_config, references_of

_WORK_DIRS = Path('work_dirs')
_BEST = 'best_deepfake_auc_epoch_*.pth'
_SPREAD = ('data_root', 'methods', 'compression')  # by load_config, over all loaders
_LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
_OWN_BASE = 'ffpp_lq'
_SHORT = {
    'c23': 'hq',
    'c40': 'lq',
    'Deepfakes': 'df',
    'Face2Face': 'f2f',
    'FaceSwap': 'fs',
    'NeuralTextures': 'nt',
}


def missing_cells(collection: Collection) -> dict[tuple[str, ...], list[str]]:
    """Give the commands that fill empty cells, and the names of those cells."""
    filled = {str(cell) for cell, runs in collection.cells.items() if runs}
    missing: dict[tuple[str, ...], list[str]] = {}
    for cell in collection.cells:
        # Of several configs for one row the first will do.
        if str(cell) not in filled and cell.method == cell.row.methods[0]:
            commands = find_commands(cell, collection.found.trainings)
            missing.setdefault(commands, []).append(str(cell))
    return missing


def find_commands(cell: Cell, trainings: Iterable[Training]) -> tuple[str, ...]:
    """Give the commands that fill a cell, in their order.

    Args:
        cell: which one.
        trainings: those that are there: one of them may lack its test alone.
    """
    for done in trainings:
        is_of_method = method_of(done.stem) == cell.method
        if is_of_method and done.source and done.source.is_same(cell.column.trained):
            best = best_checkpoint(done.folder) or done.folder / _BEST
            return (_test_command(cell, done.folder, done.stem, str(best)),)
    suffix = _suffix(cell.column)
    stem, options = f'{cell.method}_{suffix}', []
    folder = _WORK_DIRS / stem
    if not references_of(stem):
        stem, options = f'{cell.method}_{_OWN_BASE}', _options(cell.column)
    # Of two configs of one name, the first is the one under the paper's recipe:
    # baselines/ come before published/.
    path = references_of(stem)[0].relative_to(CONFIGS.resolve())
    train = ['python', 'tools/train.py', f'configs/{path}', '--work-dir', str(folder)]
    if options:
        train += ['--cfg-options', *options]
    test = _test_command(cell, folder, stem, str(folder / _BEST))
    return shlex.join(train), test


def _suffix(column: Column) -> str:
    """'ffpp_hq_df', 'ffpp_lq' or 'celeb_df', as our configs are called."""
    trained = column.trained
    if not trained.compression:
        return column.videos.config
    methods = trained.methods or ()
    parts = [_SHORT[method] for method in methods] if len(methods) == 1 else []
    return '_'.join(['ffpp', _SHORT[trained.compression], *parts])


def _options(column: Column) -> list[str]:
    """What turns a config for all of FaceForensics++ LQ into one for other data."""
    ours, trained = _dataset(_OWN_BASE), column.trained
    if trained.compression:
        methods = list(trained.methods or ours['methods'])
        wanted = {**ours, 'compression': trained.compression, 'methods': methods}
    else:
        wanted = _dataset(column.videos.config)
    options = []
    for name in (*_SPREAD, 'test_shows_known_persons'):
        value = wanted.get(name)
        if value == ours.get(name):
            continue
        if isinstance(value, list) and len(value) == 1:
            (value,) = value  # load_config makes a list of a name again
        if name in _SPREAD:
            options.append(f'{name}={value}')
        else:
            options += [f'{loader}.dataset.{name}={value}' for loader in _LOADERS]
    return options


def _dataset(name: str) -> dict[str, Any]:
    path = CONFIGS.resolve() / '_base_/datasets' / f'{name}.py'
    dataset: dict[str, Any] = read_config(path)['train_dataloader']['dataset']
    return dataset


def _test_command(cell: Cell, folder: Path, stem: str, checkpoint: str) -> str:
    where = [str(folder / f'{stem}.py'), checkpoint, '--work-dir', str(folder)]
    if cell.column.trained == cell.column.tested:
        words = ['python', 'tools/test.py', *where]
    else:
        # All sets of the row at once: an evaluation replaces the table of the last one,
        # which tells whose figures they are.
        sets = [column.videos.config for column in cell.table.columns]
        words = ['python', 'tools/evaluate.py', *where, '--on', *sets]
    return ' '.join(word if '*' in word else shlex.quote(word) for word in words)
