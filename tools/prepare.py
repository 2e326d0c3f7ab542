"""Prepare a dataset of raw videos: find the faces, store them as clips, list them.

    python tools/prepare.py ffpp /data/ffpp --out data/ffpp_faces --compressions c40

ROOT is the dataset as you downloaded it, and stays unchanged. FOLDER gets the clips
and manifest.jsonl, which a config reads with data_root=FOLDER. If the run is stopped,
run the same command again: it continues with the videos that are left.

Exit code 0: every video was prepared (some may have no face); 1: some videos failed,
see FOLDER/report/report.txt; 2: invalid options or input.
"""

from __future__ import annotations

import argparse
import logging
import pathlib
import signal
import sys

# So that a checkout works without being installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from mmdeepfake.commands.command_line import (
    EXIT_VIDEOS_FAILED,
    OptionAction,
    ToolParser,
    add_limit_arguments,
    run_tool,
)
from mmdeepfake.errors import ConfigError
from mmdeepfake.faces.detection import DETECTOR_NAMES
from mmdeepfake.faces.tracking import TrackingSettings
from mmdeepfake.files.csv_text import parse_columns
from mmdeepfake.files.printable_text import count_noun
from mmdeepfake.layouts import LAYOUTS
from mmdeepfake.layouts.csv_list import COLUMNS
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

EXIT_INTERRUPTED = 130  # like a shell after Ctrl-C
DEFAULTS = PreparationSettings(layout='folder')
LIMITS = WorkerLimits()


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = ToolParser(description=__doc__)
    parser.add_argument(
        'dataset',
        choices=sorted(LAYOUTS),
        help='which dataset, i.e. which official folders to look for; "folder" is a '
        'tree of your own with real/ and fake/ folders (or real/ alone), "csv" a '
        'list of files',
    )
    parser.add_argument(
        'root', type=pathlib.Path, metavar='ROOT', help='the dataset as downloaded'
    )
    parser.add_argument(
        '--out',
        type=pathlib.Path,
        required=True,
        metavar='FOLDER',
        help='of the clips and the manifest',
    )
    parser.add_argument(
        '--how-to-get',
        action=HowToGetAction,
        nargs=0,
        help='print where to get the dataset and the expected content of ROOT',
    )
    add_choice(parser.add_argument_group('which videos (all)'))
    add_settings(parser.add_argument_group('faces and clips; fixed by the first run'))
    add_execution(parser.add_argument_group('how to run; changes no clip'))
    return parser.parse_args()


class HowToGetAction(argparse.Action):
    """Prints where a dataset comes from, without asking for ROOT and --out."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        """Print and exit; the signature is argparse's."""
        name = getattr(namespace, 'dataset', None)
        for layout in [name] if name in LAYOUTS else sorted(LAYOUTS):
            print(f'{layout}\n\n{LAYOUTS[layout].how_to_get}\n')
        parser.exit()


def add_choice(group: argparse._ArgumentGroup) -> None:
    """Add the options that choose videos."""
    add = group.add_argument
    add('--methods', nargs='+', metavar='NAME', help='manipulations, e.g. FaceSwap')
    add('--compressions', nargs='+', metavar='LEVEL', help='levels, e.g. c23 c40')
    add('--splits', nargs='+', metavar='SPLIT', help='train, val, test')
    add(
        '--limit',
        type=int,
        metavar='N',
        help='for a trial: only the first N videos of each split, method and level '
        '(and the real videos that their boxes come from)',
    )
    add(
        '--columns',
        nargs='+',
        default=[],
        metavar='FIELD=COLUMN',
        help='of a csv list with other names of columns, e.g. path=file label=is_fake; '
        f'fields are {", ".join(COLUMNS)}',
    )
    add('--dataset-name', metavar='NAME', help="the dataset's name in the manifest")


def add_settings(group: argparse._ArgumentGroup) -> None:
    """Add the options that the clips depend on."""
    add = group.add_argument
    add(
        '--detector',
        choices=DETECTOR_NAMES,
        default=DEFAULTS.detector,
        help=f'face detector ({DEFAULTS.detector})',
    )
    options = dict(nargs='+', action=OptionAction, default={}, metavar='KEY=VALUE')
    add(
        '--detector-options',
        **options,
        help='options of the detector, e.g. config=... checkpoint=... of mmdet',
    )
    add(
        '--tracking-options',
        **options,
        help='options of the tracker, e.g. detect_every=10; all are '
        + ', '.join(TrackingSettings.__dataclass_fields__),
    )
    add(
        '--boxes',
        type=pathlib.Path,
        metavar='FILE.pkl',
        help="STIL's file of boxes (ffpp_face_rects.pkl), in place of a detector",
    )
    add(
        '--reuse-boxes',
        action=argparse.BooleanOptionalAction,
        default=DEFAULTS.reuse_boxes,
        help='take the boxes of a fake from the real video that it was made from, if '
        'the dataset states which: halves the work, and no model can learn how a '
        'detector behaves on fakes (on)',
    )
    add(
        '--landmarks',
        action='store_true',
        help="find 68 points in each frame; needs pip install 'mmdeepfake[dlib]'",
    )
    add(
        '--masks',
        action=argparse.BooleanOptionalAction,
        default=DEFAULTS.masks,
        help='store the masks of manipulated pixels, if there are any (on)',
    )
    add(
        '--margin',
        type=float,
        default=DEFAULTS.margin_ratio,
        metavar='RATIO',
        help='square stored around a face, over the side of its box: the maximum '
        f'margin of a config ({DEFAULTS.margin_ratio})',
    )
    add(
        '--face-px',
        type=int,
        default=DEFAULTS.face_px,
        metavar='PIXELS',
        help='scale larger faces down, to a side no smaller than this '
        f'({DEFAULTS.face_px})',
    )
    add(
        '--min-face-px',
        type=int,
        default=DEFAULTS.min_face_px,
        metavar='PIXELS',
        help=f'skip faces smaller than this ({DEFAULTS.min_face_px})',
    )
    add(
        '--clip-format',
        choices=CLIP_FORMATS,
        default=DEFAULT_CLIP_FORMAT,
        help=f'format of the frames ({DEFAULT_CLIP_FORMAT}); png is lossless',
    )
    add('--clip-quality', type=int, metavar='N', help='see docs/storage.md')


