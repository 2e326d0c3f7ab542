"""Measures models side by side in one run: what `tools/speed.py` does."""

from __future__ import annotations

import argparse
import gc
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from mmengine.config import Config

from mmdeepfake.engine.build import load_config
from mmdeepfake.engine.hooks.run_report_hook import describe_code
from mmdeepfake.errors import ConfigError, DataError

from ..complexity import describe_shape, measure_complexity
from .speed_memory import OutOfMemoryError, measure_peak_bytes
from .speed_model import SpeedModel, SpeedSettings, count_frames
from .speed_table import SpeedRow, SpeedSection, format_markdown, write_tables
from .speed_timing import (
    FAILURES,
    Spread,
    paired_ratios,
    seconds_on_cpu,
    seconds_on_cuda,
    time_in_turns,
)

# Reached through the package, so that an installed copy finds them as well.
CONFIGS = Path(__file__).resolve().parents[2] / '.mim/configs'
# The first is the floor. TANet is on RATF's frames, others on those of their recipes.
MODELS = {
    'ResNet-50': 'ablations/resnet_r50_ffpp_lq.py',
    'RATFNet-50': 'ablations/ratf_no_csa_r50_ffpp_lq.py',
    'RATFNet-50 + CSA': 'ratf_r50_ffpp_lq.py',
    'TANet': 'baselines/tam_snippets_ffpp_lq.py',
    'TEI': 'baselines/tei_ffpp_lq.py',
    'STIL': 'baselines/stil_ffpp_lq.py',
    'DSANet': 'baselines/dsanet_ffpp_lq.py',
    'V4D': 'baselines/v4d_ffpp_lq.py',
    'I3D': 'baselines/i3d_r50_ffpp_lq.py',
}


def run_speed(args: argparse.Namespace) -> None:
    """Measure the models of the command line, print the tables, write the files."""
    settings = SpeedSettings(
        device=args.device,
        dtype=args.dtype,
        channels_last=args.channels_last,
        compile=args.compile,
        threads=args.threads,
        modes=tuple(dict.fromkeys(args.modes)),
    )
    for name in ('batch', 'repeats'):
        if getattr(args, name) < 1:
            raise ConfigError(f'--{name} {getattr(args, name)}: at least 1 is needed')
    configs = find_models(args.models, args.cfg_options)
    settings.apply()
    facts = {
        'command': ' '.join(['python', *sys.argv]),
        **describe_run(settings),
        'rounds': f'{args.repeats} after {args.warmup} to warm up; batch {args.batch}',
    }
    sections: list[SpeedSection] = []
    for split in dict.fromkeys(args.splits):
        sections.append(SpeedSection(split, ()))

        def keep(rows: Sequence[SpeedRow], split: str = split) -> None:
            """Write what there is: the rest may take long, or be interrupted."""
            sections[-1] = SpeedSection(split, tuple(rows))
            if args.out is not None:
                write_tables(sections, settings, facts, args.out)

        measure_split(configs, split, settings, args, keep)
    print(format_markdown(sections, settings, facts))


def find_models(words: Sequence[str], cfg_options: Mapping | None) -> dict[str, Config]:
    """Read the configs of models given by name or by file; all of ours for no words."""
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


