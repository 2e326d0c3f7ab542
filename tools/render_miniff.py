#!/usr/bin/env python
"""Render MiniFF, the built-in set: talking heads and their forgeries.

Example: python tools/render_miniff.py --out data/miniff --identities 48 8 16
"""

from __future__ import annotations

import argparse
import pathlib
import sys

# So that a checkout works without being installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from mmdeepfake.commands.command_line import ToolParser, run_tool
from mmdeepfake.miniff import MiniFFSettings, render_miniff
from mmdeepfake.miniff.settings import CODINGS, COMPRESSION_CRF, CUES, METHODS


def parse_args() -> argparse.Namespace:
    """Read the command line: options of the call, and settings of the set."""
    parser = ToolParser(description=__doc__)
    parser.add_argument('--out', required=True, metavar='FOLDER', help='of the set')
    parser.add_argument('--workers', type=int, default=2, help='processes (2)')
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='delete a set of other settings in --out',
    )
    parser.add_argument('--quiet', action='store_true', help='no progress bar')
    add_settings(parser.add_argument_group('settings of the set'))
    return parser.parse_args()


def add_settings(settings: argparse._ArgumentGroup) -> None:
    """Add an option for each field of `MiniFFSettings`."""
    default = MiniFFSettings()
    settings.add_argument('--seed', type=int, default=default.seed, help='of all')
    settings.add_argument(
        '--identities',
        dest='num_identities',
        type=int,
        nargs=3,
        metavar=('TRAIN', 'VAL', 'TEST'),
        default=list(default.num_identities),
        help='persons in each split, even numbers',
    )
    settings.add_argument(
        '--clips-per-identity',
        type=int,
        default=default.clips_per_identity,
        help='real videos of each person',
    )
    settings.add_argument(
        '--num-frames', type=int, default=default.num_frames, help='of each video'
    )
    settings.add_argument(
        '--size-px', type=int, default=default.size_px, help='side of a frame'
    )
    settings.add_argument(
        '--fps', type=int, default=default.fps, help='frames per second'
    )
    settings.add_argument(
        '--compressions',
        nargs='+',
        choices=COMPRESSION_CRF,
        help='levels of H.264 (all)',
    )
    settings.add_argument(
        '--methods', nargs='+', choices=METHODS, help='forgeries (all)'
    )
    settings.add_argument(
        '--cues', choices=CUES, default=default.cues, help='traces of the forgeries'
    )
    settings.add_argument(
        '--coding',
        choices=sorted(CODINGS.values()),
        default=None,
        help='H.264 prediction (inter, and intra for --cues temporal)',
    )
    for name in ('spatial_strength', 'temporal_strength'):
        settings.add_argument(
            f'--{name.replace("_", "-")}',
            type=float,
            default=getattr(default, name),
            help='of the traces of that kind',
        )


def render(args: argparse.Namespace) -> None:
    """Render, and say in one line what was done."""
    names = MiniFFSettings.__dataclass_fields__
    chosen = {k: v for k, v in vars(args).items() if k in names and v is not None}
    summary = render_miniff(
        args.out,
        MiniFFSettings(**chosen),
        num_workers=args.workers,
        progress=not args.quiet,
        overwrite=args.overwrite,
    )
    print(
        f'{args.out}: {summary.num_rendered} videos rendered, '
        f'{summary.num_kept} kept, {summary.duration_seconds:.0f} s'
    )


def main() -> int:
    """Render as the command line says."""
    return run_tool(render, parse_args())


if __name__ == '__main__':
    sys.exit(main())
