"""Measure models side by side in one run, for `tools/speed.py`."""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from torch.utils.benchmark import Timer

from mmdeepfake.engine.build import load_config
from mmdeepfake.errors import ConfigError
from mmdeepfake.files.package_folders import CONFIGS

from ..complexity import describe_shape, measure_complexity
from ..markdown import format_table
from .measured_models import MODELS, MODES
from .speed_report import describe_run, format_facts, write_report
from .timed_model import SpeedSettings, TimedModel, count_frames

# Raised when a pass does not fit into memory, or the model rejects its input.
FAILURES = (RuntimeError, ValueError, AssertionError)


@dataclass
class SpeedRow:
    """The figures of one model on the frames of one split.

    Attributes:
        name: of the model.
        config: its file.
        split: 'train' or 'test', whose pipeline gives the frames.
        frames: of a video, and their size, in words.
        num_frames: of a video.
        num_videos: of a batch.
        parameters: of the model.
        gmacs: 1e9 multiply-accumulates per video, see `complexity`.
        seconds: mode -> of a batch, one value per round.
        peak_bytes: mode -> peak memory of a batch, on CUDA.
        faults: mode or 'model' -> why it was not measured.
    """

    name: str
    config: str
    split: str
    frames: str
    num_frames: int
    num_videos: int
    parameters: int
    gmacs: float
    seconds: dict[str, list[float]] = field(default_factory=dict)
    peak_bytes: dict[str, int] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)


def run_speed(args: argparse.Namespace) -> None:
    """Measure the models, print the tables and write the files."""
    print(measure_speed(args))


def measure_speed(args: argparse.Namespace) -> str:
    """Measure the models and write the files; return the tables."""
    settings = SpeedSettings(args.device, args.dtype, args.channels_last, args.compile)
    for option, value in (
        ('--batch-size', args.batch_size),
        ('--repeats', args.repeats),
    ):
        if value < 1:
            raise ConfigError(f'{option} {value}: must be at least 1')
    configs = find_models(args.models, args.cfg_options)
    if args.threads is not None:
        torch.set_num_threads(args.threads)
    if ':' in args.device:
        torch.cuda.set_device(args.device)
    facts = {
        **describe_run(args.device),
        'numbers': str(settings),
        'rounds': f'{args.repeats}; batch {args.batch_size}',
    }
    rows: list[SpeedRow] = []
    for split in dict.fromkeys(args.splits):
        models = build_models(rows, configs, split, settings, args)
        for mode in dict.fromkeys(args.modes):
            measure_times(models, mode, args.repeats)
            if args.out is not None:  # now, in case the run is interrupted
                record = {'facts': facts, 'rows': [asdict(row) for row in rows]}
                write_report('speed', format_speed(rows, facts), record, args.out)
        models.clear()
        gc.collect()
    return format_speed(rows, facts)


def find_models(words: Sequence[str], cfg_options: Mapping | None) -> dict[str, Config]:
    """Read the configs of models given by name or file; without words, all of ours."""
    configs = {}
    for word in words or MODELS:
        path = CONFIGS / MODELS[word] if word in MODELS else Path(word)
        if word not in MODELS and not path.is_file():
            raise ConfigError(
                f'model {word!r} is neither a config file nor one of '
                + ', '.join(MODELS)
            )
        name = word if word in MODELS or path.stem in configs else path.stem
        configs[name] = load_config(path, cfg_options)
    return configs


def build_models(
    rows: list[SpeedRow],
    configs: Mapping[str, Config],
    split: str,
    settings: SpeedSettings,
    args: argparse.Namespace,
) -> list[tuple[SpeedRow, TimedModel]]:
    """Build all models for the frames of a split, append their rows, measure memory."""
    models, base_frames = [], 0
    for name, cfg in configs.items():
        cost = measure_complexity(cfg, split=split)
        num_frames = count_frames(cost.input_shape)
        base_frames = base_frames or args.batch_size * num_frames
        # As many frames as the first model, in more or fewer videos.
        num_videos = max(1, round(base_frames / num_frames))
        row = SpeedRow(
            name,
            _relative(cfg.filename),
            split,
            describe_shape(cost.input_shape),
            num_frames,
            num_videos,
            cost.num_parameters,
            cost.gmacs,
        )
        rows.append(row)
        print(f'{split}: {name}, {num_videos} x {row.frames}', file=sys.stderr)
        before = torch.cuda.memory_allocated() if settings.device != 'cpu' else 0
        try:
            model = TimedModel(
                cfg, shape=cost.input_shape, num_videos=num_videos, settings=settings
            )
            if settings.device != 'cpu':
                row.peak_bytes = measure_peak_bytes(model, args.modes, before)
        except FAILURES as error:
            row.faults['model'] = first_line(error)
        else:
            models.append((row, model))
    return models


