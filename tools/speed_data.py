"""Measure the data path: samples per second and core, and the share of each step."""

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
        example='tools/speed_data.py configs/ratf_r50_ffpp_lq.py',
        description='Measure the training pipeline of a config on its training set',
    )
    parser.add_argument('config', help='config file')
    parser.add_argument('--seconds', type=float, default=5, help='CPU time')
    parser.add_argument('--out', metavar='FOLDER', help='also write .md and .json')
    add_options_argument(parser)
    return parser.parse_args()


def main() -> int:
    """Measure the data path."""
    return run_tool('mmdeepfake.commands.speed.data_path:run_speed_data', parse_args())


if __name__ == '__main__':
    sys.exit(main())
