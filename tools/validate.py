"""Check a prepared dataset: open what its manifest lists, and print what is wrong.

Exit code 0: nothing is wrong; 1: something is; 2: the manifest cannot be read.
"""

import argparse
import pathlib
import sys

# So that a checkout works without being installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from mmdeepfake.commands.command_line import run_tool
from mmdeepfake.commands.validate import print_validation, validate_manifest


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('manifest', help='the file that lists the prepared videos')
    parser.add_argument(
        '--data-root', help="folder its paths start from, if not the manifest's own"
    )
    parser.add_argument(
        '--sample', type=int, metavar='N', help='open N faces drawn at random, not all'
    )
    parser.add_argument('--seed', type=int, default=0, help='of that draw')
    parser.add_argument(
        '--every-frame',
        action='store_true',
        help='decode every frame, not just the first, the middle and the last',
    )
    parser.add_argument(
        '--test-shows-known-persons',
        action='store_true',
        help='persons may be in train and in test, as in Celeb-DF',
    )
    return parser.parse_args()


def main() -> int:
    """Validate, print, and tell by the exit code whether anything is wrong."""
    found = []

    def run(args: argparse.Namespace) -> None:
        result = validate_manifest(
            args.manifest,
            data_root=args.data_root,
            sample=args.sample,
            every_frame=args.every_frame,
            test_shows_known_persons=args.test_shows_known_persons,
            seed=args.seed,
        )
        print_validation(result)
        found.extend(result.findings)

    return run_tool(run, parse_args()) or int(bool(found))


if __name__ == '__main__':
    sys.exit(main())
