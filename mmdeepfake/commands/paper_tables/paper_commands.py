"""The commands that fill an empty cell of the paper's tables."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .finished_runs import Training
from .paper_cells import CONFIGS, method_of, read_config, references_of
from .paper_protocol import QUALITIES, SHORT_METHODS, Column, PaperTable, VideoSource

_WORK_DIRS = Path('work_dirs')
_DATASET_OPTIONS = (
    'data_root',
    'methods',
    'compression',
    'test_shows_known_persons',
)
_LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
_OWN_BASE = 'ffpp_lq'
# As many manipulations as a config names when it is not called after one.
_NUM_ALL = len(SHORT_METHODS)


def find_commands(
    table: PaperTable, method: str, column: Column, trainings: Iterable[Training]
) -> tuple[str, ...]:
    """Give the commands that fill a cell, in their order; none if there is no config.

    Args:
        table: its table.
        method: our config for its row, without the data.
        column: its column.
        trainings: those that are there: one of them may lack its test alone.
    """
    done = find_training(method, column.trained, trainings)
    if done is not None:
        config, checkpoint = (
            str(done.folder / f'{done.stem}.py'),
            done.best_checkpoint(),
        )
        return (_test_command(config, checkpoint, str(done.folder), table, column),)
    found = training_config(method, column)
    if found is None:
        return ()
    stem, options = found
    folder = _WORK_DIRS / f'{method}_{_suffix(column)}'
    train = ['python', 'tools/train.py', _relative(stem), '--work-dir', str(folder)]
    if options:
        train += ['--cfg-options', *options]
    checkpoint = str(folder / 'best_deepfake_auc_epoch_*.pth')
    config = str(folder / f'{stem}.py')
    return (
        shlex.join(train),
        _test_command(config, checkpoint, str(folder), table, column),
    )


def find_training(
    method: str, wanted: VideoSource, trainings: Iterable[Training]
) -> Training | None:
    """Find a training of a method on given data."""
    for training in trainings:
        source = training.source
        if (
            source is not None
            and method_of(training.stem) == method
            and (source.dataset, source.compression)
            == (wanted.dataset, wanted.compression)
            and (
                wanted.methods is None
                or set(wanted.methods) == set(source.methods or ())
            )
        ):
            return training
    return None


def training_config(method: str, column: Column) -> tuple[str, list[str]] | None:
    """Give the stem of a config and the options that make it train on a column's data.

    Returns:
        None where there is no config of the method.
    """
    stem = f'{method}_{_suffix(column)}'
    if references_of(stem):
        return stem, []
    stem = f'{method}_{_OWN_BASE}'
    if not references_of(stem):
        return None
    return stem, _options(column)


def _suffix(column: Column) -> str:
    """'ffpp_hq_df', 'ffpp_lq' or 'celeb_df', as our configs are called."""
    trained = column.trained
    if not trained.compression:
        return column.tested.config
    name = f'ffpp_{QUALITIES[trained.compression].lower()}'
    methods = trained.methods or ()
    if len(methods) == _NUM_ALL:
        return name
    return '_'.join([name, *(SHORT_METHODS[method].lower() for method in methods)])


def _options(column: Column) -> list[str]:
    """What turns a config for all of FaceForensics++ LQ into one for other data."""
    trained = column.trained
    ours = _dataset(_OWN_BASE)
    if trained.compression:
        wanted = {**ours, 'compression': trained.compression}
        wanted['methods'] = list(trained.methods or ours['methods'])
    else:
        wanted = _dataset(column.tested.config)
    options = []
    for name in _DATASET_OPTIONS:
        if wanted.get(name) != ours.get(name):
            value = wanted[name]
            if isinstance(value, list):  # load_config makes a list of a name again
                value = value[0] if len(value) == 1 else f'{value}'.replace(' ', '')
            if name in ours:
                options.append(f'{name}={value}')
            else:  # load_config spreads only what every dataset has
                options += [f'{one}.dataset.{name}={value}' for one in _LOADERS]
    return options


def _dataset(name: str) -> Mapping[str, Any]:
    path = CONFIGS.resolve() / '_base_/datasets' / f'{name}.py'
    dataset: Mapping[str, Any] = read_config(path)['train_dataloader']['dataset']
    return dataset


def _test_command(
    config: str, checkpoint: str, folder: str, table: PaperTable, column: Column
) -> str:
    if column.trained == column.tested.source:
        words = ['python', 'tools/test.py', config, checkpoint, '--work-dir', folder]
    else:
        # All sets of the row at once: an evaluation replaces the table of the last one,
        # which tells whose figures they are.
        sets = [one.tested.config for one in table.columns]
        words = ['python', 'tools/evaluate.py', config, checkpoint]
        words += ['--work-dir', folder, '--on', *sets]
    return ' '.join(word if '*' in word else shlex.quote(word) for word in words)


def _relative(stem: str) -> str:
    # Of two configs of one name, the first is the one under the paper's recipe:
    # baselines/ come before published/.
    return f'configs/{references_of(stem)[0].relative_to(CONFIGS.resolve())}'
