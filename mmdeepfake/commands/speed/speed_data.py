"""Measures the way of the data from a stored video to a batch on the device."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope

from mmdeepfake.engine.build import load_config
from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import DATASETS

from .speed import describe_run
from .speed_model import SpeedSettings, build_random_model, optimizer_settings
from .speed_storages import render_videos, store_every_way
from .speed_table import markdown_table, write_files

COLLATE = 'collate'
MAX_OWN_VIDEOS = 64  # read once before the clock starts, to lie in the page cache


@dataclass
class DataSpeed:
    """What one way of storing costs.

    Attributes:
        name: of the way.
        num_samples: that were read.
        step_seconds: name of a step -> CPU seconds of all samples together.
        waiting_share: share of the training's time that the model waited for data;
            None if no model ran.
        samples_a_second: of that training.
    """

    name: str
    num_samples: int = 0
    step_seconds: dict[str, float] = field(default_factory=dict)
    waiting_share: float | None = None
    samples_a_second: float | None = None

    @property
    def samples_a_core(self) -> float:
        """Samples a second that one core reads."""
        return self.num_samples / sum(self.step_seconds.values())


class StoredVideos(torch.utils.data.Dataset):
    """A map from numbers to packed samples, without end: items come again.

    Args:
        items: what the pipeline gets, one a video.
        pipeline: the transforms' settings.
        length: number of samples.
    """

    def __init__(
        self, items: Sequence[Mapping], pipeline: Sequence[Mapping], length: int
    ) -> None:
        self._items, self._length = items, length
        self._read = Compose(list(pipeline))

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> dict:
        return self._read(dict(self._items[index % len(self._items)]))


def run_speed_data(args: argparse.Namespace) -> None:
    """Measure what the command line asks for, print it and write it."""
    settings = SpeedSettings(device=args.device, threads=args.threads)
    cfg = load_config(args.config, args.cfg_options)
    if not cfg.get('train_dataloader'):
        raise ConfigError(f'config {args.config} has no train_dataloader: nothing read')
    settings.apply()
    cv2.setNumThreads(1)
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    batch = args.batch or cfg.train_dataloader.batch_size
    facts = {
        'command': ' '.join(['python', *sys.argv]),
        **describe_run(settings),
        'config': f'{args.config}, its training pipeline, batches of {batch}',
    }
    results = []
    with tempfile.TemporaryDirectory(prefix='speed_data_') as folder:
        for name, items in find_items(cfg, args, Path(folder)).items():
            print(f'reading: {name}', file=sys.stderr, flush=True)
            found = measure_steps(
                name, items, cfg, batch_size=batch, seconds=args.seconds
            )
            if args.steps:
                measure_waiting(
                    found, items, cfg, settings,
                    batch_size=batch, workers=args.workers, steps=args.steps,
                )  # fmt: skip
            results.append(found)
    text = format_data_speed(results, facts, workers=args.workers)
    print(text)
    if args.out is not None:
        record = {'facts': facts, 'results': [asdict(found) for found in results]}
        write_files('speed_data', text, format_data_csv(results), record, args.out)


def find_items(
    cfg: Config, args: argparse.Namespace, folder: Path
) -> dict[str, list[dict]]:
    """Give the items of the config's own training set, or of rendered videos."""
    if args.own_data:
        settings = {**cfg.train_dataloader.dataset.to_dict(), 'pipeline': []}
        dataset = DATASETS.build(settings)
        count = min(len(dataset), MAX_OWN_VIDEOS)
        chosen = np.linspace(0, len(dataset) - 1, count).astype(int).tolist()
        items = [{'modality': 'RGB', **dataset.prepare_data(i)} for i in chosen]
        name = f'{count} of {len(dataset)} in {cfg.train_dataloader.dataset.type}'
        return {name: items}
    print(f'rendering {args.videos} videos', file=sys.stderr, flush=True)
    videos = render_videos(
        folder,
        num_videos=args.videos,
        num_frames=args.frames,
        size_px=args.size_px,
    )
    return store_every_way(videos, folder)


