"""Trains and tests a list of configs on one dataset, and writes the table of them."""

from __future__ import annotations

import argparse
import difflib
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmdeepfake.engine.build import load_config
from mmdeepfake.engine.config_checks import check_config, find_datasets
from mmdeepfake.errors import ConfigError
from mmdeepfake.evaluation.predictions import read_predictions
from mmdeepfake.files.atomic_write import replace_text
from mmdeepfake.files.bounded_reading import load_json

from ..complexity import Complexity, measure_complexity
from ..paper_tables.paper_results import DATASET, find_paper_row
from ..report import PREDICTIONS
from .benchmark_run import BenchmarkRun, Launch, RunState
from .benchmark_table import BenchmarkRow, SeedResult, write_tables

RUN_RECORD = 'run.json'  # of RunReportHook, where a config has it


@dataclass(frozen=True)
class Plan:
    """The runs of a benchmark.

    Attributes:
        configs: stem of each config's name -> its settings, in the order given.
        runs: one for each config and seed, seeds innermost.
    """

    configs: dict[str, Config]
    runs: list[BenchmarkRun]


def run_benchmark(args: argparse.Namespace) -> None:
    """Run what is not done yet, then write the tables; exit code 1 if a row failed."""
    launch = Launch(args.launcher, args.processes, args.srun_args, args.amp)
    plan = make_plan(
        args.configs, args.work_dir, args.seeds, launch, options=args.cfg_options
    )
    mine = [] if args.table_only else plan.runs[parse_shard(args.shard)]
    costs = {stem: count_cost(stem, cfg) for stem, cfg in plan.configs.items()}
    # As Ctrl-C does; by default a signal would leave the child running alone.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    failed = 0
    for index, run in enumerate(mine, start=1):
        state = run.advance()
        failed += state.stage != 'done'
        told = f'[{index}/{len(mine)}] {run.folder}: {describe_state(state)}'
        print(told, flush=True)
        write_tables(collect_rows(plan, costs), args.work_dir)
    for path in write_tables(collect_rows(plan, costs), args.work_dir):
        print(f'written: {path}')
    if failed:
        print(f'{failed} of {len(mine)} runs did not finish', file=sys.stderr)
        raise SystemExit(1)


def describe_state(state: RunState) -> str:
    """Say in a few words where a run stands."""
    if state.failure:
        return f'FAILED, {state.failure}'
    if state.stage != 'done':
        return f'not finished, next: {state.stage}'
    times = ', '.join(f'{k} {v:.0f} s' for k, v in (state.seconds or {}).items())
    return f'done ({times})'


def make_plan(
    configs: Sequence[str],
    work_dir: str | Path,
    seeds: Sequence[int],
    launch: Launch,
    *,
    options: Mapping[str, Any] | None = None,
) -> Plan:
    """Read and check all configs, and write each down with its options in it.

    Raises:
        ConfigError: two configs of one name, configs that are tested on different data,
            seeds that repeat, or settings that differ from those already in the folder.
    """
    work_dir = Path(work_dir)
    if len(set(seeds)) < len(seeds):
        raise ConfigError(f'--seeds {" ".join(map(str, seeds))}: a seed repeats')
    loaded: dict[str, Config] = {}
    for path in configs:
        stem = Path(path).stem
        if stem in loaded:
            raise ConfigError(f'two configs are called {stem}: rows go by that name')
        loaded[stem] = load_config(path, options)
        check_config(loaded[stem])
    check_same_data(loaded)
    runs = []
    for stem, cfg in loaded.items():
        file = work_dir / stem / f'{stem}.py'
        write_config(cfg, file)
        runs += [
            BenchmarkRun(file, seed, work_dir / stem / f'seed{seed}', launch)
            for seed in seeds
        ]
    return Plan(loaded, runs)


def check_same_data(configs: Mapping[str, Config]) -> None:
    """Refuse configs whose test videos differ: their figures do not compare."""
    first: tuple[str, list] | None = None
    for stem, cfg in configs.items():
        tested = [
            {key: value for key, value in node.items() if key != 'pipeline'}
            for path, node in find_datasets(cfg)
            if path.startswith('test_')
        ]
        if first is None:
            first = stem, tested
        elif tested != first[1]:
            raise ConfigError(
                f'{first[0]} and {stem} are tested on different data, {first[1]} and '
                f'{tested}: make a benchmark of each'
            )


def write_config(cfg: Config, path: Path) -> None:
    """Write a config without bases; refuse to change one that is there.

    Runs that are done, or under way, were made with the one that is there.
    """
    if path.is_file():
        old, new = Config.fromfile(str(path)), cfg
        if old.to_dict() == new.to_dict():
            return
        lines = difflib.ndiff(
            old.pretty_text.splitlines(), new.pretty_text.splitlines()
        )
        changed = [line for line in lines if line[:2] in ('- ', '+ ')]
        raise ConfigError(
            f'{path.parent} holds runs of other settings ({"; ".join(changed[:4])}): '
            'give the old ones, name another --work-dir, or remove that folder'
        )
    replace_text(path, cfg.pretty_text)


def parse_shard(text: str) -> slice:
    """Turn 'i/n' into the slice that takes every n-th run from the i-th on."""
    found = re.fullmatch(r'(\d+)/(\d+)', text)
    if not found or int(found[1]) >= int(found[2]):
        raise ConfigError(f'--shard {text}: expected i/n with i from 0 to n - 1')
    return slice(int(found[1]), None, int(found[2]))


def count_cost(stem: str, cfg: Config) -> Complexity | None:
    """Count what a model costs; None, and a word on stderr, if it cannot be built."""
    try:
        return measure_complexity(cfg)
    except Exception as error:  # its row will say in full what is wrong with it
        print(f'{stem}: its cost is unknown ({error})', file=sys.stderr)
        return None


def collect_rows(
    plan: Plan, costs: Mapping[str, Complexity | None]
) -> list[BenchmarkRow]:
    """Read what the runs have left so far."""
    rows = []
    for stem, cfg in plan.configs.items():
        results = [read_result(run) for run in plan.runs if run.config.stem == stem]
        dataset = next(
            node for path, node in find_datasets(cfg) if path.startswith('test_')
        )
        paper = find_paper_row(stem, dataset)
        if any(result.dataset not in ('', DATASET) for result in results):
            paper = None  # data_root led to other videos than the config's name says
        rows.append(BenchmarkRow(stem, tuple(results), costs[stem], paper))
    return rows


def read_result(run: BenchmarkRun) -> SeedResult:
    """The figures of one run, or why there are none."""
    state = run.read_state()
    if state.stage == 'done':
        keys = [p.key for p in read_predictions(run.folder / PREDICTIONS)]
        summary, code = run.read_summary(), read_code(run.folder / RUN_RECORD)
        return SeedResult(run.seed, summary, '', keys[0].dataset, code)
    return SeedResult(run.seed, None, state.failure or f'next: {state.stage}')


def read_code(record: Path) -> tuple[str, ...]:
    """Versions of the code in a `run.json`; none where there is no such file."""
    try:
        phases = load_json(record, allow_nan=True)
        return tuple(str(phase['code']) for phase in phases.values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ()
