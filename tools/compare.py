"""Compare two detectors on the same videos: differences with p-values."""

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
    parser.add_argument('first', metavar='A.csv', help='predictions.csv of a test run')
    parser.add_argument('second', metavar='B.csv', help='that of another model')
    parser.add_argument(
        '--thresholds',
        nargs=2,
        type=float,
        default=(0.5, 0.5),
        metavar=('A', 'B'),
        help='score from which each calls a video fake',
    )
    parser.add_argument(
        '--num-resamples', type=int, default=10_000, help='of the bootstrap'
    )
    parser.add_argument('--seed', type=int, default=0, help='of the bootstrap')
    parser.add_argument('--out', metavar='FILE.csv', help='also write the table here')
    return parser.parse_args()


def main() -> int:
    """Print the table, or say in one line why the two cannot be compared."""
    args = parse_args()
    from mmdeepfake.commands.compare import compare_files

    return run_tool(compare_files, args)


if __name__ == '__main__':
    sys.exit(main())