def measure_split(
    configs: Mapping[str, Config],
    split: str,
    settings: SpeedSettings,
    args: argparse.Namespace,
    keep: Callable[[Sequence[SpeedRow]], None],
) -> None:
    """Measure all models on the frames of one split, the memory of each one first.

    `keep` is called with the rows after each model's memory and each mode's times.
    """
    rows: list[SpeedRow] = []
    models: dict[str, SpeedModel] = {}
    for name, cfg in configs.items():
        cost = measure_complexity(cfg, split=split)
        shape = cost.input_shape
        wanted = args.batch * (rows[0].num_frames if rows else count_frames(shape))
        row = SpeedRow(
            name=name,
            config=_relative(cfg.filename),
            frames=describe_shape(shape),
            num_frames=count_frames(shape),
            # Every model gets as many frames as the floor, in more or fewer videos.
            num_videos=max(1, round(wanted / count_frames(shape))),
            parameters=cost.num_parameters,
            gmacs=cost.gmacs,
        )
        rows.append(row)
        _tell(f'{split}: {name}, {row.num_videos} videos of {row.frames}')
        if args.memory:
            _measure_memory(row, cfg, shape, settings)
            keep(rows)
        # One that did not fit alone would take the process with it here.
        if 'memory' in row.faults and 'out of memory' in row.faults['memory']:
            continue
        try:
            models[name] = SpeedModel(
                cfg, shape=shape, num_videos=row.num_videos, settings=settings
            )
        except FAILURES as error:
            row.faults['model'] = first_line(error)
    keep(rows)
    for mode in settings.modes:
        _measure_times(rows, models, mode, settings, args)
        keep(rows)
    models.clear()
    gc.collect()


def _measure_memory(
    row: SpeedRow, cfg: Config, shape: Sequence[int], settings: SpeedSettings
) -> None:
    try:
        row.peak_bytes = measure_peak_bytes(
            cfg, shape=shape, num_videos=row.num_videos, settings=settings
        )
    except OutOfMemoryError as error:
        row.faults['memory'] = f'out of memory: {first_line(error)}'
    except DataError as error:
        row.faults['memory'] = first_line(error)


def _measure_times(
    rows: Sequence[SpeedRow],
    models: Mapping[str, SpeedModel],
    mode: str,
    settings: SpeedSettings,
    args: argparse.Namespace,
) -> None:
    by_name = {row.name: row for row in rows}

    def note_failure(name: str, error: Exception) -> None:
        by_name[name].faults[mode] = first_line(error)
        if settings.on_cuda:
            torch.cuda.empty_cache()

    times = time_in_turns(
        {name: lambda model=model: model.run(mode) for name, model in models.items()},
        warmup=args.warmup,
        repeats=args.repeats,
        clock=seconds_on_cuda if settings.on_cuda else seconds_on_cpu,
        on_failure=note_failure,
    )
    floor = rows[0]
    for name, seconds in times.items():
        row = by_name[name]
        row.seconds[mode] = Spread.of(seconds)
        if floor.name in times:
            scale = floor.num_frames * floor.num_videos
            scale /= row.num_frames * row.num_videos
            ratios = paired_ratios(seconds, times[floor.name])
            row.ratios[mode] = Spread.of(ratios).times(scale)


def first_line(error: Exception) -> str:
    """Give an error's message without what torch adds to it."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def describe_run(settings: SpeedSettings) -> dict[str, str]:
    """Say where and how a run was made; 'device' is the device's name."""
    load = ', '.join(f'{value:.1f}' for value in os.getloadavg())
    memory = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30
    return {
        'device': device_name(settings),
        'machine': f'{os.cpu_count()} logical cores, {memory:.0f} GiB, '
        f'{platform.system()}; load over 1, 5, 15 minutes at the start: {load}',
        'torch': f'{torch.__version__}, {torch.get_num_threads()} threads',
        'numbers': f'{settings.dtype}, '
        + ('channels_last' if settings.channels_last else "torch's layout")
        + (f', compiled by {settings.compile}' if settings.compile else ', eager'),
        'code': describe_code(),
        'date': time.strftime('%Y-%m-%d'),
    }


def device_name(settings: SpeedSettings) -> str:
    """Give the GPU's name, or the processor's as Linux tells it."""
    if settings.on_cuda:
        return torch.cuda.get_device_name(settings.device)
    path = Path('/proc/cpuinfo')
    lines = path.read_text().splitlines() if path.is_file() else []
    names = [line.split(':', 1)[1] for line in lines if line.startswith('model name')]
    return (names[0] if names else platform.processor() or platform.machine()).strip()


def _relative(path: str) -> str:
    """Name a config as its user would, not by where the package lies."""
    parts = Path(path).parts
    return '/'.join(parts[parts.index('configs') :]) if 'configs' in parts else path


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
