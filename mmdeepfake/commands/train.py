"""Train a model, for `tools/train.py`."""

from __future__ import annotations

import argparse

import torch
from mmengine.config import Config

from mmdeepfake.engine.build import build_runner, check_data, load_config
from mmdeepfake.engine.checkpoint_choice import has_checkpoints
from mmdeepfake.engine.compilation import compile_parts
from mmdeepfake.engine.config_checks import check_config
from mmdeepfake.engine.data_workers import explain_dead_workers
from mmdeepfake.engine.lost_ranks import explain_lost_ranks
from mmdeepfake.engine.work_folder import lock_work_folder
from mmdeepfake.errors import ConfigError

from .command_line import apply_run_arguments


def run_training(args: argparse.Namespace) -> None:
    """Train by the config and the command line."""
    cfg = load_config(args.config, args.cfg_options)
    apply_run_arguments(cfg, args)
    if args.no_validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    if args.amp:
        use_mixed_precision(cfg)
    if args.auto_scale_lr:
        scale_learning_rate(cfg)
    if args.resume is not None:
        resume(cfg, args.resume)
    seeds = cfg.setdefault('randomness', {'seed': None})
    if args.seed is not None:
        seeds['seed'] = args.seed
    for name in ('diff_rank_seed', 'deterministic'):
        if getattr(args, name):
            seeds[name] = True
    check_config(cfg)  # before the work folder is made
    check_data(cfg, ('train', 'val'))
    with lock_work_folder(cfg.work_dir, resume=args.resume, overwrite=args.overwrite):
        runner = build_runner(cfg)
        if args.compile is not None:
            compile_parts(runner.model, args.compile)
        advice = 'run the same command again with --resume'
        with explain_dead_workers(runner), explain_lost_ranks(cfg, advice=advice):
            runner.train()


def resume(cfg: Config, source: str) -> None:
    """Resume from a checkpoint, or with 'auto' from the latest one, if any.

    A run that was killed before its first checkpoint starts again, from the weights of
    the config's `load_from`.
    """
    if source != 'auto':
        cfg.resume, cfg.load_from = True, source
    elif has_checkpoints(cfg.work_dir):
        cfg.resume, cfg.load_from = True, None
    else:
        print(f'nothing to resume in {cfg.work_dir}: starting from the beginning')


def use_mixed_precision(cfg: Config) -> None:
    """Wrap the optimizer for AMP: float16 on a GPU, bfloat16 on a CPU."""
    kind = cfg.optim_wrapper.get('type', 'OptimWrapper')
    allowed = ('OptimWrapper', 'AmpOptimWrapper', 'CPUAmpOptimWrapper')
    if kind not in allowed:
        raise ConfigError(
            f'--amp: optim_wrapper.type is {kind!r}; only {allowed[0]} can use mixed '
            'precision'
        )
    if torch.cuda.is_available():
        cfg.optim_wrapper.type = 'AmpOptimWrapper'
        cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')
    else:
        cfg.optim_wrapper.type = 'CPUAmpOptimWrapper'
        cfg.optim_wrapper.pop('loss_scale', None)


def scale_learning_rate(cfg: Config) -> None:
    """Turn on MMEngine's scaling of the learning rate by the batch size."""
    if not (cfg.get('auto_scale_lr') or {}).get('base_batch_size'):
        raise ConfigError(
            '--auto-scale-lr: the config has no base batch size; add '
            'auto_scale_lr = dict(base_batch_size=...)'
        )
    cfg.auto_scale_lr.enable = True
