"""Figures of a model on one or several test sets, with intervals."""

from __future__ import annotations

import argparse
import pathlib
import sys

# So that a checkout works without being installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from mmdeepfake.commands.command_line import add_run_arguments, run_tool


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config of the model')
    parser.add_argument('checkpoint', help='its weights')
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
    parser.add_argument('--split', default='test', choices=['train', 'val', 'test'])
    parser.add_argument(
        '--threshold', type=float, help='call a video fake from this P(fake) on'
    )
    parser.add_argument(
        '--operating-point',
        metavar='FILE.json',
        help='threshold and temperature that tools/calibrate.py chose on validation',
    )
    parser.add_argument('--num-resamples', type=int, default=10_000)
    parser.add_argument('--seed', type=int, default=0, help='of the bootstrap')
    parser.add_argument(
        '--allow-leak',
        action='store_true',
        help='give figures even of videos or persons that the model was trained or '
        'chosen on; the table says so',
    )
    add_run_arguments(parser)
    return parser.parse_args()


def main() -> int:
    """Evaluate on all sets."""
    args = parse_args()
    from mmdeepfake.commands.evaluate import run_evaluation

    return run_tool(run_evaluation, args)


if __name__ == '__main__':
    sys.exit(main())
