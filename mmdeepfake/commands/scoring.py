"""Scores several test sets with one model, which is built and loaded once."""

from __future__ import annotations

import copy
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.runner import Runner

from mmdeepfake.engine.build import build_runner, load_config
from mmdeepfake.engine.config_checks import check_model_selection
from mmdeepfake.engine.data_workers import explain_dead_workers
from mmdeepfake.engine.hooks.run_report_hook import iterate_videos
from mmdeepfake.errors import ConfigError, DataNotFoundError, LeakError
from mmdeepfake.evaluation.leakage import (
    TRAINING_VIDEOS_FILE,
    VIDEOS,
    SeenVideos,
    find_leaks,
)
from mmdeepfake.evaluation.summary import Summary
from mmdeepfake.registry import DATASETS

from .report import METRICS, PREDICTIONS, read_summary

DATASET_CONFIGS = pathlib.Path(__file__).parents[1] / '.mim/configs/_base_/datasets'


@dataclass(frozen=True)
class TestSet:
    """One set of videos to score.

    Attributes:
        name: of its folder and its rows.
        dataset: config of the dataset, its pipeline included.
    """

    name: str
    dataset: Mapping[str, Any]


@dataclass(frozen=True)
class ScoredSet:
    """What scoring a set gave.

    Attributes:
        name: of the set.
        folder: where predictions.csv and metrics.json lie.
        summary: the figures.
        warnings: what a reader of the figures must know, such as leaks.
    """

    name: str
    folder: pathlib.Path
    summary: Summary
    warnings: tuple[str, ...]


def find_test_set(
    word: str,
    cfg: Config,
    *,
    split: str = 'test',
    overrides: Mapping[str, Any] | None = None,
) -> TestSet:
    """Give the set that a word of the command line names, read by the model's pipeline.

    The sampler, the crop and the size are the model's own, whatever the set's config
    says: they belong to what was trained.

    Args:
        word: a config of `configs/_base_/datasets`, without its suffix, or the path of
            any config that has a test_dataloader.
        cfg: the model's config.
        split: which split of the set.
        overrides: arguments of the dataset, such as data_root.
    """
    path = pathlib.Path(word)
    if path.suffix != '.py':
        path = DATASET_CONFIGS / f'{word}.py'
        if not path.is_file():
            names = ', '.join(sorted(p.stem for p in DATASET_CONFIGS.glob('*.py')))
            raise ConfigError(
                f'test set {word!r}: allowed are {names}, or the path of a config'
            )
    loader = load_config(path).get('test_dataloader')
    if loader is None:
        raise ConfigError(f'config {path} has no test_dataloader')
    dataset = copy.deepcopy(loader.dataset.to_dict())
    dataset.update(overrides or {}, split=split, test_mode=True)
    dataset['pipeline'] = copy.deepcopy(cfg.test_dataloader.dataset.to_dict())[
        'pipeline'
    ]
    return TestSet(path.stem, dataset)


def own_test_set(cfg: Config, *, split: str = 'test') -> TestSet:
    """Give the set that the model's config tests on."""
    dataset = copy.deepcopy(cfg.test_dataloader.dataset.to_dict())
    return TestSet('own', {**dataset, 'split': split})


def validation_set(cfg: Config) -> TestSet:
    """Give the validation videos of the model's config, read as test videos are."""
    if cfg.get('val_dataloader') is None:
        raise ConfigError('the config has no val_dataloader: nothing to choose on')
    dataset = copy.deepcopy(cfg.val_dataloader.dataset.to_dict())
    if dataset.get('split') != 'val':
        raise ConfigError(
            f'val_dataloader.dataset.split = {dataset.get("split")!r}: a threshold is '
            "chosen on validation videos, so it must be 'val'"
        )
    pipeline = copy.deepcopy(cfg.test_dataloader.dataset.to_dict())['pipeline']
    return TestSet('val', {**dataset, 'pipeline': pipeline})


