"""Collect finished runs into Tables 1 to 4 of RATF's paper, its figures beside ours."""

from __future__ import annotations

import argparse
import pathlib
import sys

# So that a checkout works without being installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from mmdeepfake.commands.command_line import ToolParser, run_tool


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = ToolParser(
        example='tools/paper_tables.py work_dirs --out tables',
        description=__doc__
        + ' A cell without predictions stays empty; the commands that fill it are '
        'listed.',
    )
    parser.add_argument(
        'work_dirs',
        nargs='+',
        metavar='WORK_DIR',
        help='folders of runs, or folders that hold such folders; sets scored by '
        'tools/evaluate.py are found in them',
    )
    parser.add_argument(
        '--out',
        default='work_dirs/paper_tables',
        metavar='FOLDER',
        help='of paper_tables.md and .csv',
    )
    return parser.parse_args()


def main() -> int:
    """Write the tables."""
    return run_tool(
        'mmdeepfake.commands.paper_tables.writing:write_paper_tables', parse_args()
    )


if __name__ == '__main__':
    sys.exit(main())
