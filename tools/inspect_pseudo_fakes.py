"""Look at pseudo-fakes: one contact sheet for every kind of a config.

A row is a video: a real frame, four frames of its pseudo-fake, the mask and the
difference of the first, enlarged fourfold.

Example:
    python tools/inspect_pseudo_fakes.py \
        configs/pseudo_fake/ratf_csa_lite0_own_real.py --out sheets --split train
"""

from __future__ import annotations

import argparse
import pathlib
import sys

# So that a checkout works without being installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from mmdeepfake.commands.command_line import ToolParser, add_options_argument, run_tool
from mmdeepfake.structures.video_record import SPLITS


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = ToolParser(description=__doc__)
    parser.add_argument('config', help='one of configs/pseudo_fake')
    parser.add_argument(
        '--out',
        type=pathlib.Path,
        required=True,
        metavar='FOLDER',
        help='of <kind>.jpg',
    )
    parser.add_argument('--split', choices=SPLITS, default='val', help='videos')
    parser.add_argument('--num-videos', type=int, default=12, help='rows (12)')
    add_options_argument(parser)
    return parser.parse_args()


def main() -> int:
    """Write the sheets and print their paths."""
    return run_tool('mmdeepfake.commands.pseudo_fake_sheet:run_sheets', parse_args())


if __name__ == '__main__':
    sys.exit(main())
