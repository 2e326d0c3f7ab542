"""Finds the runs below work dirs: what each was trained on, and what it scored.

Nothing is taken on trust where it can be checked: figures must belong to their
prediction file by its SHA-256 and follow from it, and what a model was trained on is
read from the folder of the checkpoint that was tested.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmdeepfake.engine.build import load_config
from mmdeepfake.engine.config_checks import check_model_selection
from mmdeepfake.errors import ConfigError, DataError, DataNotFoundError, InputError
from mmdeepfake.evaluation.leakage import (
    TRAINING_VIDEOS_FILE,
    SeenVideos,
    find_leaks,
)
from mmdeepfake.evaluation.predictions import VideoPrediction, read_predictions
from mmdeepfake.evaluation.summarise import summarise
from mmdeepfake.evaluation.summary import Summary
from mmdeepfake.files.bounded_reading import load_json

from ..benchmark.benchmark_run import step_of
from ..evaluate import FOLDER
from ..report import METRICS, PREDICTIONS, read_summary
from .paper_protocol import VideoSource

RUN = 'run.json'
_CHECKED = ('num_real', 'num_fake', 'acc', 'auc')
_TOLERANCE = 1e-9  # ours; figures are written in full precision


@dataclass(frozen=True)
class Training:
    """A training, as its folder tells it.

    Attributes:
        folder: where its checkpoints lie.
        stem: file name of its config, without suffix.
        config: the config it really ran with, options included.
        facts: of `run.json`: seed, code, initial weights, counted videos.
        videos: what it has seen, None where it left no list.
    """

    folder: Path
    stem: str
    config: Config
    facts: Mapping[str, Any]
    videos: SeenVideos | None

    @property
    def seed(self) -> int | None:
        """Of the training."""
        return self.facts.get('seed')

    @cached_property
    def source(self) -> VideoSource | None:
        """What it was trained on; None unless that is one dataset."""
        names = {dataset for dataset, _, _ in self.videos.videos} if self.videos else ()
        if len(names) != 1:
            return None
        dataset = self.config.train_dataloader.dataset
        counted = self.facts['videos']['train']
        methods = sorted(name[5:] for name in counted if name.startswith('fake/'))
        return VideoSource(
            next(iter(names)), dataset.get('compression') or '', tuple(methods)
        )

    def best_checkpoint(self) -> str:
        """Where its best checkpoint lies, as a pattern if it is not there (yet)."""
        found = sorted(self.folder.glob('best_*.pth'), key=step_of)
        return str(
            found[-1] if found else self.folder / 'best_deepfake_auc_epoch_*.pth'
        )

    def selection_problem(self) -> str:
        """Say if a test set chose the model; '' if not."""
        try:
            check_model_selection(self.config)
        except ConfigError as error:
            return str(error)
        return ''


@dataclass(frozen=True)
class ScoredRun:
    """A set of videos that a model has scored.

    Attributes:
        folder: of the prediction file.
        checkpoint: the weights, as `metrics.json` names them; '' if it does not.
        training: what made the weights; None where that is not known.
        config: the config of the last test in the run's folder, options included;
            None where it is not there.
        summary: the figures.
        predictions: the score of each video.
        sha256: of the prediction file.
    """

    folder: Path
    checkpoint: str
    training: Training | None
    config: Config | None
    summary: Summary
    predictions: tuple[VideoPrediction, ...]
    sha256: str

    @cached_property
    def source(self) -> VideoSource | None:
        """What was tested; None if that is more than one dataset or compression."""
        keys = [prediction.key for prediction in self.predictions]
        if len({(key.dataset, key.compression) for key in keys}) != 1:
            return None
        methods = sorted({key.method for key in keys if key.label})
        return VideoSource(keys[0].dataset, keys[0].compression, tuple(methods))

    def leaks(self) -> list[str]:
        """Say which of its videos and persons the model was trained on."""
        if self.training is None or self.training.videos is None:
            return []
        items = (
            {'video_key': p.key, 'identities': p.identities} for p in self.predictions
        )
        return find_leaks(self.training.videos, SeenVideos.of_items(items))


@dataclass(frozen=True)
class BrokenRun:
    """A folder of a run whose figures cannot be used, and why."""

    folder: Path
    problem: str


@dataclass(frozen=True)
class FoundRuns:
    """All that was found.

    Attributes:
        trainings: every training.
        scored: every set of predictions that is sound.
        broken: the others.
    """

    trainings: tuple[Training, ...]
    scored: tuple[ScoredRun, ...]
    broken: tuple[BrokenRun, ...]


def find_runs(work_dirs: Iterable[str | Path]) -> FoundRuns:
    """Read every run in and below the folders; each folder once.

    Raises:
        DataNotFoundError: one of them is not there or holds no run.
    """
    folders: dict[Path, Path] = {}
    for work_dir in map(Path, work_dirs):
        found = sorted(path.parent for path in work_dir.rglob(RUN))
        if not found:
            raise DataNotFoundError(
                f'no {RUN} in or below {work_dir}: python tools/train.py CONFIG and '
                'tools/test.py CONFIG CHECKPOINT leave one in their work dir'
            )
        for folder in found:
            folders.setdefault(folder.resolve(), folder)
    trainings, scored, broken = [], [], []
    for folder in folders.values():
        try:
            training = read_training(folder)
            if training is not None:
                trainings.append(training)
        except InputError as error:
            broken.append(BrokenRun(folder, str(error)))
        for place in _places_of_figures(folder):
            try:
                scored.append(read_scored_run(place, folder))
            except (InputError, OSError) as error:
                broken.append(BrokenRun(place, str(error)))
    return FoundRuns(tuple(trainings), tuple(scored), tuple(broken))


def _places_of_figures(folder: Path) -> Iterator[Path]:
    """The run's own folder, and those of the sets it was evaluated on."""
    for place in (folder, *sorted((folder / FOLDER).glob('*/'))):
        if any((place / name).is_file() for name in (METRICS, PREDICTIONS)):
            yield place


