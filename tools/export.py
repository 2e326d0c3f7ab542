"""Write a checkpoint as an ONNX, TorchScript or torch.export file."""

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
from mmdeepfake.export.metadata import DEFAULT_OPSET, SUFFIXES


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = ToolParser(
        example='tools/export.py CONFIG CHECKPOINT --out model.onnx',
        description='Export a detector: uint8 frames in, P(fake) out. The file is kept '
        "if its numbers agree with PyTorch's.",
    )
    parser.add_argument('config', help='config that the checkpoint was trained with')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument(
        '--format', choices=list(SUFFIXES), default='onnx', help='of the file'
    )
    parser.add_argument(
        '--out',
        required=True,
        metavar='FILE',
        help='output file; ends in ' + ', '.join(SUFFIXES.values()),
    )
    parser.add_argument(
        '--opset', type=int, default=DEFAULT_OPSET, help="version of ONNX's operators"
    )
    parser.add_argument(
        '--operating-point',
        metavar='FILE.json',
        help='threshold and temperature from tools/calibrate.py, stored in the '
        'metadata (operating_point.json beside the checkpoint)',
    )
    parser.add_argument(
        '--keep-failing',
        action='store_true',
        help='keep a file even if its numbers differ from the checkpoint',
    )
    add_options_argument(parser)
    add_trust_argument(parser)
    return parser.parse_args()


def main() -> int:
    """Export the detector."""
    return run_tool('mmdeepfake.export.export:run_export', parse_args())


if __name__ == '__main__':
    sys.exit(main())
