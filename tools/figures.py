"""Draws the pictures of RATF's paper from a config, a checkpoint and its test data."""

from __future__ import annotations

import argparse
import pathlib
import sys

# So that a checkout works without being installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from mmdeepfake.commands.command_line import ToolParser, add_options_argument, run_tool

PAIR = ('CONFIG', 'CHECKPOINT')
TRUTHS = {
    'mask': 'the mask files of the data set',
    'difference': 'the pixel difference of a fake to its original',
    'none': 'no border',
}


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = ToolParser(
        example='tools/figures.py fig3 --model CONFIG CHECKPOINT --out OUT',
        description=__doc__,
    )
    figures = parser.add_subparsers(dest='figure', required=True)

    fig1 = figures.add_parser('fig1', help='how two regions change over time')
    fig1.add_argument('config', help='config whose test data are shown')
    fig1.add_argument('--num-frames', type=int, default=48, help='frames in a row')
    fig1.add_argument(
        '--regions',
        nargs='+',
        metavar='NAME=LEFT,TOP,RIGHT,BOTTOM',
        help='two boxes, in shares of the face crop (eyes and mouth)',
    )
    fig3 = figures.add_parser('fig3', help='Grad-CAM per manipulation, one snippet')
    fig4 = figures.add_parser('fig4', help='regions and taps of the basis filters')
    fig5 = figures.add_parser('fig5', help='activation with and without CSA')
    numbers = figures.add_parser('localisation', help='IoU and pointing game, a table')
    for one in (fig3, numbers):
        one.add_argument(
            '--model', nargs=2, metavar=PAIR, required=True, help='model to draw'
        )
    fig4.add_argument(
        '--model', nargs=2, metavar=PAIR, required=True, action='append',
        help='may be given several times, as for r = 4 and r = 8',
    )  # fmt: skip
    fig5.add_argument(
        '--with-csa', nargs=2, metavar=PAIR, required=True, help='model with CSA'
    )
    fig5.add_argument(
        '--without-csa', nargs=2, metavar=PAIR, required=True, help='model without'
    )
    fig5.add_argument('--num-snippets', type=int, default=2, help='pictures a video')
    for one, which in ((fig3, 'the one with the most evidence'), (fig4, 'the middle')):
        one.add_argument('--snippet', type=int, help=f'which ({which})')
    numbers.add_argument('--region-layer', help='a RATF (as fig4)')
    numbers.add_argument('--max-videos', type=int, help='of each manipulation')
    numbers.add_argument(
        '--num-resamples', type=int, default=2000, help='of the bootstrap'
    )
    numbers.add_argument('--seed', type=int, default=0, help='of the bootstrap')
    for one in (fig1, fig3, fig4, fig5):
        one.add_argument('--video-name', metavar='NAME', help='which (the first one)')
    for one in (fig3, fig4, fig5, numbers):
        one.add_argument('--layer', help="a layer's name (found by its size)")
        one.add_argument('--device', default='cpu', help='cpu, cuda, cuda:1, ...')
        one.add_argument(
            '--truth',
            choices=list(TRUTHS) if one in (fig3, fig4) else list(TRUTHS)[:2],
            default='mask',
            help='; '.join(f'{name}: {text}' for name, text in TRUTHS.items()),
        )
    for one in (fig1, fig3, fig4, fig5, numbers):
        _add_common(one)
    return parser.parse_args()


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--out', required=True, metavar='FOLDER', help='of the files')
    parser.add_argument('--name', help="the files' name without suffix")
    parser.add_argument('--methods', nargs='+', help='manipulations (all)')
    parser.add_argument(
        '--split', choices=['train', 'val', 'test'], default='test', help='videos'
    )
    add_options_argument(parser)


def main() -> int:
    """Draw, or measure."""
    args = parse_args()
    if args.figure == 'localisation':
        return run_tool(
            'mmdeepfake.commands.figures.forgery_localisation:run_localisation', args
        )
    return run_tool('mmdeepfake.commands.figures.paper_figures:run_figures', args)


if __name__ == '__main__':
    sys.exit(main())
