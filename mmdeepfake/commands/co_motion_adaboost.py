"""Classify Co-motion's patterns by stumps, for `tools/co_motion_adaboost.py`.

The paper's classifier, as far as known; the patterns are made by a config with
`CoMotionPattern`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.registry import init_default_scope
from mmengine.runner import Runner, set_random_seed
from numpy.typing import NDArray

from mmdeepfake.engine.build import load_config
from mmdeepfake.engine.config_checks import check_config, find_transforms
from mmdeepfake.errors import ConfigError, DataError
from mmdeepfake.evaluation.boosted_stumps import BoostedStumps, fit_stumps

from .test import keep_results

STUMPS = 'stumps.npz'
_SCORE_RULE = 'mean over patterns of P(fake) by boosted stumps'


def run_co_motion(args: argparse.Namespace) -> None:
    """Fit stumps to the training videos, or read them, and score the test videos."""
    cfg = load_config(args.config, args.cfg_options)
    check_config(cfg)
    if not list(find_transforms(cfg, 'CoMotionPattern')):
        raise ConfigError(
            f'config {args.config} has no CoMotionPattern: use e.g. '
            'configs/baselines/co_motion_ffpp_lq.py'
        )
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    set_random_seed(args.seed)
    work_dir = Path(args.work_dir)
    if args.stumps is None:
        stumps = _fit(cfg, num_stumps=args.num_stumps, seed=args.seed)
        path = work_dir / STUMPS
        stumps.save(path)
        print(f'{len(stumps.features)} stumps: {path}')
    else:
        path = Path(args.stumps)
        stumps = BoostedStumps.load(path)
    _score(cfg, stumps, path=path, work_dir=work_dir)


def _fit(cfg: Config, *, num_stumps: int, seed: int) -> BoostedStumps:
    patterns, labels = [], []
    loader = Runner.build_dataloader(cfg.train_dataloader, seed=seed)
    for _, video, sample in _videos(loader):
        patterns.append(video)
        labels += [int(sample.gt_label)] * len(video)
    return fit_stumps(
        np.concatenate(patterns), np.array(labels), num_stumps=num_stumps, seed=seed
    )


def _score(cfg: Config, stumps: BoostedStumps, *, path: Path, work_dir: Path) -> None:
    evaluators = cfg.test_evaluator
    evaluators = evaluators if isinstance(evaluators, list) else [evaluators]
    for evaluator in evaluators:
        if evaluator.get('type') == 'DeepfakeMetric':
            evaluator['score_rule'] = _SCORE_RULE
    keep_results(evaluators, str(work_dir), checkpoint=str(path))
    metric = Evaluator(evaluators)
    loader = Runner.build_dataloader(cfg.test_dataloader)
    metric.dataset_meta = loader.dataset.metainfo
    for batch, video, sample in _videos(loader):
        if stumps.features.max() >= video.shape[1]:
            raise DataError(
                f'stumps {str(path)!r} use feature {stumps.features.max()}, but '
                f'patterns of this config have {video.shape[1]}: use the config that '
                'they were fitted with'
            )
        fake = float(stumps.fake_scores(video).mean())
        sample.set_pred_score(torch.tensor([1 - fake, fake]))
        metric.process([sample], batch)
    metric.evaluate(len(loader.dataset))


def _videos(loader: object) -> Iterator[tuple[dict, NDArray[np.float32], object]]:
    """Yield batch, (S, F) patterns and data sample of each video."""
    for batch in loader:
        for inputs, sample in zip(batch['inputs'], batch['data_samples'], strict=True):
            yield batch, inputs.flatten(1).numpy(), sample
