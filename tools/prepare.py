"""Prepare a dataset of raw videos: find the faces, store them as clips, list them.

    python tools/prepare.py ffpp /data/ffpp data/ffpp_faces --compressions c40

ROOT is the dataset as you downloaded it; nothing in it is changed. OUT gets the clips
and manifest.jsonl, which a config reads with data_root=OUT. What is done is not done
again: if the run is stopped, by whatever, run the same command again.

Exit code 0: every video was prepared (some may have no face); 1: some videos failed,
see OUT/report/report.txt; 2: nothing could be done as it was asked for.
"""

from __future__ import annotations

import argparse
import logging
import pathlib
import signal
import sys

# So that a checkout works without being installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from mmdeepfake.commands.command_line import OptionAction, run_tool
from mmdeepfake.errors import ConfigError
from mmdeepfake.faces.detection import DETECTOR_NAMES
from mmdeepfake.faces.tracking import TrackingSettings
from mmdeepfake.layouts import LAYOUTS
from mmdeepfake.prepare.execution import WorkerLimits
from mmdeepfake.prepare.pipeline import (
    EXECUTORS,
    PreparationRequest,
    PreparationSummary,
    num_cores,
    run_preparation,
)
from mmdeepfake.prepare.preparation_settings import PreparationSettings
from mmdeepfake.prepare.progress import format_time
from mmdeepfake.prepare.reports import format_coverage, format_leaks
from mmdeepfake.video.clip_storage import CLIP_FORMATS, DEFAULT_CLIP_FORMAT

EXIT_VIDEOS_FAILED = 1
EXIT_INTERRUPTED = 130  # as a shell tells of Ctrl-C
DEFAULTS = PreparationSettings(layout='folder')
LIMITS = WorkerLimits()


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'dataset',
        choices=sorted(LAYOUTS),
        help='which dataset, that is, which official folders to look for; "folder" is '
        'a tree of your own with real/ and fake/ folders, "csv" a list of files',
    )
    parser.add_argument(
        'root', type=pathlib.Path, metavar='ROOT', help='the dataset as downloaded'
    )
    parser.add_argument(
        'out', type=pathlib.Path, metavar='OUT', help='folder for clips and manifest'
    )
    parser.add_argument(
        '--how-to-get',
        action=HowToGetAction,
        help='say where to ask for the dataset and how ROOT must look, and stop',
    )
    add_choice(parser.add_argument_group('which videos (default: all)'))
    add_settings(parser.add_argument_group('faces and clips; OUT keeps to its first'))
    add_execution(parser.add_argument_group('how it runs; changes no clip'))
    return parser.parse_args()


class HowToGetAction(argparse.Action):
    """Prints where a dataset comes from, without asking for ROOT and OUT."""

    def __init__(self, **kwargs: object) -> None:
        super().__init__(nargs=0, **kwargs)

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        """Print and stop; the signature is argparse's."""
        asked = [getattr(namespace, 'dataset', None)]
        for name in asked if asked[0] in LAYOUTS else sorted(LAYOUTS):
            print(f'{name}\n\n{LAYOUTS[name].how_to_get}\n')
        parser.exit()


def add_choice(group: argparse._ArgumentGroup) -> None:
    """Add the options that choose videos."""
    group.add_argument(
        '--methods', nargs='+', metavar='NAME', help='manipulations, as FaceSwap'
    )
    group.add_argument(
        '--compressions', nargs='+', metavar='LEVEL', help='levels, as c23 c40'
    )
    group.add_argument('--splits', nargs='+', metavar='SPLIT', help='train, val, test')
    group.add_argument(
        '--limit',
        type=int,
        metavar='N',
        help='only the first N videos of each split, method and level (and the real '
        'videos that their boxes come from): to try things out',
    )
    group.add_argument(
        '--dataset-name', metavar='NAME', help="the dataset's name in the manifest"
    )


