"""Measure the data path from a stored video to a batch, for `tools/speed_data.py`."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import init_default_scope

from mmdeepfake.datasets.transforms.decoding import stream_frames
from mmdeepfake.engine.build import load_config
from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import DATASETS

from ..markdown import format_table
from .speed_report import describe_run, format_facts, write_report

COLLATE = 'collate'
MAX_VIDEOS = 64  # read once before the clock starts, to be in the page cache


def run_speed_data(args: argparse.Namespace) -> None:
    """Measure a config's training pipeline, print its steps and write them."""
    cfg = load_config(args.config, args.cfg_options)
    if not cfg.get('train_dataloader'):
        raise ConfigError(f'config {args.config} has no train_dataloader')
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    items, num_videos = find_items(cfg)
    num_samples, step_seconds = measure_steps(items, cfg, seconds=args.seconds)
    facts = {
        **describe_run(),
        'config': args.config,
        'videos': f'{len(items)} of {num_videos} of its training set',
        'samples': str(num_samples),
    }
    text = format_data_speed(num_samples, step_seconds, facts)
    print(text)
    if args.out is not None:
        record = {'facts': facts, 'num_samples': num_samples}
        record['step_seconds'] = step_seconds
        write_report('speed_data', text, record, args.out)


def find_items(cfg: Config) -> tuple[list[dict], int]:
    """Return items spread over the training set, and its size."""
    dataset = DATASETS.build({**cfg.train_dataloader.dataset.to_dict(), 'pipeline': []})
    count = min(len(dataset), MAX_VIDEOS)
    chosen = np.linspace(0, len(dataset) - 1, count).astype(int).tolist()
    items = [{'modality': 'RGB', **dataset.prepare_data(i)} for i in chosen]
    return items, len(dataset)


def measure_steps(
    items: Sequence[Mapping], cfg: Config, *, seconds: float
) -> tuple[int, Counter[str]]:
    """Read samples in this process and sum the CPU time of each step.

    Files are in the page cache, so the disk is not measured.

    Returns:
        Number of samples, and name of a step -> its total CPU seconds.
    """
    transforms = Compose(list(cfg.train_dataloader.dataset.pipeline)).transforms
    stream_frames(transforms)  # as the dataset does
    rng = np.random.default_rng(0)
    np.random.seed(0)
    for item in items:
        _read_step_by_step(item, transforms, Counter())
    num_samples, packed, step_seconds = 0, [], Counter()
    start = time.process_time()
    while num_samples < 2 or time.process_time() - start < seconds:
        item = items[rng.integers(len(items))]
        packed.append(_read_step_by_step(item, transforms, step_seconds))
        num_samples += 1
        if len(packed) == cfg.train_dataloader.batch_size:
            begun = time.process_time()
            pseudo_collate(packed)
            step_seconds[COLLATE] += time.process_time() - begun
            packed.clear()
    return num_samples, step_seconds


def _read_step_by_step(
    item: Mapping, transforms: Sequence, step_seconds: Counter[str]
) -> dict:
    results = dict(item)
    for transform in transforms:
        begun = time.process_time()
        results = transform(results)
        step_seconds[type(transform).__name__] += time.process_time() - begun
    return results


def format_data_speed(
    num_samples: int, step_seconds: Mapping[str, float], facts: Mapping[str, str]
) -> str:
    """Format the rate of one core and the share of each step as Markdown."""
    total = sum(step_seconds.values())
    cells = [f'{num_samples / total:.1f}']
    cells += [f'{seconds / total:.1%}' for seconds in step_seconds.values()]
    table = format_table(['samples/s a core', *step_seconds], [cells])
    return (
        f'# Speed of the data\n\n{format_facts(facts)}\n\n'
        'A sample is one video as packed by the training pipeline. Steps are shares of '
        f'the CPU time of one process.\n\n{table}\n'
    )
