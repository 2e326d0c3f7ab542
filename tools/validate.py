"""Check a prepared dataset: open what its manifest lists, and print all errors.

Exit code 0: no errors; 1: errors; 2: the manifest cannot be read.
"""

import argparse
import pathlib
import sys

# So that a checkout works without being installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from mmdeepfake.commands.command_line import ToolParser, run_tool


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = ToolParser(
        example='tools/validate.py OUT/manifest.jsonl', description=__doc__
    )
    parser.add_argument('manifest', help='the file that lists the prepared videos')
    parser.add_argument(
        '--data-root', help="folder of its paths, if not the manifest's own"
    )
    parser.add_argument(
        '--sample', type=int, metavar='N', help='open only N random faces'
    )
    parser.add_argument('--seed', type=int, default=0, help='of the random choice')
    parser.add_argument(
        '--every-frame',
        action='store_true',
        help='decode every frame, not only the first, the middle and the last',
    )
    parser.add_argument(
        '--test-shows-known-persons',
        action='store_true',
        help='persons may be in train and in test, as in Celeb-DF',
    )
    return parser.parse_args()


def main() -> int:
    """Validate, print the findings, and return the exit code."""

    def run(args: argparse.Namespace) -> int:
        from mmdeepfake.commands.validate import print_validation, validate_manifest

        result = validate_manifest(
            args.manifest,
            data_root=args.data_root,
            sample=args.sample,
            every_frame=args.every_frame,
            test_shows_known_persons=args.test_shows_known_persons,
            seed=args.seed,
        )
        print_validation(result)
        return int(bool(result.findings))

    return run_tool(run, parse_args())


if __name__ == '__main__':
    sys.exit(main())