def measure_peak_bytes(
    model: TimedModel, modes: Sequence[str], before: int
) -> dict[str, int]:
    """Return the peak of each mode above what torch held `before` the model was built.

    Weights, optimizer state, the batch, activations, gradients and workspaces count.
    The step of 'train' is the second one, since the first makes the optimizer's state.
    There is no such counter for a CPU.
    """
    peaks = {}
    for mode in modes:
        model.run(mode)
        torch.cuda.reset_peak_memory_stats()
        model.run(mode)
        torch.cuda.synchronize()
        peaks[mode] = torch.cuda.max_memory_allocated() - before
    return peaks


def measure_times(
    models: Sequence[tuple[SpeedRow, TimedModel]], mode: str, repeats: int
) -> None:
    """Time every model once per round, so that drift of the machine affects all.

        round 1: A B C    round 2: B C A    round 3: C A B

    A model that fails (e.g. out of memory) loses its times.
    """
    for number in range(repeats):
        start = number % len(models) if models else 0
        for row, model in (*models[start:], *models[:start]):
            if mode in row.faults:
                continue
            timer = Timer(
                'model.run(mode)',
                globals={'model': model, 'mode': mode},
                num_threads=torch.get_num_threads(),
            )
            try:
                seconds = timer.timeit(1).median
            except FAILURES as error:
                row.faults[mode] = first_line(error)
                row.seconds.pop(mode, None)
                torch.cuda.empty_cache()  # no-op without CUDA
            else:
                row.seconds.setdefault(mode, []).append(seconds)


def format_speed(rows: Sequence[SpeedRow], facts: Mapping[str, str]) -> str:
    """Format the facts of a run and a table per split."""
    parts = ['# Speed', format_facts(facts)]
    for split in dict.fromkeys(row.split for row in rows):
        section = [row for row in rows if row.split == split]
        floor = section[0]
        parts.append(
            f'## The frames of the {split} pipeline\n\n'
            f'Times are per video; ratios are to {floor.name} for as many frames, '
            'paired by round; medians, with quartiles in brackets.'
        )
        modes = [m for m in MODES if any(m in r.seconds for r in section)]
        header = ['model', 'a video', 'videos', 'parameters, M', 'GMAC']
        for mode in modes:
            header += [f'{MODES[mode]}, ms', 'ratio', 'peak, MB', 'ratio']
        lines = []
        for row in section:
            cells = [row.name, row.frames, str(row.num_videos)]
            cells += [f'{row.parameters / 1e6:.2f}', f'{row.gmacs:.1f}']
            for mode in modes:
                cells += mode_cells(row, floor, mode)
            lines.append(cells)
        parts.append(format_table(header, lines))
        parts += [
            f'- {row.name}, {MODES.get(what, what)}: not measured: {fault}'
            for row in section
            for what, fault in row.faults.items()
        ]
    return '\n\n'.join(parts) + '\n'


def mode_cells(row: SpeedRow, floor: SpeedRow, mode: str) -> list[str]:
    """Format time and peak memory of one mode, and their ratios to the baseline."""
    one, other = (r.num_frames * r.num_videos for r in (floor, row))
    scale = one / other
    cells = ['-'] * 4
    if mode in row.seconds:
        seconds = np.array(row.seconds[mode])
        cells[0] = _format_spread(1e3 * seconds / row.num_videos, 0)
        if mode in floor.seconds:
            cells[1] = _format_spread(seconds / floor.seconds[mode] * scale, 2)
    if mode in row.peak_bytes:
        cells[2] = f'{row.peak_bytes[mode] / 1e6:.0f}'
        if mode in floor.peak_bytes:
            cells[3] = f'{row.peak_bytes[mode] / floor.peak_bytes[mode] * scale:.2f}'
    return cells


def _format_spread(values: np.ndarray, digits: int) -> str:
    low, median, high = (
        f'{value:.{digits}f}' for value in np.quantile(values, (0.25, 0.5, 0.75))
    )
    return median if low == high else f'{median} [{low}, {high}]'


def first_line(error: Exception) -> str:
    """Return the first line of an error's message; torch adds many."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _relative(path: str) -> str:
    """Return a config's path from configs/ on."""
    parts = Path(path).parts
    return '/'.join(parts[parts.index('configs') :]) if 'configs' in parts else path
