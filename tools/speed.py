"""Measure the speed and memory of models side by side, in one run."""

from __future__ import annotations

import argparse
import pathlib
import sys

# So that a checkout works without being installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from mmdeepfake.commands.command_line import (
    ToolParser,
    add_compile_argument,
    add_options_argument,
    run_tool,
)
from mmdeepfake.commands.speed.measured_models import DTYPES, MODELS, MODES


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = ToolParser(
        example='tools/speed.py CONFIG',
        description='Measure inference, training steps and (on CUDA) peak memory of '
        'models in turn, as ratios to the first',
    )
    parser.add_argument(
        'models',
        nargs='*',
        metavar='MODEL',
        help=f'config files, or names of: {", ".join(MODELS)} (all of these). The '
        'others are compared with the first',
    )
    parser.add_argument('--device', default='cpu', help='cpu, cuda or cuda:INDEX')
    parser.add_argument(
        '--dtype', choices=DTYPES, default='float32', help='bfloat16: mixed precision'
    )
    parser.add_argument(
        '--channels-last', action='store_true', help='channels innermost in memory'
    )
    add_compile_argument(parser)
    parser.add_argument('--threads', type=int, help="of the CPU (torch's)")
    parser.add_argument(
        '--batch-size',
        type=int,
        default=1,
        help='videos of the first model; the others get as many frames',
    )
    parser.add_argument(
        '--splits',
        nargs='+',
        choices=['train', 'test'],
        default=['train', 'test'],
        help='pipeline whose frames are used',
    )
    parser.add_argument(
        '--modes',
        nargs='+',
        choices=MODES,
        default=list(MODES),
        help='measure inference, training steps',
    )
    parser.add_argument(
        '--repeats',
        type=int,
        default=5,
        help='rounds over all models; each times one pass after two for warm-up',
    )
    parser.add_argument('--out', metavar='FOLDER', help='also write .md and .json')
    add_options_argument(parser)
    return parser.parse_args()


def main() -> int:
    """Measure the models."""
    return run_tool('mmdeepfake.commands.speed.models:run_speed', parse_args())


if __name__ == '__main__':
    sys.exit(main())
