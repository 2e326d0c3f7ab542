"""Compare our preparation of videos with the usual one by dlib."""

from __future__ import annotations

import argparse
import os
import pathlib
import sys

# So that a checkout works without being installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from mmdeepfake.commands.command_line import ToolParser, run_tool


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = ToolParser(
        example='tools/speed_preparation.py VIDEO',
        description='Prepare videos by our pipeline and by the usual one with dlib, '
        'each in its own process; needs the extra dlib',
    )
    parser.add_argument('videos', nargs='+', metavar='VIDEO', help='raw videos')
    parser.add_argument(
        '--detect-every', type=int, metavar='N', help='frames between our detections'
    )
    parser.add_argument('--out', metavar='FOLDER', help='also write .md and .json')
    return parser.parse_args()


def main() -> int:
    """Measure the two."""
    args = parse_args()
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    return run_tool('mmdeepfake.commands.speed.preparation:run_speed_preparation', args)


if __name__ == '__main__':
    sys.exit(main())