def add_execution(group: argparse._ArgumentGroup) -> None:
    """Add the options of how to run."""
    add = group.add_argument
    add(
        '--workers',
        type=int,
        metavar='N',
        help=f'processes, each below 1 GB (one per core: {num_cores()} here); 0 uses '
        'this process, for debugging: without limits, and a file that makes a decoder '
        'crash or hang ends the run',
    )
    add(
        '--shard',
        metavar='I/N',
        help='prepare only the I-th of N parts, e.g. 3/8: for jobs on several machines '
        'that share --out',
    )
    add(
        '--executor',
        choices=EXECUTORS,
        default='local',
        help="where the workers run: here, or on a Ray cluster ('mmdeepfake[ray]')",
    )
    add('--ray-address', metavar='HOST:PORT', help="the cluster's head, or auto")
    add_limit_arguments(
        group,
        stall_seconds=LIMITS.stall_seconds,
        memory_bytes=LIMITS.memory_bytes,
    )
    add('--retry-failed', action='store_true', help='prepare failed videos again')
    add('--overwrite', action='store_true', help='delete earlier results in --out')
    add('--quiet', action='store_true', help='no progress')


def make_request(args: argparse.Namespace) -> PreparationRequest:
    """Convert the command line into a request."""
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
        columns=parse_columns(args.columns, COLUMNS),
        limit=args.limit,
        num_workers=args.workers,
        executor=args.executor,
        ray_address=args.ray_address,
        shard=args.shard,
        boxes_path=args.boxes,
        overwrite=args.overwrite,
        retry_failed=args.retry_failed,
        limits=WorkerLimits(
            stall_seconds=args.stall_timeout,
            memory_bytes=int(args.worker_memory * 2**30),
            timeout_seconds=args.timeout,
        ),
        shows_progress=not args.quiet,
    )


def make_tracking(options: dict) -> TrackingSettings:
    """Build the tracker's settings; refuse unknown names."""
    known = TrackingSettings.__dataclass_fields__
    for name in options:
        if name not in known:
            raise ConfigError(
                f'--tracking-options {name}=...: unknown; known are {", ".join(known)}'
            )
    return TrackingSettings(**options)


def print_summary(summary: PreparationSummary, out: pathlib.Path) -> None:
    """Print the results and the next step."""
    print(format_coverage(summary.coverage))
    print(format_leaks(summary.leaks), end='')
    if summary.wrong_quality:
        print(
            f'{len(summary.wrong_quality)} files contradict their compression level, '
            'see the report'
        )
    seconds = summary.seconds
    print(
        f'\n{out}: {count_noun(summary.num_prepared, "video")} prepared, '
        f'{summary.num_kept} kept, {format_time(seconds)} '
        f'({summary.num_frames / max(seconds, 1e-9):.0f} frames/s); '
        f'{count_noun(summary.num_lines, "line")} in {out / "manifest.jsonl"}\n'
        f'report and images: {out / "report"}'
    )
    if summary.coverage.total.to_do:
        print(
            f'Left for the other shards or another run: '
            f'{count_noun(summary.coverage.total.to_do, "video")}'
        )


def raise_interrupt(number: int, frame: object) -> None:
    """Handle SIGTERM, which job schedulers send, like Ctrl-C."""
    raise KeyboardInterrupt


def main() -> int:
    """Prepare the dataset of the command line."""
    args = parse_args()
    logging.basicConfig(format='%(levelname)s: %(message)s')
    signal.signal(signal.SIGTERM, raise_interrupt)

    def prepare(args: argparse.Namespace) -> int:
        summary = run_preparation(make_request(args))
        print_summary(summary, args.out)
        return EXIT_VIDEOS_FAILED if summary.num_failed else 0

    try:
        return run_tool(prepare, args)
    except KeyboardInterrupt:
        print('stopped; run the same command again to continue', file=sys.stderr)
        return EXIT_INTERRUPTED


if __name__ == '__main__':
    sys.exit(main())
