"""Compare detectors on the same videos: differences with p-values.

Two are compared by manipulation. Of three or more, all pairs are compared over all
videos, with p-values corrected by Holm's method, and ranked over the manipulations.
"""

import argparse
import pathlib
import sys

# So that a checkout works without being installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from mmdeepfake.commands.command_line import ToolParser, run_tool


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = ToolParser(
        example='tools/compare.py A/predictions.csv B/predictions.csv',
        description=__doc__,
    )
    parser.add_argument(
        'files',
        nargs='+',
        metavar='PREDICTIONS.csv',
        help='predictions.csv of a test run of each model',
    )
    parser.add_argument(
        '--names', nargs='+', help="of the models (the folders' of the runs)"
    )
    parser.add_argument(
        '--thresholds',
        nargs='+',
        type=float,
        metavar='P',
        help='score from which each calls a video fake (0.5)',
    )
    parser.add_argument(
        '--num-resamples', type=int, default=10_000, help='of the bootstrap'
    )
    parser.add_argument('--seed', type=int, default=0, help='of the bootstrap')
    parser.add_argument('--out', metavar='FILE.csv', help='also write the table here')
    parser.add_argument(
        '--plot',
        metavar='FILE.png',
        help='draw the critical-difference diagram of three or more models',
    )
    return parser.parse_args()


def main() -> int:
    """Print the table, or say in one line why the two cannot be compared."""
    return run_tool('mmdeepfake.commands.compare:compare_files', parse_args())


if __name__ == '__main__':
    sys.exit(main())
