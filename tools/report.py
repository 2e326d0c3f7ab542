"""Make the report of a finished run: table, score plot and training curve."""

import argparse
import pathlib
import sys

# So that a checkout works without being installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from mmdeepfake.commands.command_line import ToolParser, run_tool


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = ToolParser(
        example='tools/report.py work_dirs/ratf_r18_miniff', description=__doc__
    )
    parser.add_argument(
        'work_dir',
        help='folder with predictions.csv and metrics.json of tools/test.py and the '
        'logs of tools/train.py; the report goes there too',
    )
    return parser.parse_args()


def main() -> int:
    """Write the report, or say in one line what is missing."""
    return run_tool('mmdeepfake.commands.report:run_report', parse_args())


if __name__ == '__main__':
    sys.exit(main())
