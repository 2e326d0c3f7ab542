"""Serve a page where a video can be uploaded, and what the detector says is shown.

    python tools/webapp.py --config configs/ratf_r50_ffpp_lq.py \
        --checkpoint work_dirs/ratf_r50_ffpp_lq/best.pth

Then open http://127.0.0.1:7860/. Only this machine reaches the page, unless --host says
otherwise. It needs the packages of the extra 'web'. Ctrl-C ends it; uploads and results
are removed then, or after --keep-minutes.
"""

from __future__ import annotations

import argparse
import logging
import pathlib
import sys

# So that a checkout works without being installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from mmdeepfake.commands.command_line import add_traceback_argument, run_tool
from mmdeepfake.inference.inferencer import FACES
from mmdeepfake.webapp.command import run_webapp
from mmdeepfake.webapp.limits import Limits


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_model(parser.add_argument_group('the model'))
    add_server(parser.add_argument_group('the server'))
    add_limits(parser.add_argument_group('what is taken'))
    return parser.parse_args()


def add_model(group: argparse._ArgumentGroup) -> None:
    """Add the options that say which model, and how its scores are read."""
    group.add_argument(
        '--checkpoint', required=True, metavar='FILE', help='its trained weights'
    )
    group.add_argument(
        '--config',
        metavar='FILE',
        help='the config that it was trained with; without it, the one that its '
        'training wrote beside the checkpoint',
    )
    group.add_argument('--device', default='auto', help="'cpu', 'cuda', 'cuda:1'")
    one = group.add_mutually_exclusive_group()
    one.add_argument(
        '--operating-point',
        metavar='FILE',
        help='of tools/calibrate.py (operating_point.json beside the checkpoint)',
    )
    one.add_argument(
        '--threshold', type=float, help='call a video fake from this P(fake) on'
    )
    group.add_argument(
        '--faces',
        choices=FACES,
        default='config',
        help='whether to look for faces: as the config has its videos (config), in any '
        'case, or not at all',
    )


def add_server(group: argparse._ArgumentGroup) -> None:
    """Add the options that say who reaches the page."""
    group.add_argument('--host', default='127.0.0.1', help='address (127.0.0.1)')
    group.add_argument(
        '--port', type=int, default=7860, help='0 takes any that is free (7860)'
    )
    group.add_argument(
        '--allow-host',
        nargs='+',
        default=[],
        metavar='NAME',
        help='names that a proxy calls the server by',
    )
    add_traceback_argument(group)


def add_limits(group: argparse._ArgumentGroup) -> None:
    """Add the options that bound what visitors can ask for."""
    for option, name, kind, what in (
        ('--max-megabytes', 'max_megabytes', float, 'size of an upload'),
        ('--max-seconds', 'max_seconds', float, 'length of a video'),
        ('--queue', 'queue', int, 'videos that may wait while one is worked on'),
        ('--keep-minutes', 'keep_minutes', float, 'a result is removed after'),
        ('--max-kept', 'max_kept', int, 'results at a time; the oldest give way'),
        ('--job-seconds', 'job_seconds', float, 'work on one video is stopped after'),
        ('--upload-seconds', 'upload_seconds', float, 'an upload is stopped after'),
    ):
        default = getattr(Limits, name)
        group.add_argument(
            option, type=kind, default=default, metavar='N', help=f'{what} ({default})'
        )


def main() -> int:
    """Serve as the command line says."""
    args = parse_args()
    logging.basicConfig(
        format='%(asctime)s %(levelname)s: %(message)s', level=logging.WARNING
    )
    logging.getLogger('mmdeepfake.webapp').setLevel(logging.INFO)
    return run_tool(run_webapp, args)


if __name__ == '__main__':
    sys.exit(main())
