"""Choose the threshold of a model, and a temperature, on its validation videos."""

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
        example='tools/calibrate.py CONFIG CHECKPOINT --max-fpr 0.05',
        description=__doc__,
    )
    parser.add_argument('config', help='config of the model')
    parser.add_argument('checkpoint', help='its weights')
    parser.add_argument(
        '--max-fpr',
        type=float,
        default=0.01,
        help='share of real videos that may be called fake',
    )
    parser.add_argument(
        '--temperature',
        action='store_true',
        help='also fit a temperature, so that scores are better probabilities',
    )
    parser.add_argument(
        '--out',
        metavar='FILE.json',
        help='to write (operating_point.json in --work-dir)',
    )
    add_run_arguments(parser)
    return parser.parse_args()


def main() -> int:
    """Choose the threshold."""
    return run_tool('mmdeepfake.commands.calibrate:run_calibration', parse_args())


if __name__ == '__main__':
    sys.exit(main())
