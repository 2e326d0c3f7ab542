"""Measures the speed and the memory of models side by side, in one run."""

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
from mmdeepfake.commands.speed.models import MODELS, run_speed
from mmdeepfake.commands.speed.timed_model import DTYPES
from mmdeepfake.engine.compilation import add_compile_argument


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description='Measure inference, training steps and peak memory of models, '
        'in turns, as ratios to the first of them'
    )
    parser.add_argument(
        'models',
        nargs='*',
        metavar='MODEL',
        help=f'config files, or names out of: {", ".join(MODELS)}; all of these by '
        'default. The first is what the others are compared with',
    )
    parser.add_argument('--device', default='cpu', help='cpu, cuda or cuda:INDEX')
    parser.add_argument(
        '--dtype',
        choices=DTYPES,
        default='fp32',
        help='bf16 and fp16: mixed precision; fp16 on CUDA alone',
    )
    parser.add_argument(
        '--channels-last', action='store_true', help='channels innermost in memory'
    )
    add_compile_argument(parser)
    parser.add_argument('--threads', type=int, help="of the CPU; torch's by default")
    parser.add_argument(
        '--batch',
        type=int,
        default=1,
        help='videos of the first model; the others get as many frames',
    )
    parser.add_argument(
        '--splits',
        nargs='+',
        choices=['train', 'test'],
        default=['train', 'test'],
        help='whose pipelines say the frames: 4 x 4 in training and 8 x 4 at test',
    )
    parser.add_argument(
        '--modes',
        nargs='+',
        choices=['forward', 'train'],
        default=['forward', 'train'],
        help='what is measured: inference, training steps',
    )
    parser.add_argument(
        '--repeats',
        type=int,
        default=5,
        help='rounds over all models; each times one pass after two to warm up',
    )
    parser.add_argument(
        '--no-memory',
        dest='memory',
        action='store_false',
        help='leave the peak memory out, which on a CPU takes a process a model',
    )
    parser.add_argument('--out', metavar='FOLDER', help='also write .md and .json')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=OptionAction,
        metavar='KEY=VALUE',
        help='settings that replace those of every config',
    )
    add_traceback_argument(parser)
    return parser.parse_args()


if __name__ == '__main__':
    arguments = parse_args()
    sys.exit(run_tool(run_speed, arguments))