def read_training(folder: Path) -> Training | None:
    """Read what a training has left in its folder; None if there was none.

    Raises:
        DataError: its record is damaged.
        DataNotFoundError: its config is not there any more.
    """
    facts = _read_record(folder).get('train')
    if facts is None:
        return None
    try:
        stem = Path(facts['config']).stem
        counted = facts['videos']['train']
        if not isinstance(counted, dict):
            raise TypeError('videos.train is no table')
    except (KeyError, TypeError) as error:
        raise DataError(
            f'{folder / RUN}: the entry of training lacks {error}'
        ) from error
    listed = folder / TRAINING_VIDEOS_FILE
    videos = SeenVideos.read(listed) if listed.is_file() else None
    return Training(folder, stem, _config_of_training(folder, stem), facts, videos)


def _config_of_training(folder: Path, stem: str) -> Config:
    """The config as MMEngine's visualizer kept it when the training began.

    The one that lies in the folder itself is written anew by every test, with the
    options of the test.
    """
    # Folders are named by the time at which a run began; a test logs no scalars.json.
    logs = sorted(folder.glob('*/vis_data/scalars.json'))
    if logs:
        return load_config(logs[-1].with_name('config.py'))
    tested = _read_record(folder).get('test')
    if tested is None:
        return load_config(folder / f'{stem}.py')
    raise DataNotFoundError(
        f'{folder} keeps no config of its training (TIME/vis_data/config.py beside '
        'scalars.json): what it was trained on cannot be told'
    )


def read_scored_run(place: Path, folder: Path) -> ScoredRun:
    """Read figures and predictions, and whose they are.

    Args:
        place: where predictions.csv and metrics.json lie.
        folder: the run's folder, with run.json.

    Raises:
        DataNotFoundError: one of the two files is missing.
        DataError: they do not belong together, or are damaged.
    """
    predictions = read_predictions(place / PREDICTIONS)
    summary = read_summary(place / METRICS, place / PREDICTIONS)
    check_figures(summary, predictions, where=place / METRICS)
    checkpoint = _checkpoint_of(place)
    return ScoredRun(
        place,
        checkpoint,
        _training_of(checkpoint, folder),
        _config_of_test(folder),
        summary,
        tuple(predictions),
        hashlib.sha256((place / PREDICTIONS).read_bytes()).hexdigest(),
    )


def check_figures(
    summary: Summary, predictions: list[VideoPrediction], *, where: Path
) -> None:
    """Refuse counts, accuracies and AUCs that do not follow from the predictions."""
    computed = summarise(predictions, threshold=summary.threshold, num_resamples=0)
    names, expected = ([row.name for row in one.rows] for one in (summary, computed))
    if names != expected:
        raise DataError(
            f'{where}: rows {", ".join(names)}, but its prediction file gives '
            f'{", ".join(expected)}; run tools/test.py again'
        )
    for told, found in zip(summary.rows, computed.rows, strict=True):
        for name in _CHECKED:
            one, other = float(getattr(told, name)), float(getattr(found, name))
            if abs(one - other) > _TOLERANCE or (one != one) != (other != other):
                raise DataError(
                    f'{where}: {name} of {told.name} is {one:g}, but its prediction '
                    f'file gives {other:g}; run tools/test.py again'
                )


def _checkpoint_of(place: Path) -> str:
    record = load_json(place / METRICS, allow_nan=True)
    return str(record.get('checkpoint') or '')


def _config_of_test(folder: Path) -> Config | None:
    entry = _read_record(folder).get('test') or {}
    path = folder / Path(str(entry.get('config', ''))).name
    return load_config(path) if path.suffix == '.py' and path.is_file() else None


def _training_of(checkpoint: str, folder: Path) -> Training | None:
    """The training that wrote a checkpoint: in the folder of the checkpoint."""
    if not checkpoint:
        return None
    parent = Path(checkpoint).parent
    if (parent / RUN).is_file():
        return read_training(parent)
    # A run's folder that was moved, or read from elsewhere, keeps its name.
    if parent.name == folder.resolve().name and not parent.is_dir():
        return read_training(folder)
    return None


def _read_record(folder: Path) -> dict[str, Any]:
    path = folder / RUN
    try:
        record = load_json(path, allow_nan=True)
    except (OSError, ValueError) as error:
        raise DataError(f'cannot read {path}: {error}') from error
    if not isinstance(record, dict) or not all(
        isinstance(entry, dict) for entry in record.values()
    ):
        raise DataError(f'{path}: not what a training or a test writes')
    return record
