"""Converts a checkpoint of a public code into one of ours."""

from __future__ import annotations

import argparse
import pathlib
import sys

# So that a checkout works without being installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from mmdeepfake.commands.command_line import (
    ToolParser,
    add_options_argument,
    add_trust_argument,
    run_tool,
)
from mmdeepfake.commands.public_codes import CONFIG_OF_CODE


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = ToolParser(
        example='tools/convert_checkpoint.py --help',
        description='Convert a public checkpoint, and report every key of it',
    )
    parser.add_argument(
        '--from',
        dest='code',
        required=True,
        choices=sorted(CONFIG_OF_CODE),
        help='public code that wrote the checkpoint',
    )
    parser.add_argument('checkpoint', help='file of that code')
    parser.add_argument(
        '--out', required=True, metavar='FILE.pth', help='checkpoint to write'
    )
    parser.add_argument(
        '--config',
        help="config whose model gets the weights (the code's baseline on "
        'FaceForensics++ LQ)',
    )
    add_options_argument(parser)
    parser.add_argument(
        '--allow-missing',
        nargs='+',
        default=[],
        metavar='PATTERN',
        help="keys of our model that may stay without a tensor, as 'cls_head.*'",
    )
    parser.add_argument(
        '--allow-unexpected',
        nargs='+',
        default=[],
        metavar='PATTERN',
        help='keys of the checkpoint that may find no place in our model',
    )
    add_trust_argument(parser)
    return parser.parse_args()


def main() -> int:
    """Convert the checkpoint."""
    return run_tool(
        'mmdeepfake.commands.convert_checkpoint:run_conversion', parse_args()
    )


if __name__ == '__main__':
    sys.exit(main())
