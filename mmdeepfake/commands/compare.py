"""Compare models on the same videos, for `tools/compare.py`."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from mmdeepfake.errors import ConfigError, DataError
from mmdeepfake.evaluation.comparison import Comparison, compare
from mmdeepfake.evaluation.model_ranking import (
    ALPHA,
    MIN_MODELS,
    correct_p_values,
    rank_models,
)
from mmdeepfake.evaluation.predictions import VideoPrediction, read_predictions
from mmdeepfake.evaluation.summarise import summarise
from mmdeepfake.files.atomic_write import replace_text
from mmdeepfake.files.csv_text import format_csv as join_csv
from mmdeepfake.visualization.critical_difference_plot import plot_critical_difference

from .report import FOLDER

_FILE_WIDTH = 120


@dataclass(frozen=True)
class Model:
    """The predictions of one file, and the threshold of its accuracy."""

    name: str
    predictions: Sequence[VideoPrediction]
    threshold: float


@dataclass(frozen=True)
class ComparedPair(Comparison):
    """Two of several models on all videos; `name` is 'A vs B'.

    `p_delong_holm` and `p_mcnemar_holm` are corrected for the number of pairs.
    """

    p_delong_holm: float
    p_mcnemar_holm: float


def compare_files(args: argparse.Namespace) -> None:
    """Compare prediction files; print the tables and write them to --out and --plot."""
    thresholds, names = check_arguments(args)
    models = [
        Model(name, read_predictions(path), threshold)
        for name, path, threshold in zip(names, args.files, thresholds, strict=True)
    ]
    several = len(models) >= MIN_MODELS
    letters = names if several else ('A', 'B')
    for letter, path in zip(letters, args.files, strict=True):
        print(f'{letter}: {path}')
    rows = _compare_pairs(models, args) if several else _compare(*models, args)
    # A file has no width, and 80 columns would fold the numbers.
    console = Console(width=None if sys.stdout.isatty() else _FILE_WIDTH)
    console.print((build_pair_table if several else build_table)(rows))
    print(
        'Differences are B - A, of the same videos. Interval and p (bootstrap): paired '
        f'over videos, {args.num_resamples} resamples, stratified by class and '
        f'manipulation, seed {args.seed}. p (DeLong): two-sided. p (ACC): McNemar, '
        f'exact, at thresholds {", ".join(f"{t:g}" for t in thresholds)}. '
        + (
            f'{rows[0].num_real} real and {rows[0].num_fake} fake videos. Holm: '
            f"corrected for {len(rows)} pairs by Holm's method."
            if several
            else f'{len(rows)} rows are {len(rows)} tests: p-values are not corrected '
            'for that.'
        )
    )
    if several:
        print_ranking(models, args.plot)
    if args.out is not None:
        replace_text(args.out, format_csv(rows))


def check_arguments(args: argparse.Namespace) -> tuple[list[float], list[str]]:
    """Check the arguments; return the threshold and the name of each file."""
    num_files = len(args.files)
    if args.num_resamples < 1:
        raise ConfigError(f'--num-resamples {args.num_resamples}: must be at least 1')
    fewest = MIN_MODELS if args.plot else 2
    if num_files < fewest:
        raise ConfigError(
            f'{num_files} prediction files: needed are {fewest} or more'
            + (' for --plot' if args.plot else '')
        )
    thresholds = list(args.thresholds or [0.5] * num_files)
    names = list(args.names or map(_name_of_run, args.files))
    for option, values in (('--thresholds', thresholds), ('--names', names)):
        if len(values) != num_files:
            raise ConfigError(
                f'{option}: {len(values)} values for {num_files} files; give one each'
            )
    if num_files >= MIN_MODELS and len(set(names)) < num_files:
        raise ConfigError(
            f'models of one name: {", ".join(names)}; give others by --names'
        )
    return thresholds, names


def _name_of_run(path: str) -> str:
    """Return the name of the folder of a run, not of a set that was scored in it."""
    parts = Path(path).absolute().parent.parts
    return parts[-3] if parts[-2:-1] == (FOLDER,) and len(parts) > 2 else parts[-1]


def _compare(
    first: Model, second: Model, args: argparse.Namespace
) -> Sequence[Comparison]:
    return compare(
        first.predictions,
        second.predictions,
        threshold_a=first.threshold,
        threshold_b=second.threshold,
        num_resamples=args.num_resamples,
        seed=args.seed,
    )


def _compare_pairs(
    models: Sequence[Model], args: argparse.Namespace
) -> Sequence[ComparedPair]:
    """Compare all pairs over all videos, and correct their p-values."""
    pairs = [
        {**asdict(_compare(a, b, args)[-1]), 'name': f'{a.name} vs {b.name}'}
        for a, b in itertools.combinations(models, 2)
    ]
    of_delong, of_mcnemar = (
        correct_p_values([pair[name] for pair in pairs])
        for name in ('p_delong', 'p_mcnemar')
    )
    return [
        ComparedPair(**pair, p_delong_holm=float(p), p_mcnemar_holm=float(q))
        for pair, p, q in zip(pairs, of_delong, of_mcnemar, strict=True)
    ]


def print_ranking(models: Sequence[Model], plot: str | None) -> None:
    """Print the average ranks over manipulations, and draw them if asked to.

    Raises:
        DataError: there is a plot to draw, and fewer than two manipulations.
    """
    rows = [summarise(model.predictions, num_resamples=0).methods for model in models]
    aucs = [[row.auc for row in of_model if row.auc == row.auc] for of_model in rows]
    if len(aucs[0]) < 2:
        text = f'{len(aucs[0])} manipulations with both classes: ranks need two or more'
        if plot:
            raise DataError(f'--plot: {text}')
        print(text)
        return
    ranking = rank_models(aucs)
    ranks = ', '.join(
        f'{model.name} {rank:.2f}'
        for model, rank in sorted(
            zip(models, ranking.ranks, strict=True), key=lambda pair: pair[1]
        )
    )
    print(
        f'Average rank of the AUC over {ranking.num_blocks} manipulations: {ranks}. '
        f'Friedman: p = {_p_value(ranking.p_friedman)}. Nemenyi: ranks differ from '
        f'{ranking.critical_difference:.2f} on, at {ALPHA:g}; manipulations of one '
        'dataset share its real videos, so this is optimistic.'
    )
    if plot:
        plot_critical_difference(
            [model.name for model in models],
            ranking.ranks,
            ranking.groups(),
            ranking.critical_difference,
            plot,
        )
        print(f'Written: {plot}')


def build_table(rows: Sequence[Comparison]) -> Table:
    """Return the comparison as a table for a terminal."""
    table = Table(box=box.ROUNDED)
    table.add_column('manipulation', overflow='fold')
    for name in ('AUC % A', 'AUC % B', 'AUC % B - A [95% CI]', 'p boot.', 'p DeLong'):
        table.add_column(name, justify='right')
    for name in ('ACC % A', 'ACC % B', 'p ACC'):
        table.add_column(name, justify='right')
    for row in rows:
        table.add_row(
            f'{row.name} ({row.num_real} real, {row.num_fake} fake)',
            _percent(row.auc_a),
            _percent(row.auc_b),
            _difference(row),
            _p_value(row.p_bootstrap),
            _p_value(row.p_delong),
            _percent(row.acc_a),
            _percent(row.acc_b),
            _p_value(row.p_mcnemar),
        )
    return table


def build_pair_table(rows: Sequence[ComparedPair]) -> Table:
    """Return the pairs as a table; --out has the other figures too."""
    table = Table(box=box.ROUNDED)
    table.add_column('A vs B', overflow='fold')
    for name in ('AUC % A', 'AUC % B', 'AUC % B - A [95% CI]'):
        table.add_column(name, justify='right')
    for name in ('p DeLong', 'Holm', 'p ACC', 'Holm'):
        table.add_column(name, justify='right', no_wrap=True)
    for row in rows:
        table.add_row(
            row.name,
            _percent(row.auc_a),
            _percent(row.auc_b),
            _difference(row),
            _p_value(row.p_delong),
            _p_value(row.p_delong_holm),
            _p_value(row.p_mcnemar),
            _p_value(row.p_mcnemar_holm),
        )
    return table


def _difference(row: Comparison) -> str:
    interval = (
        f' [{100 * row.low:+.1f}, {100 * row.high:+.1f}]' if row.low == row.low else ''
    )
    return _percent(row.auc_b - row.auc_a, sign='+') + interval


def format_csv(rows: Sequence[Comparison]) -> str:
    """Format all figures in full precision, one line per row."""
    return join_csv([asdict(rows[0]), *(asdict(row).values() for row in rows)])


def _percent(value: float, sign: str = '') -> str:
    return '-' if value != value else f'{100 * value:{sign}.1f}'


def _p_value(value: float) -> str:
    if value != value:
        return '-'
    return '< 0.001' if value < 0.001 else f'{value:.3f}'
