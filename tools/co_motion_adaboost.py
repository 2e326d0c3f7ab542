"""Co-motion with boosted stumps: fit them to a config's patterns, and test them.

Example: python tools/co_motion_adaboost.py configs/baselines/co_motion_ffpp_lq.py \
    --work-dir work_dirs/co_motion_adaboost
"""

import argparse
import pathlib
import sys

# So that a checkout works without being installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from mmdeepfake.commands.command_line import ToolParser, add_options_argument, run_tool


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = ToolParser(description=__doc__)
    parser.add_argument('config', help='one that makes patterns by CoMotionPattern')
    parser.add_argument(
        '--work-dir', required=True, help='gets stumps.npz, predictions and metrics'
    )
    parser.add_argument('--stumps', metavar='FILE.npz', help='test these, and fit none')
    parser.add_argument('--num-stumps', type=int, default=100, help='at most (100)')
    parser.add_argument('--seed', type=int, default=0, help='of the order')
    add_options_argument(parser)
    return parser.parse_args()


def main() -> int:
    """Fit and test, or say in one line why that cannot be done."""
    return run_tool(
        'mmdeepfake.commands.co_motion_adaboost:run_co_motion', parse_args()
    )


if __name__ == '__main__':
    sys.exit(main())
