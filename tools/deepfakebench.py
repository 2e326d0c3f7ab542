"""Import DeepfakeBench's data, or export a prepared dataset for it."""

import argparse
import pathlib
import sys

# So that a checkout works without being installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from mmdeepfake.commands.command_line import ToolParser, run_tool
from mmdeepfake.prepare.deepfakebench import export_bench, import_bench
from mmdeepfake.prepare.deepfakebench.exporting import CROPS
from mmdeepfake.video.clip_storage import CLIP_FORMATS


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = ToolParser(
        example='tools/deepfakebench.py import --help', description=__doc__
    )
    commands = parser.add_subparsers(required=True, metavar='import|export')
    reading = commands.add_parser('import', help='their JSON files -> a manifest')
    reading.set_defaults(run=run_import)
    reading.add_argument('json', nargs='+', help="DeepfakeBench's dataset files")
    reading.add_argument(
        '--out', required=True, metavar='FOLDER', help='of manifest and clips'
    )
    reading.add_argument(
        '--bench-root', required=True, help='folder that their paths end in'
    )
    reading.add_argument(
        '--drop-train-test-overlap',
        action='store_true',
        help='keep videos that are in train and in test in test only',
    )
    storage = reading.add_mutually_exclusive_group()
    storage.add_argument(
        '--clip-format',
        choices=CLIP_FORMATS,
        default='png',
        help='of the stored frames',
    )
    storage.add_argument(
        '--in-place', action='store_true', help='list the folders and copy nothing'
    )
    writing = commands.add_parser('export', help='MANIFEST -> their folders and files')
    writing.set_defaults(run=run_export)
    writing.add_argument('manifest', help='of a preparation')
    writing.add_argument('--out', required=True, metavar='FOLDER', help='new or empty')
    writing.add_argument(
        '--data-root', help="folder of its paths, if not the manifest's own"
    )
    writing.add_argument(
        '--crop',
        choices=CROPS,
        default='face',
        help="'face': the square around each frame's box, resized; 'none': whole clip",
    )
    writing.add_argument('--margin', type=float, default=1.3, help='of that square')
    writing.add_argument('--size-px', type=int, default=256, help='side of an image')
    writing.add_argument(
        '--num-frames', type=int, help='of each video, evenly spaced (all)'
    )
    return parser.parse_args()


def run_import(args: argparse.Namespace) -> None:
    """Import, and print the findings."""
    report = import_bench(
        args.json,
        args.out,
        bench_root=args.bench_root,
        drop_train_test_overlap=args.drop_train_test_overlap,
        clip_format=None if args.in_place else args.clip_format,
    )
    for defect in report.defects:
        print(f'{defect.kind}: {defect.details}')
    num_ok = sum(record.status == 'ok' for record in report.records)
    print(
        f'{args.out}/manifest.jsonl: {len(report.records)} videos, {num_ok} of them '
        f'usable; {len(report.defects)} kinds of defects'
    )


def run_export(args: argparse.Namespace) -> None:
    """Export, and print what was written."""
    report = export_bench(
        args.manifest,
        args.out,
        data_root=args.data_root,
        crop=args.crop,
        margin_ratio=args.margin,
        side_px=args.size_px,
        num_frames=args.num_frames,
    )
    for note in report.notes:
        print(note)
    print(
        f'{report.num_videos} videos, {report.num_frames} images, listed in '
        + ', '.join(map(str, report.files))
    )


def main() -> int:
    """Run the sub-command."""
    args = parse_args()
    return run_tool(args.run, args)


if __name__ == '__main__':
    sys.exit(main())
