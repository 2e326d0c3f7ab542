"""AUC of a model on test videos that get worse, in five levels of many kinds.

robustness.py run CONFIG CHECKPOINT             score, write the table and one plot
robustness.py join TABLE.csv ... --out FOLDER   one table and one plot of several models
robustness.py show VIDEO --out FILE.png         what the levels look like
"""

from __future__ import annotations

import argparse
import pathlib
import sys

# So that a checkout works without being installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from mmdeepfake.commands.command_line import ToolParser, add_run_arguments, run_tool


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = ToolParser(
        example='tools/robustness.py run CONFIG CHECKPOINT --help', description=__doc__
    )
    commands = parser.add_subparsers(required=True, metavar='COMMAND')
    run = commands.add_parser('run', help='score one model')
    run.add_argument('config', help='config of the model')
    run.add_argument('checkpoint', help='its weights')
    run.add_argument(
        '--on', metavar='SET', help="a set as for evaluate.py (the config's)"
    )
    run.add_argument('--data-root', help='where the set lies, if not where it says')
    run.add_argument(
        '--split', default='test', choices=['train', 'val', 'test'], help='videos'
    )
    run.add_argument('--corruptions', nargs='+', metavar='NAME', help='kinds (all)')
    run.add_argument('--levels', nargs='+', type=int, help='1 to 5 (all)')
    run.add_argument('--name', help="of the model (the config's)")
    run.add_argument('--num-resamples', type=int, default=2000, help='of the bootstrap')
    run.add_argument('--seed', type=int, default=0, help='of draws and bootstrap')
    run.add_argument('--allow-leak', action='store_true', help='see evaluate.py')
    add_run_arguments(run)
    run.set_defaults(main='run_robustness')
    join = commands.add_parser('join', help='put models into one table and plot')
    join.add_argument('--out', required=True, metavar='FOLDER', help='of both')
    join.add_argument('tables', nargs='+', metavar='TABLE.csv', help='of run')
    join.set_defaults(main='join_tables')
    show = commands.add_parser('show', help='draw a contact sheet of the levels')
    show.add_argument('video', help='video file or face clip')
    show.add_argument('--out', required=True, metavar='FILE.png', help='to write')
    show.add_argument('--seed', type=int, default=0, help='of draws')
    show.set_defaults(main='show_levels')
    return parser.parse_args()


def main() -> int:
    """Run the sub-command."""
    args = parse_args()
    return run_tool(f'mmdeepfake.commands.robustness:{args.main}', args)


if __name__ == '__main__':
    sys.exit(main())
