"""Choose threshold and temperature on validation videos, for `tools/calibrate.py`."""

from __future__ import annotations

import argparse
import hashlib
import pathlib

from mmengine.dist import is_main_process

from mmdeepfake.engine.build import load_config
from mmdeepfake.errors import ConfigError
from mmdeepfake.evaluation.operating_point import (
    MAX_MISS_RATE,
    OPERATING_POINT_FILE,
    choose_operating_point,
)
from mmdeepfake.evaluation.predictions import read_predictions

from .command_line import apply_run_arguments
from .report import PREDICTIONS
from .scoring import TestSet, score_sets, validation_set

FOLDER = 'calibration'


def run_calibration(args: argparse.Namespace) -> None:
    """Score the validation videos and write the operating point."""
    if not 0 <= args.max_fpr < 1:
        raise ConfigError(f'--max-fpr {args.max_fpr}: must be in [0, 1)')
    cfg = load_config(args.config, args.cfg_options)
    apply_run_arguments(cfg, args)
    chosen: TestSet = validation_set(cfg)
    # The checkpoint was chosen on these videos too: that is what they are for.
    (scored,) = list(
        score_sets(
            cfg,
            args.checkpoint,
            [chosen],
            folder=pathlib.Path(cfg.work_dir, FOLDER),
            metric={'num_resamples': 0},
        )
    ) or [None]
    if not is_main_process():
        return
    table = scored.folder / PREDICTIONS
    point = choose_operating_point(
        read_predictions(table),
        max_false_positive_rate=args.max_fpr,
        with_temperature=args.temperature,
        chosen_on=f'{chosen.dataset["type"]} {chosen.dataset.get("data_root")}, val',
        predictions_sha256=hashlib.sha256(table.read_bytes()).hexdigest(),
        checkpoint_sha256=_hash(args.checkpoint),
    )
    out = pathlib.Path(args.out or pathlib.Path(cfg.work_dir, OPERATING_POINT_FILE))
    point.write(out)
    print(
        f'Threshold {point.threshold:.4f}, temperature {point.temperature:.3f}, for a '
        f'false positive rate of at most {args.max_fpr:g}.\nOn {point.num_real} real '
        f'and {point.num_fake} fake validation videos: FPR '
        f'{point.false_positive_rate:.3f}, TPR {point.true_positive_rate:.3f}.'
    )
    if point.uncertain_from < point.threshold:
        print(
            f'Uncertain from {point.uncertain_from:.4f}: at most {MAX_MISS_RATE:.0%} '
            'of the fakes are below.'
        )
    bound = point.false_positive_rate_bound
    if bound > args.max_fpr:
        print(
            'Warning: too few real videos to guarantee it: the 95% upper bound of the '
            f'FPR is {bound:.3f}.'
        )
    print(f'Written: {out}')


def _hash(checkpoint: str) -> str | None:
    path = pathlib.Path(checkpoint)  # or a URL
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
