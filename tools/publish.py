"""Write a trained detector as a folder that can be handed on.

    python tools/publish.py CONFIG CHECKPOINT --out FOLDER --licence 'research use only'

FOLDER gets the weights in half precision (safetensors), the config as plain values, a
card, and detector.json with hashes, training data, figures and command, from what the
run left beside the checkpoint: training_videos.json, operating_point.json,
metrics.json, run.json.
"""

from __future__ import annotations

import argparse
import pathlib
import sys

# So that a checkout works without being installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from mmdeepfake.commands.command_line import ToolParser, add_options_argument, run_tool


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = ToolParser(description=__doc__)
    parser.add_argument('config', help='config of the model')
    parser.add_argument('checkpoint', help='its weights')
    parser.add_argument('--out', required=True, metavar='FOLDER', help='to write')
    parser.add_argument(
        '--licence', required=True, metavar='TEXT', help='terms of use, in words'
    )
    parser.add_argument('--name', help='of the detector (the name of the folder)')
    add_options_argument(parser)
    return parser.parse_args()


def main() -> int:
    """Write the folder."""
    return run_tool('mmdeepfake.commands.publish:run_publish', parse_args())


if __name__ == '__main__':
    sys.exit(main())
