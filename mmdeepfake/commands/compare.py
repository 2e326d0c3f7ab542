"""Compare two models on the same videos, for `tools/compare.py`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict

from rich import box
from rich.console import Console
from rich.table import Table

from mmdeepfake.errors import ConfigError
from mmdeepfake.evaluation.comparison import Comparison, compare
from mmdeepfake.evaluation.predictions import read_predictions
from mmdeepfake.files.atomic_write import replace_text
from mmdeepfake.files.csv_text import format_csv as join_csv

_FILE_WIDTH = 120


def compare_files(args: argparse.Namespace) -> None:
    """Compare two prediction files; print the table and write it to --out."""
    if args.num_resamples < 1:
        raise ConfigError(f'--num-resamples {args.num_resamples}: must be at least 1')
    rows = compare(
        read_predictions(args.first),
        read_predictions(args.second),
        threshold_a=args.thresholds[0],
        threshold_b=args.thresholds[1],
        num_resamples=args.num_resamples,
        seed=args.seed,
    )
    print(f'A: {args.first}\nB: {args.second}')
    # A file has no width, and 80 columns would fold the numbers.
    Console(width=None if sys.stdout.isatty() else _FILE_WIDTH).print(build_table(rows))
    print(
        'Differences are B - A, of the same videos. Interval and p (bootstrap): paired '
        f'over videos, {args.num_resamples} resamples, stratified by class and '
        f'manipulation, seed {args.seed}. p (DeLong): two-sided. p (ACC): McNemar, '
        f'exact, at thresholds {args.thresholds[0]:g} and {args.thresholds[1]:g}. '
        f'{len(rows)} rows are {len(rows)} tests: p-values are not corrected for that.'
    )
    if args.out is not None:
        replace_text(args.out, format_csv(rows))


def build_table(rows: Sequence[Comparison]) -> Table:
    """Return the comparison as a table for a terminal."""
    table = Table(box=box.ROUNDED)
    table.add_column('manipulation', overflow='fold')
    for name in ('AUC % A', 'AUC % B', 'B - A [95% CI]', 'p boot.', 'p DeLong'):
        table.add_column(name, justify='right')
    for name in ('ACC % A', 'ACC % B', 'p ACC'):
        table.add_column(name, justify='right')
    for row in rows:
        interval = (
            f' [{100 * row.low:+.1f}, {100 * row.high:+.1f}]'
            if row.low == row.low
            else ''
        )
        table.add_row(
            f'{row.name} ({row.num_real} real, {row.num_fake} fake)',
            _percent(row.auc_a),
            _percent(row.auc_b),
            _percent(row.auc_b - row.auc_a, sign='+') + interval,
            _p_value(row.p_bootstrap),
            _p_value(row.p_delong),
            _percent(row.acc_a),
            _percent(row.acc_b),
            _p_value(row.p_mcnemar),
        )
    return table


def format_csv(rows: Sequence[Comparison]) -> str:
    """Format all figures in full precision, one line per row."""
    return join_csv([asdict(rows[0]), *(asdict(row).values() for row in rows)])


def _percent(value: float, sign: str = '') -> str:
    return '-' if value != value else f'{100 * value:{sign}.1f}'


def _p_value(value: float) -> str:
    if value != value:
        return '-'
    return '< 0.001' if value < 0.001 else f'{value:.3f}'
