"""Score raw videos with a trained detector, and say what the verdict rests on.

    python tools/infer.py talk.mp4 --config configs/ratf_r50_ffpp_lq.py \
        --checkpoint work_dirs/ratf_r50_ffpp_lq/best.pth --out verdicts

INPUT is a video, a folder (searched with all that lies in it), or a .txt file with the
path of a video in each line. OUT gets videos.csv, and for each video a folder with
result.json, scores.csv, annotated.mp4 (without sound) and report.html.

Exit code 0: every video was scored, or holds no face; 1: some files failed, the others
were scored, see videos.csv; 2: nothing could be done as it was asked for.
"""

from __future__ import annotations

import argparse
import logging
import pathlib
import sys

# So that a checkout works without being installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from mmdeepfake.commands.command_line import (
    OptionAction,
    add_traceback_argument,
    run_tool,
)
from mmdeepfake.commands.infer import run_inference
from mmdeepfake.evaluation.track_rules import TRACK_RULES
from mmdeepfake.inference.inferencer import FACES, HEAT_MAPS, PEAK_HEAT
from mmdeepfake.video.isolation.process_limits import DecodingLimits

EXIT_VIDEOS_FAILED = 1
EXIT_INTERRUPTED = 130  # as a shell tells of Ctrl-C


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'inputs', nargs='+', metavar='INPUT', help='videos, folders or .txt lists'
    )
    parser.add_argument('--out', required=True, metavar='OUT', help='for the results')
    add_model(parser.add_argument_group('the model'))
    add_reading(parser.add_argument_group('how scores are read'))
    add_scoring(parser.add_argument_group('what is scored'))
    add_decoding(parser.add_argument_group('how files are read'))
    group = parser.add_argument_group('what is written')
    for name, what in (('video', 'annotated.mp4'), ('report', 'report.html')):
        group.add_argument(
            f'--{name}',
            action=argparse.BooleanOptionalAction,
            default=True,
            help=f'write {what} of each video (on)',
        )
    group.add_argument('--quiet', action='store_true', help='no progress')
    add_traceback_argument(group)
    return parser.parse_args()


def add_model(group: argparse._ArgumentGroup) -> None:
    """Add the options that say which model, and where it runs."""
    group.add_argument(
        '--checkpoint', required=True, metavar='FILE', help='its trained weights'
    )
    group.add_argument(
        '--config',
        metavar='FILE',
        help='the config that it was trained with; without it, the one that its '
        'training wrote beside the checkpoint',
    )
    group.add_argument(
        '--cfg-options',
        nargs='+',
        action=OptionAction,
        metavar='KEY=VALUE',
        help='settings that replace those of the config',
    )
    group.add_argument(
        '--device', default='auto', help="'cpu', 'cuda', 'cuda:1' (a GPU if there is)"
    )
    group.add_argument(
        '--batch-size',
        type=int,
        metavar='N',
        help='snippets in one pass of the model, of several faces and videos if need '
        'be (one group of the config; four on a GPU)',
    )
    group.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='load a checkpoint in full even if that runs code from the file',
    )


def add_reading(group: argparse._ArgumentGroup) -> None:
    """Add the options that say how scores become verdicts."""
    one = group.add_mutually_exclusive_group()
    one.add_argument(
        '--operating-point',
        metavar='FILE',
        help='threshold and temperature of tools/calibrate.py (operating_point.json '
        'beside the checkpoint; without one the threshold is 0.5, not calibrated)',
    )
    one.add_argument(
        '--threshold', type=float, help='call a video fake from this P(fake) on'
    )
    group.add_argument(
        '--track-rule',
        choices=tuple(TRACK_RULES),
        default='max',
        help="how the faces' scores become the video's (max)",
    )


def add_scoring(group: argparse._ArgumentGroup) -> None:
    """Add the options that say which faces and snippets are scored."""
    group.add_argument(
        '--faces',
        choices=FACES,
        default='config',
        help='whether to look for faces: as the config has its videos (config), in any '
        'case, or not at all',
    )
    group.add_argument(
        '--prepared-as',
        metavar='FOLDER',
        help='a prepared dataset, such as the training data: faces are found and cut '
        'with its settings (the defaults of tools/prepare.py)',
    )
    group.add_argument(
        '--step-frames',
        type=int,
        metavar='N',
        help='frames from one snippet to the next, about (no frame is left out); more '
        'is faster',
    )
    group.add_argument(
        '--window-seconds',
        type=float,
        default=10.0,
        metavar='SECONDS',
        help='over so much of the video are snippets spread that are scored together '
        '(10)',
    )
    group.add_argument(
        '--heat-map',
        choices=HEAT_MAPS,
        default=PEAK_HEAT,
        help='where it looks fake: of the most suspicious snippet of each face, for '
        'the report (peak), of all, for the annotated video, or of none',
    )


def add_decoding(group: argparse._ArgumentGroup) -> None:
    """Add the options that bound what a hostile or broken file can cost."""
    limits = DecodingLimits()
    group.add_argument(
        '--timeout',
        type=float,
        metavar='SECONDS',
        help='a video that takes longer has failed (no limit, as long as frames come)',
    )
    group.add_argument(
        '--stall-timeout',
        type=float,
        default=limits.stall_seconds,
        metavar='SECONDS',
        help='a decoder that gives no frame for so long is ended, and its video has '
        f'failed ({limits.stall_seconds:g})',
    )
    group.add_argument(
        '--decoder-memory',
        type=float,
        default=limits.memory_bytes / 2**30,
        metavar='GIB',
        help=f'that one video may take ({limits.memory_bytes / 2**30:g})',
    )
    group.add_argument(
        '--isolation',
        action=argparse.BooleanOptionalAction,
        default=True,
        help='decode in processes of their own (on); without, a file that makes a '
        'decoder crash ends the run',
    )


def main() -> int:
    """Score as the command line says."""
    args = parse_args()
    logging.basicConfig(format='%(levelname)s: %(message)s')
    num_failed = 0

    def infer(args: argparse.Namespace) -> None:
        nonlocal num_failed
        num_failed = run_inference(args)

    try:
        code = run_tool(infer, args)
    except KeyboardInterrupt:
        print('stopped; what is done is in OUT', file=sys.stderr)
        return EXIT_INTERRUPTED
    return code or (EXIT_VIDEOS_FAILED if num_failed else 0)


if __name__ == '__main__':
    sys.exit(main())
