"""Serve a web page that scores uploaded videos.

    python tools/webapp.py
    python tools/webapp.py --checkpoint work_dirs/mine

Then open http://127.0.0.1:7860/. Only this machine reaches the page, unless --host is
given. The packages of the extra 'web' are needed. Ctrl-C stops it and removes uploads
and results.
"""

from __future__ import annotations

import argparse
import logging
import pathlib
import sys

# So that a checkout works without being installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from mmdeepfake.commands.command_line import (
    ToolParser,
    run_tool,
    wait_passively,
)
from mmdeepfake.inference.choices import FACES
from mmdeepfake.webapp.limits import Limits


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = ToolParser(description=__doc__)
    add_model(parser.add_argument_group('model'))
    add_server(parser.add_argument_group('server'))
    add_limits(parser.add_argument_group('limits'))
    return parser.parse_args()


def add_model(group: argparse._ArgumentGroup) -> None:
    """Add the options of the model and the verdict."""
    group.add_argument(
        '--checkpoint',
        metavar='FILE_OR_FOLDER',
        help='trained weights, or the folder of a training or of a published detector '
        '(the starter detector, where the package has one)',
    )
    group.add_argument(
        '--config',
        metavar='FILE',
        help='its config (the one that training wrote beside the checkpoint)',
    )
    group.add_argument('--device', default='auto', help="'cpu', 'cuda', 'cuda:1'")
    one = group.add_mutually_exclusive_group()
    one.add_argument(
        '--operating-point',
        metavar='FILE.json',
        help='of tools/calibrate.py (operating_point.json beside the checkpoint)',
    )
    one.add_argument(
        '--threshold', type=float, help='lowest P(fake) that is called fake'
    )
    group.add_argument(
        '--faces',
        choices=FACES,
        default='config',
        help='detect faces: if the config does (config), always, or never',
    )
    group.add_argument(
        '--ignore-training-domain',
        action='store_true',
        help='judge also with a model of rendered heads or of unknown training data',
    )


def add_server(group: argparse._ArgumentGroup) -> None:
    """Add the options of the server's address."""
    group.add_argument('--host', default='127.0.0.1', help='address (127.0.0.1)')
    group.add_argument(
        '--port', type=int, default=7860, help='0 chooses a free one (7860)'
    )
    group.add_argument(
        '--allow-host',
        nargs='+',
        default=[],
        metavar='NAME',
        help='host names used by a proxy',
    )


def add_limits(group: argparse._ArgumentGroup) -> None:
    """Add the limits for visitors."""
    for option, name, kind, what in (
        ('--max-megabytes', 'max_megabytes', float, 'size of an upload'),
        ('--max-seconds', 'max_seconds', float, 'length of a video'),
        ('--queue', 'queue', int, 'videos that wait while one is examined'),
        ('--keep-minutes', 'keep_minutes', float, 'lifetime of a result'),
        ('--max-kept', 'max_kept', int, 'number of results; the oldest are removed'),
        ('--job-seconds', 'job_seconds', float, 'maximum time for one video'),
        ('--upload-seconds', 'upload_seconds', float, 'maximum time for an upload'),
    ):
        default = getattr(Limits, name)
        group.add_argument(
            option, type=kind, default=default, metavar='N', help=f'{what} ({default})'
        )


def main() -> int:
    """Run the command line."""
    args = parse_args()
    wait_passively()
    logging.basicConfig(
        format='%(asctime)s %(levelname)s: %(message)s', level=logging.WARNING
    )
    logging.getLogger('mmdeepfake.webapp').setLevel(logging.INFO)
    return run_tool('mmdeepfake.webapp.command:run_webapp', args)


if __name__ == '__main__':
    sys.exit(main())
