"""Test a checkpoint, for `tools/test.py`."""

from __future__ import annotations

import argparse
import os

from mmengine.config import Config

from mmdeepfake.engine.build import build_runner, check_data, load_config
from mmdeepfake.engine.compilation import compile_parts
from mmdeepfake.engine.data_workers import explain_dead_workers
from mmdeepfake.engine.lost_ranks import explain_lost_ranks
from mmdeepfake.errors import ConfigError
from mmdeepfake.evaluation.table import format_text
from mmdeepfake.files.atomic_write import name_output_in_errors

from .command_line import apply_run_arguments


def run_testing(args: argparse.Namespace) -> None:
    """Test a checkpoint by the config and the command line."""
    cfg = load_config(args.config, args.cfg_options)
    apply_run_arguments(cfg, args)
    if cfg.get('test_evaluator') is None:
        raise ConfigError(f'config {args.config} has no test_evaluator')
    evaluators = cfg.test_evaluator
    if not isinstance(evaluators, list):
        evaluators = [evaluators]
    keep_results(evaluators, cfg.work_dir, checkpoint=args.checkpoint)
    if args.dump is not None:
        if not args.dump.endswith(('.pkl', '.pickle')):
            raise ConfigError(f'--dump {args.dump}: must end in .pkl or .pickle')
        evaluators.append({'type': 'DumpResults', 'out_file_path': args.dump})
    cfg.test_evaluator = evaluators
    cfg.load_from, cfg.resume = args.checkpoint, False
    cfg.quiet_console = True
    check_data(cfg, ('test',))
    with name_output_in_errors(cfg.work_dir):
        runner = build_runner(cfg)
        if args.compile is not None:
            compile_parts(runner.model, args.compile)
        log = f'{runner.work_dir}/{runner.timestamp}'
        print(f'testing {args.checkpoint}; log: {log}', flush=True)
        advice = 'run the same command again'
        with explain_dead_workers(runner), explain_lost_ranks(cfg, advice=advice):
            runner.test()
    for metric in runner.test_evaluator.metrics:
        if getattr(metric, 'summary', None) is not None:  # in the main process alone
            print(format_text(metric.summary))
            print(f'figures: {metric.metrics_json}; scores: {metric.predictions_csv}')


def keep_results(evaluators: list[Config], work_dir: str, *, checkpoint: str) -> None:
    """Let DeepfakeMetric write its tables into the work folder by default."""
    files = {'predictions_csv': 'predictions.csv', 'metrics_json': 'metrics.json'}
    for evaluator in evaluators:
        if evaluator.get('type') == 'DeepfakeMetric':
            evaluator['checkpoint'] = checkpoint
            for argument, name in files.items():
                if evaluator.get(argument) is None:
                    evaluator[argument] = os.path.join(work_dir, name)
