"""Measures the data path: samples a second a core, and the model's waiting for data."""

from __future__ import annotations

import argparse
import pathlib
import sys

# So that a checkout works without being installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from mmdeepfake.commands.command_line import (
    OptionAction,
    add_traceback_argument,
    run_tool,
)
from mmdeepfake.commands.speed.speed_data import run_speed_data


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description='Measure the training pipeline of a config for each way of storing '
        'videos, on rendered ones or on its own data'
    )
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--own-data',
        action='store_true',
        help="read the config's own training set in place of rendered videos",
    )
    parser.add_argument('--videos', type=int, default=2, help='rendered ones')
    parser.add_argument('--frames', type=int, default=96, help='of a rendered video')
    parser.add_argument('--size-px', type=int, default=448, help='of a rendered frame')
    parser.add_argument(
        '--seconds', type=float, default=5, help='CPU time for each way of storing'
    )
    parser.add_argument('--batch', type=int, help="videos; the config's by default")
    parser.add_argument(
        '--steps',
        type=int,
        default=0,
        help="training steps in which the model's waiting is measured; none by default",
    )
    parser.add_argument('--workers', type=int, default=1, help='data workers for that')
    parser.add_argument('--device', default='cpu', help='cpu, cuda or cuda:INDEX')
    parser.add_argument('--threads', type=int, help="of the CPU; torch's by default")
    parser.add_argument('--out', metavar='FOLDER', help='write .md, .csv, .json too')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=OptionAction,
        metavar='KEY=VALUE',
        help='settings that replace those of the config',
    )
    add_traceback_argument(parser)
    return parser.parse_args()


if __name__ == '__main__':
    arguments = parse_args()
    sys.exit(run_tool(run_speed_data, arguments))
