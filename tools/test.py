"""Test a checkpoint, with the arguments of MMAction2's test.py."""

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
        example='tools/test.py CONFIG CHECKPOINT --work-dir OUT',
        description='Test a deepfake video detector',
    )
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file or URL')
    add_run_arguments(parser)
    add_compile_argument(parser)
    parser.add_argument(
        '--dump', metavar='FILE.pkl', help="also save MMAction2's predictions"
    )
    return parser.parse_args()


def main() -> int:
    """Test the checkpoint."""
    return run_tool('mmdeepfake.commands.test:run_testing', parse_args())


if __name__ == '__main__':
    sys.exit(main())