def add_settings(group: argparse._ArgumentGroup) -> None:
    """Add the options that the clips depend on."""
    group.add_argument(
        '--detector',
        choices=DETECTOR_NAMES,
        default=DEFAULTS.detector,
        help=f'face detector ({DEFAULTS.detector})',
    )
    group.add_argument(
        '--detector-options',
        nargs='+',
        action=OptionAction,
        default={},
        metavar='KEY=VALUE',
        help='its options, as config=... checkpoint=... of mmdet',
    )
    group.add_argument(
        '--tracking-options',
        nargs='+',
        action=OptionAction,
        default={},
        metavar='KEY=VALUE',
        help='of the tracker, as detect_every=10; known are '
        + ', '.join(TrackingSettings.__dataclass_fields__),
    )
    group.add_argument(
        '--boxes',
        type=pathlib.Path,
        metavar='FILE.pkl',
        help="STIL's file of boxes (ffpp_face_rects.pkl), in place of a detector",
    )
    group.add_argument(
        '--reuse-boxes',
        action=argparse.BooleanOptionalAction,
        default=DEFAULTS.reuse_boxes,
        help='take the boxes of a fake from the real video that it was made from, '
        'where the dataset tells which: halves the work, and lets no model learn how '
        'a detector behaves on fakes (on)',
    )
    group.add_argument(
        '--landmarks',
        action='store_true',
        help="68 points for each frame; needs pip install 'mmdeepfake[dlib]'",
    )
    group.add_argument(
        '--masks',
        action=argparse.BooleanOptionalAction,
        default=DEFAULTS.masks,
        help='store the masks of changed pixels with the clips, if there are any (on)',
    )
    group.add_argument(
        '--margin',
        type=float,
        default=DEFAULTS.margin_ratio,
        metavar='RATIO',
        help='square stored around a face, over the side of its box: the largest crop '
        f'that a config can ask for later ({DEFAULTS.margin_ratio})',
    )
    group.add_argument(
        '--face-px',
        type=int,
        default=DEFAULTS.face_px,
        metavar='PIXELS',
        help='side of a stored face that is enough; larger faces are reduced to no '
        f'less ({DEFAULTS.face_px})',
    )
    group.add_argument(
        '--min-face-px',
        type=int,
        default=DEFAULTS.min_face_px,
        metavar='PIXELS',
        help=f'faces smaller than this are left out ({DEFAULTS.min_face_px})',
    )
    group.add_argument(
        '--clip-format',
        choices=CLIP_FORMATS,
        default=DEFAULT_CLIP_FORMAT,
        help=f'how frames are stored ({DEFAULT_CLIP_FORMAT}); png is without loss',
    )
    group.add_argument(
        '--clip-quality',
        type=int,
        metavar='N',
        help='of the format; see docs/storage.md',
    )


def add_execution(group: argparse._ArgumentGroup) -> None:
    """Add the options that say how the work is done."""
    group.add_argument(
        '--workers',
        type=int,
        metavar='N',
        help=f'processes, of less than 1 GB each (one a core: {num_cores()} here); 0 '
        'works in this process, for debugging: a file that makes a decoder crash or '
        'hang then ends the run, and no limit holds',
    )
    group.add_argument(
        '--shard',
        metavar='I/N',
        help='prepare only the I-th of N parts, as 3/8: for jobs on several machines '
        'that share OUT',
    )
    group.add_argument(
        '--executor',
        choices=EXECUTORS,
        default='local',
        help="where the workers run: here, or on a Ray cluster ('mmdeepfake[ray]')",
    )
    group.add_argument(
        '--ray-address', metavar='HOST:PORT', help="the cluster's head, or auto"
    )
    group.add_argument(
        '--timeout',
        type=float,
        metavar='SECONDS',
        help='a video that takes longer has failed (no limit, as long as frames come)',
    )
    group.add_argument(
        '--stall-timeout',
        type=float,
        default=LIMITS.stall_seconds,
        metavar='SECONDS',
        help='a video that gives no frame for so long has failed '
        f'({LIMITS.stall_seconds:g}, more for large files)',
    )
    group.add_argument(
        '--worker-memory',
        type=float,
        default=LIMITS.memory_bytes / 2**30,
        metavar='GIB',
        help='a video whose worker takes more memory has failed '
        f'({LIMITS.memory_bytes / 2**30:g})',
    )
    group.add_argument(
        '--retry-failed', action='store_true', help='try videos that failed again'
    )
    group.add_argument(
        '--redo',
        action='store_true',
        help='delete what OUT holds of an earlier preparation, and begin anew',
    )
    group.add_argument('--quiet', action='store_true', help='no progress')
    group.add_argument(
        '--traceback',
        action='store_true',
        help='show where in the code an input error was found',
    )


