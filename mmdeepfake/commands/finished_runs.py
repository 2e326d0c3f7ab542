"""Find the runs below work dirs: what each was trained on, and what it scored.

Figures must belong to their prediction file by its SHA-256 and follow from it; the
training data are read from the folder of the checkpoint that was tested.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config

from mmdeepfake.engine.hooks.run_report_hook import RECORD
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

from .report import FOLDER, METRICS, PREDICTIONS, read_summary

_TOLERANCE = {'rtol': 0, 'atol': 1e-9, 'equal_nan': True}  # ours; full precision


@dataclass(frozen=True)
class VideoSource:
    """Which videos a model was trained or tested on.

    Attributes:
        dataset: as in the keys of the videos.
        compression: '' where the dataset has only one.
        methods: manipulations; None means all.
    """

    dataset: str
    compression: str = ''
    methods: Sequence[str] | None = None

    def __str__(self) -> str:
        methods = '' if self.methods is None else f' ({", ".join(self.methods)})'
        return f'{self.dataset} {self.compression}'.strip() + methods

    def is_same(self, wanted: VideoSource) -> bool:
        """Return whether these are the wanted videos; None matches any methods."""
        return self.has(wanted) and (wanted.methods is None or wanted.has(self))

    def has(self, wanted: VideoSource) -> bool:
        """Return whether the wanted videos are among these."""
        places = [(one.dataset, one.compression) for one in (self, wanted)]
        is_among = set(wanted.methods or ()) <= set(self.methods or ())
        return places[0] == places[1] and is_among


@dataclass(frozen=True)
class Training:
    """A training, as recorded in its folder.

    Attributes:
        folder: of its checkpoints.
        stem: file name of its config, without suffix.
        config: as it ran, options included.
        facts: of `run.json`: seed, code, initial weights, counts of videos.
        videos: what it was trained on; None without a list.
        source: the same; None unless they are one dataset.
    """

    folder: Path
    stem: str
    config: Config
    facts: Mapping[str, Any]
    videos: SeenVideos | None
    source: VideoSource | None


@dataclass(frozen=True)
class ScoredRun:
    """A set of videos that a model has scored.

    Attributes:
        place: folder of the prediction file.
        folder: of the run: `place` itself, or the one above the sets of an evaluation.
        record: `run.json` of the run; empty if missing.
        checkpoint: path of the weights in `metrics.json`; '' if missing.
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
        """The training in the checkpoint's folder."""
        parent = Path(self.checkpoint).parent
        if not self.checkpoint:
            return None
        if (parent / RECORD).is_file():
            return read_training(parent)
        # A folder that was moved keeps its name.
        is_moved = parent.name == self.folder.resolve().name and not parent.is_dir()
        return read_training(self.folder) if is_moved else None

    @cached_property
    def config(self) -> Config | None:
        """The config of the run's last test, options included; None if missing."""
        path = self.folder / Path(str(self.record.get('test', {}).get('config'))).name
        found = path.suffix == '.py' and path.is_file()
        return read_written_config(path) if found else None

    @cached_property
    def source(self) -> VideoSource | None:
        """The test data; None if of more than one dataset or compression."""
        keys = [prediction.key for prediction in self.predictions]
        if len({(key.dataset, key.compression) for key in keys}) != 1:
            return None
        methods = sorted({key.method for key in keys if key.label})
        return VideoSource(keys[0].dataset, keys[0].compression, tuple(methods))

    @cached_property
    def leaks(self) -> list[Leak]:
        """The test videos and persons that the model was trained on."""
        if self.training is None or self.training.videos is None:
            return []
        items = (
            {'video_key': p.key, 'identities': p.identities} for p in self.predictions
        )
        return find_leaks(self.training.videos, SeenVideos.of_items(items))


@dataclass(frozen=True)
class FoundRuns:
    """All that was found: valid figures, and folder -> why it is invalid."""

    scored: tuple[ScoredRun, ...]
    broken: Mapping[Path, str]


