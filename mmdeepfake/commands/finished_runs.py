"""Finds the runs below work dirs: what each was trained on, and what it scored.

Nothing is taken on trust where it can be checked: figures must belong to their
prediction file by its SHA-256 and follow from it, and what a model was trained on is
read from the folder of the checkpoint that was tested.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmdeepfake.engine.written_config import read_written_config
from mmdeepfake.errors import DataError, DataNotFoundError, InputError
from mmdeepfake.evaluation.leakage import (
    TRAINING_VIDEOS_FILE,
    Leak,
    SeenVideos,
    find_leaks,
)
from mmdeepfake.evaluation.predictions import VideoPrediction, read_predictions
from mmdeepfake.evaluation.summarise import summarise
from mmdeepfake.evaluation.summary import Summary
from mmdeepfake.files.bounded_reading import load_json

from .evaluate import FOLDER
from .report import METRICS, PREDICTIONS, read_summary

RUN = 'run.json'
_CHECKED = ('num_real', 'num_fake', 'acc', 'auc')
_TOLERANCE = 1e-9  # ours; figures are written in full precision


@dataclass(frozen=True)
class VideoSource:
    """Which videos a model was trained or tested on.

    Attributes:
        dataset: as in the keys of the videos.
        compression: '' where the dataset has no levels of it.
        methods: manipulations; None is every one there is.
    """

    dataset: str
    compression: str = ''
    methods: tuple[str, ...] | None = None

    def __str__(self) -> str:
        methods = '' if self.methods is None else f' ({", ".join(self.methods)})'
        return f'{self.dataset} {self.compression}'.strip() + methods

    def is_same(self, wanted: VideoSource) -> bool:
        """Whether these are the wanted videos; any manipulations where it says None."""
        return (self.dataset, self.compression) == (
            wanted.dataset,
            wanted.compression,
        ) and (wanted.methods is None or set(self.methods or ()) == set(wanted.methods))


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
        counted = self.facts['videos']['train']
        methods = sorted(name[5:] for name in counted if name.startswith('fake/'))
        compression = self.config.train_dataloader.dataset.get('compression') or ''
        return VideoSource(next(iter(names)), compression, tuple(methods))


@dataclass(frozen=True)
class ScoredRun:
    """A set of videos that a model has scored.

    Attributes:
        place: folder of the prediction file.
        folder: of the run: `place` itself, or the one above the sets of an evaluation.
        record: `run.json` of the run; empty where there is none.
        checkpoint: the weights, as `metrics.json` names them; '' if it does not.
        summary: the figures.
        predictions: the score of each video.
        sha256: of the prediction file.
    """

    place: Path
    folder: Path
    record: Mapping[str, Any]
    checkpoint: str
    summary: Summary
    predictions: tuple[VideoPrediction, ...]
    sha256: str

    @cached_property
    def training(self) -> Training | None:
        """The training that wrote the checkpoint, in whose folder it lies."""
        parent = Path(self.checkpoint).parent
        if self.checkpoint and (parent / RUN).is_file():
            return read_training(parent)
        # A run's folder that was moved, or read from elsewhere, keeps its name.
        is_moved = parent.name == self.folder.resolve().name and not parent.is_dir()
        return read_training(self.folder) if self.checkpoint and is_moved else None

    @cached_property
    def config(self) -> Config | None:
        """The config of the run's last test, options included, if it is there."""
        name = Path(str(self.record.get('test', {}).get('config', ''))).name
        path = self.folder / name
        return (
            read_written_config(path)
            if path.suffix == '.py' and path.is_file()
            else None
        )

    @cached_property
    def source(self) -> VideoSource | None:
        """What was tested; None if that is more than one dataset or compression."""
        keys = [prediction.key for prediction in self.predictions]
        if len({(key.dataset, key.compression) for key in keys}) != 1:
            return None
        methods = sorted({key.method for key in keys if key.label})
        return VideoSource(keys[0].dataset, keys[0].compression, tuple(methods))

    @cached_property
    def leaks(self) -> list[Leak]:
        """Which of its videos and persons the model was trained on."""
        if self.training is None or self.training.videos is None:
            return []
        items = (
            {'video_key': p.key, 'identities': p.identities} for p in self.predictions
        )
        return find_leaks(self.training.videos, SeenVideos.of_items(items))


