"""Trains and tests many configs on one dataset and writes the table of them."""

from __future__ import annotations

import argparse
import pathlib
import sys

# So that a checkout works without being installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from mmdeepfake.commands.command_line import ToolParser, add_options_argument, run_tool


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = ToolParser(
        example='tools/benchmark.py configs/miniff/*.py --work-dir OUT --seeds 0 1',
        description='Train and test configs one after another. Started again, it goes '
        'on where it was stopped; a row that failed is tried again.',
    )
    parser.add_argument('configs', nargs='+', metavar='CONFIG', help='config files')
    parser.add_argument(
        '--work-dir', required=True, help='folder for all runs and for the tables'
    )
    parser.add_argument(
        '--seeds',
        nargs='+',
        type=int,
        default=[0],
        help='one run of each config a seed',
    )
    add_options_argument(parser)
    parser.add_argument(
        '--amp', action='store_true', help='mixed precision; bfloat16 on a CPU'
    )
    parser.add_argument(
        '--shard',
        default='0/1',
        metavar='I/N',
        help='run every N-th run from the I-th (0 to N - 1) on, as a job of an array '
        'with N tasks does: --shard $SLURM_ARRAY_TASK_ID/N',
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm'],
        default='none',
        help='start each run alone, by torchrun on this machine, or by srun',
    )
    parser.add_argument(
        '--processes', type=int, default=1, help='processes of a run, one a GPU'
    )
    parser.add_argument('--srun-args', default='', help='more arguments for srun')
    parser.add_argument(
        '--table-only',
        action='store_true',
        help='run nothing, write the tables of what is there',
    )
    return parser.parse_args()


def main() -> int:
    """Run all that is left."""
    return run_tool('mmdeepfake.commands.benchmark.plan:run_benchmark', parse_args())


if __name__ == '__main__':
    sys.exit(main())
