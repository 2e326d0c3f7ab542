"""Says and writes down what a run really was: weights, data, seed, code."""

from __future__ import annotations

import hashlib
import math
import os
import pathlib
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any

from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, Runner, find_latest_checkpoint

from mmdeepfake.evaluation.leakage import TRAINING_VIDEOS_FILE, SeenVideos
from mmdeepfake.registry import HOOKS
from mmdeepfake.structures import LABEL_NAMES
from mmdeepfake.structures.training_data import (
    TRAINING_DATA,
    VALIDATION,
    KnownFigure,
    TrainingData,
    name_kind,
)
from mmdeepfake.version import __version__

from ..broken_sample_batches import innermost_datasets
from ..config_checks import walk_dicts
from ..run_record import CONFIG_SHA256, RECORD, write_entry


@HOOKS.register_module()
class RunReportHook(Hook):
    """Logs the facts of a run when it starts and keeps them in `run.json`.

    The file holds one entry for training and one for testing, so that a test in the
    folder of its training adds to the record. A training also leaves the list of its
    videos, with which an evaluation finds out whether it tests on them, and its
    checkpoints tell kind, sets and number of persons, on which verdicts depend, and the
    figure of their validation.
    """

    def __init__(self) -> None:
        self._loaded: str | None = None
        self._trained: TrainingData | None = None
        self._validated: KnownFigure | None = None

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Note which file the weights come from, in place of the initial ones."""
        source = runner._load_from or find_latest_checkpoint(runner.work_dir)
        verb = 'resumed from' if runner._resume else 'loaded from'
        self._loaded = f'{verb} {source}'

    def before_train(self, runner: Runner) -> None:
        """Report once weights are loaded and just before the first step."""
        self._report(runner, 'train', {'train': runner.train_dataloader})
        self._list_videos(runner)

    @master_only
    def _list_videos(self, runner: Runner) -> None:
        dataset = runner.train_dataloader.dataset
        path = pathlib.Path(runner.work_dir, TRAINING_VIDEOS_FILE)
        seen = SeenVideos.of_items(iterate_videos(dataset), kind=kind_of(dataset))
        seen.write(path)
        self._trained = seen.training_data

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None
    ) -> None:
        """Forget the validation: the weights are about to change."""
        self._validated = None

    def after_val_epoch(
        self, runner: Runner, metrics: Mapping[str, float] | None = None
    ) -> None:
        """Keep the figure of the weights that are validated."""
        if self._trained is not None:
            self._validated = find_figure(metrics or {}, runner.val_dataloader.dataset)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Add the kind of training data, and the validation, to the metadata."""
        if self._trained is not None:
            facts = replace(self._trained, figure=self._validated)
            checkpoint['meta'][TRAINING_DATA] = asdict(facts)

    def before_val(self, runner: Runner) -> None:
        """Report a validation on its own; those inside a training are part of it."""
        if not isinstance(runner._train_loop, BaseLoop):
            self._report(runner, 'val', {})

    def before_test(self, runner: Runner) -> None:
        """Report once the checkpoint is loaded."""
        self._report(runner, 'test', {'test': runner.test_dataloader})

    @master_only
    def _report(self, runner: Runner, phase: str, loaders: dict[str, Any]) -> None:
        if isinstance(runner._val_loop, BaseLoop):
            loaders['val'] = runner.val_dataloader
        work_dir = pathlib.Path(runner.work_dir)
        config = work_dir / os.path.basename(
            runner.cfg.filename or f'{runner.timestamp}.py'
        )
        facts = {
            'command': ' '.join(sys.argv),
            'started': time.strftime('%Y-%m-%dT%H:%M:%S%z'),
            'config': str(config),
            CONFIG_SHA256: hashlib.sha256(config.read_bytes()).hexdigest(),
            'initial_weights': self._loaded or describe_initial_weights(runner.cfg),
            'seed': runner.seed,
            'processes': runner.world_size,
            'code': describe_code(),
            'videos': {
                name: count_videos(loader.dataset) for name, loader in loaders.items()
            },
        }
        for name, fact in facts.items():
            runner.logger.info(f'{phase}: {name} = {fact}')
        write_entry(work_dir / RECORD, phase, facts)


def describe_initial_weights(cfg: Mapping) -> str:
    """Describe the initial weights that the config names: files, or random."""
    sources = []
    for path, node in walk_dicts(cfg.get('model'), 'model'):
        if isinstance(node.get('pretrained'), str):
            sources.append(f'{path}.pretrained = {node["pretrained"]}')
        if node.get('type') == 'Pretrained':
            sources.append(f'{path} = {node.get("checkpoint")}')
    return '; '.join(sources) or 'random (nothing pretrained, no checkpoint loaded)'


def count_videos(dataset: Any) -> dict[str, int]:
    """Count the videos of a dataset per class and method: `{'real': 5, 'fake/...': 7}`.

    A video that is listed several times, to balance the classes, counts once.
    """
    seen = set()
    counts: Counter = Counter()
    for info in iterate_videos(dataset):
        if 'video_key' in info:
            if info['video_key'] in seen:
                continue
            seen.add(info['video_key'])
        label = LABEL_NAMES[int(info['label'])]
        method = info.get('method', label)
        counts[label if method == label else f'{label}/{method}'] += 1
    return dict(sorted(counts.items(), reverse=True))


def find_figure(metrics: Mapping[str, float], dataset: Any) -> KnownFigure | None:
    """Return the AUC among a validation's metrics; None if there is none."""
    found = (key.removesuffix('/auc') for key in metrics if key.endswith('/auc'))
    # Those of a manipulation come without a number of videos.
    prefix = next((one for one in found if f'{one}/num_videos' in metrics), None)
    if prefix is None or math.isnan(metrics[f'{prefix}/auc']):
        return None
    ends = [metrics.get(f'{prefix}/auc_{end}', math.nan) for end in ('low', 'high')]
    return KnownFigure(
        VALIDATION,
        float(metrics[f'{prefix}/auc']),
        *(None if math.isnan(end) else float(end) for end in ends),
        int(metrics[f'{prefix}/num_videos']),
        SeenVideos.of_items(iterate_videos(dataset)).training_data.sets,
    )


def kind_of(dataset: Any) -> str:
    """Return the kind of training data, from what its datasets state."""
    inner = list(innermost_datasets(dataset))
    return name_kind(
        (getattr(one, 'footage', None) for one in inner),
        with_pseudo_fakes=any(getattr(one, 'pseudo_fakes', False) for one in inner),
    )


def iterate_videos(dataset: Any) -> Iterator[Mapping]:
    """Yield the items of a dataset, or of all datasets that it wraps."""
    for one in innermost_datasets(dataset):
        for index in range(len(one)):
            yield one.get_data_info(index)


def describe_code() -> str:
    """Return the version and, in a git checkout of mmdeepfake, the commit."""
    folder = pathlib.Path(__file__).parent

    def ask_git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(
                ['git', '-C', str(folder), *arguments],
                capture_output=True,
                text=True,
                timeout=10,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    # An installed copy may lie inside somebody else's checkout (a .venv does).
    if ask_git('ls-files', '--error-unmatch', pathlib.Path(__file__).name) is None:
        return f'mmdeepfake {__version__}'
    changed = ' with uncommitted changes' if ask_git('status', '-s', '-uno') else ''
    return f'mmdeepfake {__version__}, commit {ask_git("rev-parse", "HEAD")}{changed}'
