"""Figures of a model on one or several test sets, with intervals.

evaluate.py CONFIG CHECKPOINT [--on SET ...]            one of our models
evaluate.py --scores any.csv --manifest manifest.jsonl  scores from elsewhere
"""

from __future__ import annotations

import argparse
import pathlib
import sys

# So that a checkout works without being installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from mmdeepfake.commands.command_line import ToolParser, add_run_arguments, run_tool


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = ToolParser(
        example='tools/evaluate.py CONFIG CHECKPOINT --on ffpp_lq celeb_df',
        description=__doc__,
    )
    parser.add_argument('config', nargs='?', help='config of the model')
    parser.add_argument('checkpoint', nargs='?', help='its weights')
    parser.add_argument(
        '--on',
        nargs='+',
        default=[],
        metavar='SET',
        help='test sets: names in configs/_base_/datasets, such as ffpp_lq celeb_df '
        "wild_deepfake, or paths of configs; without it, the config's own. All are "
        "read by the model's own pipeline",
    )
    parser.add_argument(
        '--data-root',
        nargs='+',
        metavar='SET=PATH',
        help='where a set of --on lies, if not where its config says',
    )
    parser.add_argument(
        '--split', default='test', choices=['train', 'val', 'test'], help='of every set'
    )
    parser.add_argument(
        '--threshold', type=float, help='call a video fake from this P(fake) on'
    )
    parser.add_argument(
        '--operating-point',
        metavar='FILE.json',
        help='threshold and temperature that tools/calibrate.py chose on validation',
    )
    parser.add_argument(
        '--num-resamples', type=int, default=10_000, help='of the bootstrap'
    )
    parser.add_argument('--seed', type=int, default=0, help='of the bootstrap')
    parser.add_argument(
        '--allow-leak',
        action='store_true',
        help='give figures even of videos or persons that the model was trained or '
        'chosen on; the table says so',
    )
    add_foreign_arguments(parser.add_argument_group('scores from elsewhere'))
    add_run_arguments(parser)
    return parser.parse_args()


def add_foreign_arguments(group: argparse._ArgumentGroup) -> None:
    """Add the options of `--scores`."""
    add = group.add_argument
    add(
        '--scores',
        nargs='+',
        metavar='FILE.csv',
        help='a line for each video: path or name, and score. Several files are '
        'several sets; clean.csv with CORRUPTION-LEVEL.csv, e.g. blur-3.csv, also give '
        'a table for robustness.py join',
    )
    add('--manifest', metavar='FILE.jsonl', help='of the videos, with their labels')
    add(
        '--columns',
        nargs='+',
        default=[],
        metavar='FIELD=COLUMN',
        help='other names of columns, e.g. path=file score=prob; fields are path, '
        'name, score, label (checked), dataset, method, compression',
    )
    add(
        '--kind',
        choices=['probability', 'score'],
        default='probability',
        help='what the scores are; a score is any number, with a threshold of 0 '
        '(probability)',
    )
    add(
        '--higher',
        choices=['fake', 'real'],
        default='fake',
        help='which class a higher score speaks for (fake)',
    )
    add(
        '--missing',
        choices=['leave-out', 'undecided'],
        default='leave-out',
        help='what happens to videos without a score: they are in no figure, or score '
        '0.5 (leave-out)',
    )
    add(
        '--min-coverage',
        type=float,
        default=1.0,
        metavar='SHARE',
        help='share of the videos that must have a score (1)',
    )


def main() -> int:
    """Evaluate on all sets."""
    args = parse_args()
    if args.scores:
        return run_tool('mmdeepfake.commands.foreign_evaluation:evaluate_foreign', args)
    return run_tool('mmdeepfake.commands.evaluate:run_evaluation', args)


if __name__ == '__main__':
    sys.exit(main())
