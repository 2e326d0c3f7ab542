"""Score several test sets with one model, built and loaded once."""

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
from mmdeepfake.errors import ConfigError, DataNotFoundError, LeakError, suggest
from mmdeepfake.evaluation.leakage import (
    TRAINING_VIDEOS_FILE,
    VIDEOS,
    SeenVideos,
    find_leaks,
)
from mmdeepfake.evaluation.summary import Summary
from mmdeepfake.files.package_folders import CONFIGS
from mmdeepfake.registry import DATASETS

from .report import METRICS, PREDICTIONS, read_summary

DATASET_CONFIGS = CONFIGS / '_base_/datasets'


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
    """The figures of one set.

    Attributes:
        name: of the set.
        folder: of predictions.csv and metrics.json.
        summary: the figures.
        warnings: e.g. about leaks.
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
    """Return the set of a command-line word, read by the model's own pipeline.

    Args:
        word: a config of `configs/_base_/datasets`, without its suffix, or the path of
            any config with a test_dataloader.
        cfg: the model's config.
        split: which split of the set.
        overrides: arguments of the dataset, such as data_root.
    """
    path = pathlib.Path(word)
    if path.suffix != '.py':
        path = DATASET_CONFIGS / f'{word}.py'
        if not path.is_file():
            names = sorted(p.stem for p in DATASET_CONFIGS.glob('*.py'))
            raise ConfigError(
                f'test set {word!r} is unknown{suggest(word, names)}; '
                f'allowed are {", ".join(names)}, and the path of a config'
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
    """Return the test set of the model's config."""
    dataset = copy.deepcopy(cfg.test_dataloader.dataset.to_dict())
    return TestSet('own', {**dataset, 'split': split})


def validation_set(cfg: Config) -> TestSet:
    """Return the validation set of the model's config, read by its test pipeline."""
    if cfg.get('val_dataloader') is None:
        raise ConfigError('the config has no val_dataloader to choose a threshold on')
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
    """Score the sets in turn; only the main process gets results.

    Args:
        cfg: the model's config, its work_dir set.
        checkpoint: its weights.
        test_sets: with unique names.
        folder: gets a sub-folder per set.
        metric: further arguments of DeepfakeMetric.
        allow_leak: only warn if the test was seen in training.

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
        if is_main_process():  # only it has all scores
            summary = read_summary(place / METRICS, place / PREDICTIONS)
            yield ScoredSet(name, place, summary, warnings[name])


def _build_for_test_alone(cfg: Config, checkpoint: str) -> Runner:
    cfg = copy.deepcopy(cfg)
    cfg.load_from, cfg.resume = checkpoint, False
    # Training data may be missing, so they are not built.
    for phase in ('train', 'val'):
        cfg[f'{phase}_dataloader'] = cfg[f'{phase}_cfg'] = None
    cfg.val_evaluator = cfg.optim_wrapper = cfg.param_scheduler = None
    saving = (cfg.get('default_hooks') or {}).get('checkpoint')
    if saving:  # without validation there is no best
        saving.save_best = None
    return build_runner(cfg)


def _test_on(runner: Runner, loader: dict, evaluator: dict) -> None:
    # MMEngine's Runner builds its loop from these in every `test`, and loads the
    # checkpoint the first time.
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
            'Could not check whether the model was trained on these videos: '
            f'no {TRAINING_VIDEOS_FILE} beside the checkpoint, and the training data '
            'of the config are missing.'
        ]
    leaks = find_leaks(trained, SeenVideos.of_items(iterate_videos(dataset)))
    # An official split may show known persons; its videos must still be others.
    shows_known = getattr(dataset, 'test_shows_known_persons', False)
    refused = [leak for leak in leaks if leak.kind == VIDEOS or not shows_known]
    if refused and not allow:
        raise LeakError(
            f'test set {name!r}: {"; ".join(map(str, refused))}. Test on another '
            'split, or pass --allow-leak for figures with a warning'
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
