"""Train a model from a config, with the arguments of MMAction2's train.py."""

from __future__ import annotations

import argparse
import pathlib
import sys

# So that a checkout works without being installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from mmdeepfake.commands.command_line import (
    ToolParser,
    add_compile_argument,
    add_run_arguments,
    run_tool,
)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = ToolParser(
        example='tools/train.py configs/miniff/ratf_r18_miniff.py --work-dir OUT',
        description='Train a deepfake video detector',
    )
    parser.add_argument('config', help='config file')
    add_run_arguments(parser)
    add_compile_argument(parser)
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='resume from this checkpoint, or the latest one in the work folder',
    )
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='delete the checkpoints of an earlier training in the work folder',
    )
    parser.add_argument(
        '--amp', action='store_true', help='mixed precision; bfloat16 on a CPU'
    )
    parser.add_argument(
        '--no-validate', action='store_true', help='train without validation'
    )
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate by batch size over auto_scale_lr.base_batch_size',
    )
    parser.add_argument('--seed', type=int, help="seed instead of the config's")
    parser.add_argument(
        '--diff-rank-seed', action='store_true', help='different seed in each process'
    )
    parser.add_argument(
        '--deterministic', action='store_true', help="cuDNN's deterministic algorithms"
    )
    return parser.parse_args()


def main() -> int:
    """Train the model."""
    return run_tool('mmdeepfake.commands.train:run_training', parse_args())


if __name__ == '__main__':
    sys.exit(main())