@dataclass(frozen=True)
class FoundRuns:
    """All that was found: trainings, sound figures, and folder -> what is wrong."""

    trainings: tuple[Training, ...]
    scored: tuple[ScoredRun, ...]
    broken: Mapping[Path, str]


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
    trainings, scored, broken = [], [], {}
    for folder in folders.values():
        try:
            training = read_training(folder)
            trainings += [] if training is None else [training]
        except InputError as error:
            broken[folder] = str(error)
        for place in (folder, *sorted((folder / FOLDER).glob('*/'))):
            if not any((place / name).is_file() for name in (METRICS, PREDICTIONS)):
                continue
            try:
                run = read_scored_run(place, folder)
                _ = run.training  # its faults are found here, not later
                scored.append(run)
            except (InputError, OSError) as error:
                broken[place] = str(error)
    return FoundRuns(tuple(trainings), tuple(scored), broken)


def read_training(folder: Path) -> Training | None:
    """Read what a training has left in its folder; None if there was none.

    Raises:
        DataError: its record is damaged.
        DataNotFoundError: its config is not there any more.
    """
    record = read_record(folder)
    facts = record.get('train')
    if facts is None:
        return None
    try:
        stem = Path(facts['config']).stem
        if not isinstance(facts['videos']['train'], dict):
            raise TypeError('videos.train is no table')
    except (KeyError, TypeError) as error:
        raise DataError(
            f'{folder / RUN}: the entry of training lacks {error}'
        ) from error
    listed = folder / TRAINING_VIDEOS_FILE
    videos = SeenVideos.read(listed) if listed.is_file() else None
    return Training(folder, stem, _read_config(folder, stem, record), facts, videos)


def _read_config(folder: Path, stem: str, record: Mapping[str, Any]) -> Config:
    """Read the config as MMEngine's visualizer kept it when the training began.

    The one that lies in the folder itself is written anew by every test, with the
    options of the test.
    """
    # Folders are named by the time at which a run began; a test logs no scalars.json.
    logs = sorted(folder.glob('*/vis_data/scalars.json'))
    if logs:
        return read_written_config(logs[-1].with_name('config.py'))
    if 'test' not in record:
        return read_written_config(folder / f'{stem}.py')
    raise DataNotFoundError(
        f'{folder} keeps no config of its training (TIME/vis_data/config.py beside '
        'scalars.json): what it was trained on cannot be told'
    )


def read_scored_run(place: Path, folder: Path) -> ScoredRun:
    """Read figures and predictions, and make sure that they belong together.

    Args:
        place: where predictions.csv and metrics.json lie.
        folder: the run's folder, with run.json.

    Raises:
        DataNotFoundError: one of the two files is missing.
        DataError: they do not belong together, or are damaged.
    """
    predictions = read_predictions(place / PREDICTIONS)
    summary = read_summary(place / METRICS, place / PREDICTIONS)
    _check_figures(summary, predictions, where=place / METRICS)
    return ScoredRun(
        place,
        folder,
        read_record(folder),
        str(load_json(place / METRICS, allow_nan=True).get('checkpoint') or ''),
        summary,
        tuple(predictions),
        hashlib.sha256((place / PREDICTIONS).read_bytes()).hexdigest(),
    )


def _check_figures(
    summary: Summary, predictions: list[VideoPrediction], *, where: Path
) -> None:
    """Refuse counts, accuracies and AUCs that do not follow from the predictions."""
    computed = summarise(predictions, threshold=summary.threshold, num_resamples=0)
    stated, expected = (
        {
            (row.name, name): float(getattr(row, name))
            for row in rows
            for name in _CHECKED
        }
        for rows in (summary.rows, computed.rows)
    )
    for row, name in sorted(stated.keys() | expected.keys()):
        one, other = (figures.get((row, name)) for figures in (stated, expected))
        if one is None or other is None:
            problem = f'row {row} is not in both the figures and the predictions'
        elif abs(one - other) > _TOLERANCE or (one != one) != (other != other):
            problem = f'{name} of {row} is {one:g}, but its predictions give {other:g}'
        else:
            continue
        raise DataError(f'{where}: {problem}; run tools/test.py again')


def read_record(folder: Path) -> dict[str, Any]:
    """Read `run.json` of a folder; empty where there is none."""
    path = folder / RUN
    if not path.is_file():
        return {}
    try:
        record = load_json(path, allow_nan=True)
        if not all(isinstance(entry, dict) for entry in record.values()):
            raise ValueError('not what a training or a test writes')
    except (OSError, ValueError, AttributeError) as error:
        raise DataError(f'cannot read {path}: {error}') from error
    return record


def best_checkpoint(folder: Path) -> Path | None:
    """Find the checkpoint of the best validation, the one of the last epoch.

    A kill between two steps may leave the best one and the one before it. Which came
    later does not hang on a clock, which may have been set back.
    """

    def step_of(path: Path) -> tuple[int, str]:
        found = re.search(r'_(\d+)$', path.stem)
        return int(found[1]) if found else 0, path.name

    return max(folder.glob('best_*.pth'), key=step_of, default=None)
