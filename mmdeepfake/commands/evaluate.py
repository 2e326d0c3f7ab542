"""Score one model on several test sets, for `tools/evaluate.py`."""

from __future__ import annotations

import argparse
import json
import pathlib
from collections.abc import Sequence
from typing import Any

from mmengine.dist import is_main_process

from mmdeepfake.engine.build import load_config
from mmdeepfake.errors import ConfigError
from mmdeepfake.evaluation.resampled_figures import FIGURES
from mmdeepfake.evaluation.summary import CONFIDENCE, RowResult
from mmdeepfake.files.atomic_write import replace_text
from mmdeepfake.files.csv_text import format_csv as join_csv

from .command_line import apply_run_arguments
from .markdown import format_table
from .report import FOLDER
from .scoring import ScoredSet, TestSet, find_test_set, own_test_set, score_sets

CSV_COLUMNS = (
    *('set', 'manipulation', 'figure', 'value', 'low', 'high', 'low_over_persons'),
    *('high_over_persons', 'real', 'fake', 'warnings'),
)
HEADINGS = {
    'acc': 'ACC %',
    'auc': 'AUC %',
    'eer': 'EER %',
    'ap': 'AP %',
    'tpr_at_1': 'TPR % at FPR 1%',
    'tpr_at_01': 'at 0.1%',
    'brier': 'Brier %',
    'ece': 'ECE %',
}


def run_evaluation(args: argparse.Namespace) -> None:
    """Score the sets, then write and print one table."""
    if args.checkpoint is None:
        raise ConfigError(
            'needed are CONFIG and CHECKPOINT, or --scores and --manifest for scores '
            'from elsewhere'
        )
    cfg = load_config(args.config, args.cfg_options)
    apply_run_arguments(cfg, args)
    test_sets = choose_test_sets(cfg, args)
    metric: dict[str, Any] = {'num_resamples': args.num_resamples, 'seed': args.seed}
    if args.threshold is not None:
        metric['threshold'] = args.threshold
    if args.operating_point is not None:
        if args.threshold is not None:
            raise ConfigError('--threshold and --operating-point exclude each other')
        metric['operating_point'] = args.operating_point
    folder = pathlib.Path(cfg.work_dir, FOLDER)
    scored = list(
        score_sets(
            cfg,
            args.checkpoint,
            test_sets,
            folder=folder,
            metric=metric,
            allow_leak=args.allow_leak,
        )
    )
    if is_main_process():
        write_tables(folder, scored, f'Checkpoint: `{args.checkpoint}`')


def write_tables(folder: pathlib.Path, scored: Sequence[ScoredSet], title: str) -> None:
    """Write and print the table of all sets, and write it as CSV."""
    text = format_markdown(scored, title)
    replace_text(folder / 'table.md', text)
    replace_text(folder / 'table.csv', format_csv(scored))
    print(f'\n{text}\nWritten: {folder}/table.md, table.csv and a folder per set')


def choose_test_sets(cfg: Any, args: argparse.Namespace) -> list[TestSet]:
    """Return the sets of the command line, or the config's own."""
    roots = parse_roots(args.data_root, args.on)
    if not args.on:
        return [own_test_set(cfg, split=args.split)]
    sets = [
        find_test_set(
            word,
            cfg,
            split=args.split,
            overrides={'data_root': roots[word]} if word in roots else None,
        )
        for word in args.on
    ]
    names = [one.name for one in sets]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ConfigError(f'--on: {", ".join(sorted(twice))} is given twice')
    return sets


def parse_roots(pairs: Sequence[str] | None, words: Sequence[str]) -> dict[str, str]:
    """Parse `--data-root SET=PATH`."""
    roots = {}
    for pair in pairs or ():
        word, equals, path = pair.partition('=')
        if not equals or word not in words:
            raise ConfigError(
                f'--data-root {pair}: expected SET=PATH with a set of --on '
                f'({", ".join(words) or "none given"})'
            )
        roots[word] = path
    return roots


def format_markdown(scored: Sequence[ScoredSet], title: str) -> str:
    """Format one table of all sets, with intervals and notes."""
    header = ['set', 'manipulation', *HEADINGS.values(), 'real', 'fake']
    rows = [
        [
            *(one.name, row.name, *(_cell(row, name) for name in FIGURES)),
            *(str(row.num_real), str(row.num_fake)),
        ]
        for one in scored
        for row in one.summary.rows
    ]
    lines = [title, '', format_table(header, rows), '']
    lines.append(f'In brackets: {CONFIDENCE:.0%} intervals over videos.')
    for one in scored:
        lines += ['', f'**{one.name}**', '']
        lines += [f'- {note}' for note in one.summary.notes()]
        lines += [f'- **Warning:** {warning}' for warning in one.warnings]
        lines += _identity_lines(one)
    return '\n'.join(lines) + '\n'


def _identity_lines(one: ScoredSet) -> list[str]:
    interval = one.summary.overall.identity_intervals.get('auc')
    if interval is None:
        return []
    low, high = (100 * end for end in interval)
    return [
        f'- AUC over all, interval over groups of persons: [{low:.1f}, {high:.1f}].'
    ]


def _cell(row: RowResult, name: str) -> str:
    value = getattr(row, name)
    if value != value:
        return '-'
    ends = row.intervals.get(name)
    interval = '' if ends is None else f' [{100 * ends[0]:.1f}, {100 * ends[1]:.1f}]'
    return f'{100 * value:.1f}{interval}'


def format_csv(scored: Sequence[ScoredSet]) -> str:
    """Format one line per set, manipulation and figure, in full precision."""
    rows: list[Sequence[Any]] = [CSV_COLUMNS]
    for one in scored:
        warnings = json.dumps(one.warnings)
        for row in one.summary.rows:
            for name in FIGURES:
                ends = row.intervals.get(name, ('', ''))
                persons = row.identity_intervals.get(name, ('', ''))
                start = (one.name, row.name, name, repr(getattr(row, name)))
                counts = (row.num_real, row.num_fake)
                rows.append((*start, *ends, *persons, *counts, warnings))
    return join_csv(rows)
