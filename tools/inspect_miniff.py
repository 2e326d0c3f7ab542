#!/usr/bin/env python
"""Look at a MiniFF set: a contact sheet, or how far time alone tells real from fake.

Examples:
    python tools/inspect_miniff.py sheet data/miniff --out sheet.png --first-frame 10
    python tools/inspect_miniff.py evidence data/miniff --split test
"""

from __future__ import annotations

import argparse
import pathlib
import sys

# So that a checkout works without being installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from mmdeepfake.commands.command_line import ToolParser, run_tool
from mmdeepfake.evaluation.ranking import area_under_roc
from mmdeepfake.files.image_file import replace_image
from mmdeepfake.miniff.encoding import decode_video
from mmdeepfake.miniff.forgery_sheet import make_contact_sheet
from mmdeepfake.miniff.record import read_settings
from mmdeepfake.miniff.settings import SPLITS
from mmdeepfake.miniff.temporal_statistic import measure_jitter
from mmdeepfake.miniff.video_jobs import list_jobs
from mmdeepfake.structures import FAKE, REAL


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = ToolParser(description=__doc__)
    looks = parser.add_subparsers(dest='look', required=True)
    sheet = looks.add_parser('sheet', help='picture of real and forged frames, masks')
    sheet.add_argument('root', help='folder of a rendered set')
    sheet.add_argument(
        '--out', type=pathlib.Path, required=True, metavar='FILE.png', help='to write'
    )
    sheet.add_argument('--clips', nargs='+', help='ids of real clips, as 003')
    sheet.add_argument('--compression', help="level (the set's first)")
    sheet.add_argument('--first-frame', type=int, default=0, help='its index')
    sheet.add_argument('--num-frames', type=int, default=8, help='frames in a row')
    evidence = looks.add_parser('evidence', help='AUC of the hand-made statistic')
    evidence.add_argument('root', help='folder of a rendered set')
    evidence.add_argument('--split', choices=SPLITS, default='test', help='videos')
    return parser.parse_args()


def write_sheet(args: argparse.Namespace) -> None:
    """Write the contact sheet."""
    sheet = make_contact_sheet(
        args.root,
        clip_ids=args.clips,
        compression=args.compression,
        first_frame_index=args.first_frame,
        num_columns=args.num_frames,
    )
    replace_image(args.out, sheet)
    print(f'{args.out}: {sheet.shape[1]} x {sheet.shape[0]} px')


def print_evidence(args: argparse.Namespace) -> None:
    """Print the AUC of `measure_jitter` for every forgery and compression."""
    from rich.console import Console
    from rich.progress import track
    from rich.table import Table

    settings = read_settings(args.root)
    jobs = [job for job in list_jobs(settings) if job.target.split == args.split]
    print(f'AUC of temporal jitter, {args.split} split, {len(jobs)} videos a row')
    table = Table('compression', *settings.methods, 'all')
    for level in settings.compressions:
        paths = [job.video_path(pathlib.Path(args.root), level) for job in jobs]
        jitter = [
            measure_jitter(decode_video(path))
            for path in track(paths, f'reading {level}')
        ]
        aucs = []
        for methods in (*((method,) for method in settings.methods), settings.methods):
            chosen = [i for i, j in enumerate(jobs) if j.method in (None, *methods)]
            labels = [REAL if jobs[i].method is None else FAKE for i in chosen]
            aucs.append(area_under_roc(labels, [jitter[i] for i in chosen]))
        table.add_row(level, *(f'{auc:.3f}' for auc in aucs))
    Console().print(table)


def look(args: argparse.Namespace) -> None:
    """Run the chosen subcommand."""
    {'sheet': write_sheet, 'evidence': print_evidence}[args.look](args)


def main() -> int:
    """Inspect as the command line says."""
    return run_tool(look, parse_args())


if __name__ == '__main__':
    sys.exit(main())
