"""Score raw videos with a trained detector, and report the evidence.

    python tools/infer.py talk.mp4 --out verdicts
    python tools/infer.py talk.mp4 --checkpoint work_dirs/mine --out verdicts

INPUT is a video, a folder (searched recursively), or a .txt file with one path of a
video per line. OUT gets videos.csv and videos.html, a page to sort, and for each video
a folder with result.json, scores.csv, annotated.mp4 (without sound) and report.html.

Exit code 0: every video was scored or has no face; 1: some files failed, see
videos.csv; 2: invalid arguments or input; 130: interrupted.
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
    add_limit_arguments,
    add_options_argument,
    add_trust_argument,
    run_tool,
    wait_passively,
)
from mmdeepfake.evaluation.track_rules import TRACK_RULES
from mmdeepfake.inference.choices import (
    DTYPES,
    FACES,
    FLOAT32,
    HEAT_MAPS,
    PEAK_HEAT,
)
from mmdeepfake.video.isolation.process_limits import DecodingLimits

EXIT_INTERRUPTED = 130  # as shells report Ctrl-C


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = ToolParser(description=__doc__)
    parser.add_argument(
        'inputs', nargs='+', metavar='INPUT', help='videos, folders or .txt lists'
    )
    parser.add_argument('--out', required=True, metavar='FOLDER', help='of the results')
    add_model(parser.add_argument_group('model'))
    add_reading(parser.add_argument_group('scores and verdicts'))
    add_scoring(parser.add_argument_group('faces and snippets'))
    add_decoding(parser.add_argument_group('decoding'))
    group = parser.add_argument_group('output')
    for name, what in (('video', 'annotated.mp4'), ('report', 'report.html')):
        group.add_argument(
            f'--{name}',
            action=argparse.BooleanOptionalAction,
            default=True,
            help=f'write {what} for each video (on)',
        )
    group.add_argument(
        '--resume',
        action='store_true',
        help='keep the complete results in OUT of the same videos, model and settings',
    )
    group.add_argument('--quiet', action='store_true', help='no progress')
    return parser.parse_args()


def add_model(group: argparse._ArgumentGroup) -> None:
    """Add the options of the model and its device."""
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
    add_options_argument(group)
    group.add_argument(
        '--device', default='auto', help="'cpu', 'cuda', 'cuda:1' (a GPU if available)"
    )
    group.add_argument(
        '--dtype',
        choices=DTYPES,
        default=FLOAT32,
        help='bfloat16 is faster on CPUs with AVX512_BF16 or AMX, and changes scores '
        'beyond rounding; auto takes it there if the scores of the first snippets '
        'differ by 0.02 at most from those of float32 (float32)',
    )
    group.add_argument(
        '--batch-size',
        type=int,
        metavar='N',
        help='snippets in one forward pass, across faces and videos (one group of the '
        'config; four on a GPU)',
    )
    add_trust_argument(group)


def add_reading(group: argparse._ArgumentGroup) -> None:
    """Add the options of the verdict."""
    one = group.add_mutually_exclusive_group()
    one.add_argument(
        '--operating-point',
        metavar='FILE.json',
        help='threshold and temperature of tools/calibrate.py (operating_point.json '
        'beside the checkpoint; otherwise threshold 0.5, not calibrated)',
    )
    one.add_argument(
        '--threshold', type=float, help='lowest P(fake) that is called fake'
    )
    group.add_argument(
        '--track-rule',
        choices=tuple(TRACK_RULES),
        default='max',
        help="merges the faces' scores to the video's (max)",
    )
    group.add_argument(
        '--ignore-training-domain',
        action='store_true',
        help='judge also with a model of rendered heads or of unknown training data',
    )


def add_scoring(group: argparse._ArgumentGroup) -> None:
    """Add the options of faces and snippets."""
    group.add_argument(
        '--faces',
        choices=FACES,
        default='config',
        help='detect faces: if the config does (config), always, or never',
    )
    group.add_argument(
        '--prepared-as',
        metavar='FOLDER',
        help='a prepared dataset, e.g. the training data, whose settings are used to '
        'find and cut faces (the defaults of tools/prepare.py)',
    )
    group.add_argument(
        '--step-frames',
        type=int,
        metavar='N',
        help='approximate frames from one snippet to the next; more is faster (the '
        'length of a snippet, which skips none; about 8 single frames a second)',
    )
    group.add_argument(
        '--window-seconds',
        type=float,
        default=10.0,
        metavar='SECONDS',
        help='length of video over which the snippets of one group are spread (10)',
    )
    group.add_argument(
        '--heat-map',
        choices=HEAT_MAPS,
        default=PEAK_HEAT,
        help='heat maps of the most suspicious snippet of each face, for the report '
        '(peak), of all snippets, for the annotated video, or of none',
    )


def add_decoding(group: argparse._ArgumentGroup) -> None:
    """Add the limits for hostile or damaged files."""
    limits = DecodingLimits()
    add_limit_arguments(
        group,
        stall_seconds=limits.stall_seconds,
        memory_bytes=limits.memory_bytes,
    )
    group.add_argument(
        '--isolation',
        action=argparse.BooleanOptionalAction,
        default=True,
        help='decode in separate processes (on); without, a file that crashes a '
        'decoder ends the run',
    )


def main() -> int:
    """Run the command line."""
    args = parse_args()
    wait_passively()
    logging.basicConfig(format='%(levelname)s: %(message)s')
    try:
        return run_tool('mmdeepfake.commands.infer:run_inference', args)
    except KeyboardInterrupt:
        print('interrupted; --resume continues', file=sys.stderr)
        return EXIT_INTERRUPTED


if __name__ == '__main__':
    sys.exit(main())