def score_sets(
    cfg: Config,
    checkpoint: str,
    test_sets: Sequence[TestSet],
    *,
    folder: pathlib.Path,
    metric: Mapping[str, Any] | None = None,
    allow_leak: bool = False,
) -> Iterator[ScoredSet]:
    """Score the sets one after another; only the main process gets results.

    Args:
        cfg: the model's config, its work_dir set.
        checkpoint: its weights.
        test_sets: each with a name of its own.
        folder: gets a sub-folder for each set.
        metric: further arguments of DeepfakeMetric.
        allow_leak: go on where the test was seen in training; the warnings say so.

    Raises:
        LeakError: the model was trained, or chosen, on videos or persons of a set.
    """
    selection = _selection_leak(cfg, allow=allow_leak)
    runner = _build_for_test_alone(cfg, checkpoint)
    datasets = {one.name: DATASETS.build(one.dataset) for one in test_sets}
    trained = _training_videos(cfg, checkpoint)
    warnings = {
        name: (*selection, *_training_leaks(trained, name, dataset, allow=allow_leak))
        for name, dataset in datasets.items()
    }
    for name, dataset in datasets.items():
        place = folder / name
        evaluator = {
            'type': 'DeepfakeMetric',
            'checkpoint': checkpoint,
            'predictions_csv': str(place / PREDICTIONS),
            'metrics_json': str(place / METRICS),
            **(metric or {}),
        }
        _test_on(
            runner, dict(cfg.test_dataloader.to_dict(), dataset=dataset), evaluator
        )
        if is_main_process():  # it alone has the scores of all
            summary = read_summary(place / METRICS, place / PREDICTIONS)
            yield ScoredSet(name, place, summary, warnings[name])


def _build_for_test_alone(cfg: Config, checkpoint: str) -> Runner:
    cfg = copy.deepcopy(cfg)
    cfg.load_from, cfg.resume = checkpoint, False
    # What is not needed is not built, so that no training data need be there.
    for phase in ('train', 'val'):
        cfg[f'{phase}_dataloader'] = cfg[f'{phase}_cfg'] = None
    cfg.val_evaluator = cfg.optim_wrapper = cfg.param_scheduler = None
    saving = (cfg.get('default_hooks') or {}).get('checkpoint')
    if saving:  # the best of what? there is no validation
        saving.save_best = None
    return build_runner(cfg)


def _test_on(runner: Runner, loader: dict, evaluator: dict) -> None:
    # MMEngine's Runner tests on the set of its config. It builds the loop from these
    # whenever `test` is called, and loads the checkpoint the first time.
    runner._test_dataloader = loader
    runner._test_evaluator = evaluator
    runner._test_loop = dict(runner.cfg.get('test_cfg') or {'type': 'TestLoop'})
    with explain_dead_workers(runner):
        runner.test()


def _selection_leak(cfg: Config, *, allow: bool) -> tuple[str, ...]:
    try:
        check_model_selection(cfg)
    except ConfigError as error:
        if not allow:
            raise
        return (str(error),)
    return ()


def _training_leaks(
    trained: SeenVideos | None, name: str, dataset: Any, *, allow: bool
) -> list[str]:
    if trained is None:
        return [
            'Whether the model was trained on these videos could not be checked: '
            f'there is no {TRAINING_VIDEOS_FILE} beside the checkpoint, and the '
            'training data of the config are not there.'
        ]
    leaks = find_leaks(trained, SeenVideos.of_items(iterate_videos(dataset)))
    # An official split may show known persons; its videos must still be others.
    shows_known = getattr(dataset, 'test_shows_known_persons', False)
    refused = [leak for leak in leaks if leak.kind == VIDEOS or not shows_known]
    if refused and not allow:
        raise LeakError(
            f'test set {name!r}: {"; ".join(map(str, refused))}. Figures of it would '
            'show memory, not skill. Test on another split, or pass --allow-leak to '
            'have them all the same, marked as such'
        )
    return list(map(str, leaks))


def _training_videos(cfg: Config, checkpoint: str) -> SeenVideos | None:
    beside = pathlib.Path(checkpoint).parent / TRAINING_VIDEOS_FILE
    if beside.is_file():
        return SeenVideos.read(beside)
    loader = cfg.get('train_dataloader')
    if loader is None:
        return None
    dataset = {**loader.dataset.to_dict(), 'pipeline': [], 'check_files': 'stat'}
    try:
        return SeenVideos.of_items(iterate_videos(DATASETS.build(dataset)))
    except DataNotFoundError:
        return None