def find_runs(work_dirs: Iterable[str | Path]) -> FoundRuns:
    """Read every run in and below the folders; each folder once.

    Raises:
        DataNotFoundError: a folder is missing or has no run.
    """
    folders: dict[Path, Path] = {}
    for work_dir in map(Path, work_dirs):
        found = sorted(path.parent for path in work_dir.rglob(RECORD))
        if not found:
            raise DataNotFoundError(
                f'no {RECORD} in or below {work_dir}: python tools/train.py CONFIG and '
                'tools/test.py CONFIG CHECKPOINT write one in their work dir'
            )
        for folder in found:
            folders.setdefault(folder.resolve(), folder)
    scored, broken = [], {}
    for folder in folders.values():
        for place in (folder, *sorted((folder / FOLDER).glob('*/'))):
            if (place / METRICS).is_file() or (place / PREDICTIONS).is_file():
                try:
                    run = read_scored_run(place, folder)
                    _ = run.training  # read now, so that its errors are found here
                    scored.append(run)
                except (InputError, OSError) as error:
                    broken[place] = str(error)
    return FoundRuns(tuple(scored), broken)


def read_training(folder: Path) -> Training | None:
    """Read a training from its folder; None if there was none.

    Raises:
        DataError: its record is damaged.
        DataNotFoundError: its config is missing.
    """
    record = read_record(folder)
    facts = record.get('train')
    if facts is None:
        return None
    try:
        stem, counts = Path(facts['config']).stem, facts['videos']['train']
        methods = sorted(name[5:] for name in counts if name.startswith('fake/'))
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f'{folder / RECORD}: the training record lacks {error}'
        ) from error
    listed = folder / TRAINING_VIDEOS_FILE
    videos = SeenVideos.read(listed) if listed.is_file() else None
    config = _read_config(folder, stem, record)
    names = {dataset for dataset, _, _ in videos.videos} if videos else set()
    source = None
    if len(names) == 1:
        compression = config.train_dataloader.dataset.get('compression') or ''
        source = VideoSource(names.pop(), compression, tuple(methods))
    return Training(folder, stem, config, facts, videos, source)


def _read_config(folder: Path, stem: str, record: Mapping[str, Any]) -> Config:
    """Read the config that MMEngine's visualizer wrote when the training began.

    Every test overwrites the one in the folder itself, with the options of the test.
    """
    # Folders are named by the time a run began; a test writes no scalars.json.
    logs = sorted(folder.glob('*/vis_data/scalars.json'))
    if logs:
        return read_written_config(logs[-1].with_name('config.py'))
    if 'test' not in record:
        return read_written_config(folder / f'{stem}.py')
    raise DataNotFoundError(
        f'{folder} has no config of its training (TIME/vis_data/config.py beside '
        'scalars.json): its training data are unknown'
    )


def read_scored_run(place: Path, folder: Path) -> ScoredRun:
    """Read figures and predictions, and check that they belong together.

    Args:
        place: folder of predictions.csv and metrics.json.
        folder: the run's folder, with run.json.

    Raises:
        DataNotFoundError: one of the two files is missing.
        DataError: they do not belong together, or are damaged.
    """
    metrics, predictions_csv = place / METRICS, place / PREDICTIONS
    predictions = read_predictions(predictions_csv)
    summary = read_summary(metrics, predictions_csv)
    computed = summarise(predictions, threshold=summary.threshold, num_resamples=0)
    stated, expected = _figures_of(summary), _figures_of(computed)
    for row, name in sorted(stated.keys() | expected.keys()):
        one, other = (f.get((row, name), 'missing') for f in (stated, expected))
        if 'missing' in (one, other) or not np.isclose(one, other, **_TOLERANCE):
            raise DataError(
                f'{metrics}: {name} of {row} is {one}, but its predictions give '
                f'{other}; run tools/test.py again'
            )
    return ScoredRun(
        place,
        folder,
        read_record(folder),
        str(load_json(metrics, allow_nan=True).get('checkpoint') or ''),
        summary,
        tuple(predictions),
        hashlib.sha256(predictions_csv.read_bytes()).hexdigest(),
    )


def _figures_of(summary: Summary) -> dict[tuple[str, str], float]:
    names = ('num_real', 'num_fake', 'acc', 'auc')
    return {(row.name, n): getattr(row, n) for row in summary.rows for n in names}


def read_record(folder: Path) -> dict[str, Any]:
    """Read `run.json` of a folder; empty if missing."""
    path = folder / RECORD
    if not path.is_file():
        return {}
    try:
        record = load_json(path, allow_nan=True)
        if not all(isinstance(entry, dict) for entry in record.values()):
            raise ValueError('not what a training or a test writes')
    except (OSError, ValueError, AttributeError) as error:
        raise DataError(f'cannot read {path}: {error}') from error
    return record
