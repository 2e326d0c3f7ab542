"""Plan and run a benchmark of comparable configs, for `tools/benchmark.py`."""

from __future__ import annotations

import argparse
import difflib
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmdeepfake.engine.build import check_data, load_config
from mmdeepfake.engine.config_checks import check_config, find_datasets
from mmdeepfake.errors import ConfigError
from mmdeepfake.files.atomic_write import replace_text

from ..complexity import Complexity, measure_complexity
from .result_table import BenchmarkRow, write_tables
from .run import BenchmarkRun, Launch

Plan = dict[str, tuple[Config, list[BenchmarkRun]]]  # by the stem of the config's name


def run_benchmark(args: argparse.Namespace) -> None:
    """Run unfinished runs, then write the tables; exit code 1 if a row failed."""
    launch = Launch(args.launcher, args.processes, args.srun_args, args.amp)
    plan = make_plan(
        args.configs, args.work_dir, args.seeds, launch, options=args.cfg_options
    )
    runs = [run for _, of_config in plan.values() for run in of_config]
    mine = [] if args.table_only else runs[parse_shard(args.shard)]
    for cfg, _ in plan.values() if mine else ():
        check_data(cfg, ('train', 'val', 'test'))  # before hours of training
    costs = {stem: _count_cost(stem, cfg) for stem, (cfg, _) in plan.items()}
    # As with Ctrl-C; by default SIGTERM would leave the child running.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    failed = 0
    for index, run in enumerate(mine, start=1):
        failure = run.advance()
        failed += bool(failure)
        state = f'FAILED, {failure}' if failure else 'done'
        print(f'[{index}/{len(mine)}] {run.folder}: {state}', flush=True)
        write_tables(_collect_rows(plan, costs), args.work_dir)
    for path in write_tables(_collect_rows(plan, costs), args.work_dir):
        print(f'written: {path}')
    if failed:
        print(f'{failed} of {len(mine)} runs did not finish', file=sys.stderr)
        raise SystemExit(1)


def make_plan(
    configs: Sequence[str],
    work_dir: str | Path,
    seeds: Sequence[int],
    launch: Launch,
    *,
    options: Mapping[str, Any] | None = None,
) -> Plan:
    """Read and check all configs, and write each with its options.

    Raises:
        ConfigError: duplicate names or seeds, configs with different test data or
            without figures, or settings that differ from those in the folder.
    """
    if len(set(seeds)) < len(seeds):
        raise ConfigError(f'--seeds {" ".join(map(str, seeds))}: a seed repeats')
    loaded: dict[str, Config] = {}
    for path in configs:
        stem = Path(path).stem
        if stem in loaded:
            raise ConfigError(f'two configs are named {stem}: rows need unique names')
        loaded[stem] = load_config(path, options)
        check_config(loaded[stem])
        check_leaves_figures(stem, loaded[stem])
    check_same_data(loaded)
    plan = {}
    for stem, cfg in loaded.items():
        folder = Path(work_dir, stem)
        file = folder / f'{stem}.py'
        write_config(cfg, file, launch)
        runs = [BenchmarkRun(file, s, folder / f'seed{s}', launch) for s in seeds]
        plan[stem] = cfg, runs
    return plan


def check_leaves_figures(stem: str, cfg: Mapping) -> None:
    """Raise if a config would write no best checkpoint or no figures."""
    loop, hooks = cfg.get('train_cfg') or {}, cfg.get('default_hooks') or {}
    length = loop.get('max_epochs') or loop.get('max_iters') or 0
    evaluators = cfg.get('test_evaluator') or ()
    if isinstance(evaluators, Mapping):
        evaluators = [evaluators]
    if not cfg.get('val_cfg'):
        problem = 'val_cfg is None, so there is no best checkpoint'
    elif not (hooks.get('checkpoint') or {}).get('save_best'):
        problem = 'default_hooks.checkpoint.save_best is not set'
    elif loop.get('val_begin', 1) > length:
        problem = (
            f'train_cfg.val_begin = {loop["val_begin"]}, but training ends at {length}'
        )
    elif all(node['type'] != 'DeepfakeMetric' for node in evaluators):
        problem = 'test_evaluator has no DeepfakeMetric, which writes the figures'
    else:
        return
    raise ConfigError(f'{stem} would have no figures: {problem}')


def check_same_data(configs: Mapping[str, Config]) -> None:
    """Raise if test videos differ: the figures would not be comparable."""
    tested = {
        stem: [
            {key: value for key, value in node.items() if key != 'pipeline'}
            for path, node in find_datasets(cfg)
            if path.startswith('test_')
        ]
        for stem, cfg in configs.items()
    }
    first = next(iter(tested))
    for stem, data in tested.items():
        if data != tested[first]:
            raise ConfigError(
                f'{first} and {stem} are tested on different data, {tested[first]} and '
                f'{data}: benchmark them separately'
            )


def write_config(cfg: Config, path: Path, launch: Launch) -> None:
    """Write a resolved config; raise if another one is there, since it has runs."""
    text = cfg.pretty_text
    if launch.amp or launch.num_processes > 1:  # they change the figures too
        text = f'# amp = {launch.amp}, processes = {launch.num_processes}\n{text}'
    if not path.is_file():
        replace_text(path, text)
        return
    # Compared as text, so that it is not executed.
    lines = difflib.ndiff(
        path.read_text(encoding='utf-8').splitlines(), text.splitlines()
    )
    changed = [line for line in lines if line[:2] in ('- ', '+ ')]
    if changed:
        raise ConfigError(
            f'{path.parent} has runs of other settings ({"; ".join(changed[:4])}): '
            'use the old ones, another --work-dir, or remove that folder'
        )


def parse_shard(text: str) -> slice:
    """Parse 'i/n' as the slice of every n-th run from the i-th on."""
    found = re.fullmatch(r'(\d+)/(\d+)', text)
    if not found or int(found[1]) >= int(found[2]):
        raise ConfigError(f'--shard {text}: expected i/n with i from 0 to n - 1')
    return slice(int(found[1]), None, int(found[2]))


def _count_cost(stem: str, cfg: Config) -> Complexity | None:
    """Measure a model; None, with a message on stderr, if it cannot be built."""
    try:
        return measure_complexity(cfg)
    except Exception as error:  # its row will report the error
        print(f'{stem}: its cost is unknown ({error})', file=sys.stderr)
        return None


def _collect_rows(
    plan: Plan, costs: Mapping[str, Complexity | None]
) -> list[BenchmarkRow]:
    return [
        BenchmarkRow(stem, {run.seed: run.read_scores() for run in runs}, costs[stem])
        for stem, (_, runs) in plan.items()
    ]