def make_request(args: argparse.Namespace) -> PreparationRequest:
    """Turn the command line into a request."""
    settings = PreparationSettings(
        layout=args.dataset,
        dataset_name=args.dataset_name,
        detector=args.detector,
        detector_options=args.detector_options,
        tracking=make_tracking(args.tracking_options),
        reuse_boxes=args.reuse_boxes,
        margin_ratio=args.margin,
        face_px=args.face_px,
        min_face_px=args.min_face_px,
        clip_format=args.clip_format,
        clip_quality=args.clip_quality,
        landmarks=args.landmarks,
        masks=args.masks,
    )
    return PreparationRequest(
        root=args.root,
        out=args.out,
        settings=settings,
        methods=args.methods,
        compressions=args.compressions,
        splits=args.splits,
        limit=args.limit,
        num_workers=args.workers,
        executor=args.executor,
        ray_address=args.ray_address,
        shard=args.shard,
        boxes_path=args.boxes,
        redo=args.redo,
        retry_failed=args.retry_failed,
        limits=WorkerLimits(
            stall_seconds=args.stall_timeout,
            memory_bytes=int(args.worker_memory * 2**30),
            timeout_seconds=args.timeout,
        ),
        shows_progress=not args.quiet,
    )


def make_tracking(options: dict) -> TrackingSettings:
    """Make the tracker's settings, refusing names that it does not know."""
    known = TrackingSettings.__dataclass_fields__
    for name in options:
        if name not in known:
            raise ConfigError(
                f'--tracking-options {name}=...: unknown; known are {", ".join(known)}'
            )
    return TrackingSettings(**options)


def print_summary(summary: PreparationSummary, out: pathlib.Path) -> None:
    """Say what was done, what was found, and what comes next."""
    print(format_coverage(summary.coverage))
    print(format_leaks(summary.leaks), end='')
    if summary.wrong_quality:
        print(
            f'{len(summary.wrong_quality)} files contradict their compression level, '
            'see the report'
        )
    seconds = summary.seconds
    print(
        f'\n{out}: {summary.num_prepared} videos prepared, {summary.num_kept} kept, '
        f'{format_time(seconds)} ({summary.num_frames / max(seconds, 1e-9):.0f} '
        f'frames/s); {summary.num_lines} lines in {out / "manifest.jsonl"}\n'
        f'report and pictures: {out / "report"}'
    )
    if summary.coverage.total.to_do:
        print(
            f'{summary.coverage.total.to_do} videos are still to be prepared, by the '
            'other shards or by another run'
        )


def stop_like_ctrl_c(number: int, frame: object) -> None:
    """Treat the polite kill of a job scheduler as Ctrl-C."""
    raise KeyboardInterrupt


def main() -> int:
    """Prepare as the command line says."""
    args = parse_args()
    logging.basicConfig(format='%(levelname)s: %(message)s')
    signal.signal(signal.SIGTERM, stop_like_ctrl_c)
    num_failed = 0

    def prepare(args: argparse.Namespace) -> None:
        nonlocal num_failed
        summary = run_preparation(make_request(args))
        print_summary(summary, args.out)
        num_failed = summary.num_failed

    try:
        code = run_tool(prepare, args)
    except KeyboardInterrupt:
        print('stopped; run the same command again to go on', file=sys.stderr)
        return EXIT_INTERRUPTED
    return code or (EXIT_VIDEOS_FAILED if num_failed else 0)


if __name__ == '__main__':
    sys.exit(main())