def measure_steps(
    name: str,
    items: Sequence[Mapping],
    cfg: Config,
    *,
    batch_size: int,
    seconds: float,
) -> DataSpeed:
    """Read samples in this process and add up the CPU time of each step.

    Files lie in the page cache: what is measured is the work of a core, not the disk.
    """
    transforms = Compose(list(cfg.train_dataloader.dataset.pipeline)).transforms
    rng = np.random.default_rng(0)
    np.random.seed(0)
    for item in items:
        _read_step_by_step(item, transforms, {})
    found, packed = DataSpeed(name), []
    start = time.process_time()
    while found.num_samples < 2 or time.process_time() - start < seconds:
        item = items[rng.integers(len(items))]
        packed.append(_read_step_by_step(item, transforms, found.step_seconds))
        found.num_samples += 1
        if len(packed) == batch_size:
            begun = time.process_time()
            pseudo_collate(packed)
            _add(found.step_seconds, COLLATE, time.process_time() - begun)
            packed.clear()
    return found


def _read_step_by_step(
    item: Mapping, transforms: Sequence, step_seconds: dict[str, float]
) -> dict:
    results = dict(item)
    for transform in transforms:
        begun = time.process_time()
        results = transform(results)
        _add(step_seconds, type(transform).__name__, time.process_time() - begun)
    return results


def _add(step_seconds: dict[str, float], name: str, seconds: float) -> None:
    step_seconds[name] = step_seconds.get(name, 0.0) + seconds


def measure_waiting(
    found: DataSpeed,
    items: Sequence[Mapping],
    cfg: Config,
    settings: SpeedSettings,
    *,
    batch_size: int,
    workers: int,
    steps: int,
) -> None:
    """Train for some steps and note the share of time in which no batch was there.

    The two steps before those counted start the workers and fill their queues.
    """
    warmup = 2
    pipeline = cfg.train_dataloader.dataset.pipeline
    loader = torch.utils.data.DataLoader(
        StoredVideos(items, pipeline, (warmup + steps) * batch_size),
        batch_size=batch_size,
        num_workers=workers,
        collate_fn=pseudo_collate,
        pin_memory=settings.on_cuda,
    )
    model = build_random_model(cfg).to(settings.device)
    model.train()
    optimizer = build_optim_wrapper(model, optimizer_settings(cfg, settings.dtype))
    waited = total = 0.0
    begun = time.perf_counter()
    for number, batch in enumerate(loader):
        ready = time.perf_counter()
        model.train_step(batch, optimizer)
        if settings.on_cuda:
            torch.cuda.synchronize(settings.device)
        ended = time.perf_counter()
        if number >= warmup:
            waited += ready - begun
            total += ended - begun
        begun = ended
    found.waiting_share = waited / total
    found.samples_a_second = steps * batch_size / total


def format_data_speed(
    results: Sequence[DataSpeed], facts: Mapping[str, str], *, workers: int
) -> str:
    """Lay the results out as Markdown."""
    names = list(
        dict.fromkeys(name for found in results for name in found.step_seconds)
    )
    header = ['stored as', 'samples/s a core', *names]
    with_model = any(found.waiting_share is not None for found in results)
    if with_model:
        header += ['waiting', 'samples/s']
    lines = []
    for found in results:
        total = sum(found.step_seconds.values())
        cells = [found.name, f'{found.samples_a_core:.1f}']
        cells += [f'{found.step_seconds.get(name, 0) / total:.1%}' for name in names]
        if with_model:
            cells += [f'{found.waiting_share:.1%}', f'{found.samples_a_second:.2f}']
        lines.append(cells)
    parts = [
        '# Speed of the data',
        '\n'.join(f'- {key}: {fact}' for key, fact in facts.items()),
        'A sample is one video as the training pipeline packs it. Steps are shares of '
        'the CPU time of one process.',
        markdown_table(header, lines),
    ]
    if with_model:
        parts.append(
            f"'waiting' is the share of a training's time in which its model had no "
            f'batch, with {workers} workers.'
        )
    return '\n\n'.join(parts) + '\n'


def format_data_csv(results: Sequence[DataSpeed]) -> str:
    """One line for each way and step."""
    lines = ['storage,step,cpu_seconds_a_sample']
    for found in results:
        for name, seconds in found.step_seconds.items():
            lines.append(f'"{found.name}",{name},{seconds / found.num_samples}')
    return '\n'.join(lines) + '\n'
