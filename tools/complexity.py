"""Counts the parameters and multiply-accumulates of the models of configs."""

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
        example='tools/complexity.py configs/baselines/tei_ffpp_lq.py',
        description='Print parameters and GMACs of models, as a Markdown table',
    )
    parser.add_argument('configs', nargs='+', metavar='CONFIG', help='config files')
    parser.add_argument(
        '--split',
        choices=['train', 'test'],
        default='test',
        help='whose sampler and frame size make the input',
    )
    add_options_argument(parser)
    return parser.parse_args()


def main() -> int:
    """Print the table."""
    return run_tool('mmdeepfake.commands.complexity:run_complexity', parse_args())


if __name__ == '__main__':
    sys.exit(main())
