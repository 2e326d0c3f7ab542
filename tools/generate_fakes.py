"""Add fakes of a trained generator, Real-ESRGAN, to a prepared set of real videos.

Each real video of the split gets two: the whole picture repainted by the generator, and
its face alone, blended into the original. Train on them with own_fake_share, single
frames only (docs/real_videos.md).

Example:
    python tools/generate_fakes.py data/my_real_faces
"""

from __future__ import annotations

import argparse
import pathlib
import sys

# So that a checkout works without being installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from mmdeepfake.commands.command_line import ToolParser, run_tool
from mmdeepfake.structures.video_record import SPLITS


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = ToolParser(description=__doc__)
    parser.add_argument('root', help='a folder of tools/prepare.py')
    parser.add_argument('--split', choices=SPLITS, default='train', help='videos')
    parser.add_argument(
        '--frames-per-video',
        type=int,
        default=6,
        help='frames of a fake, spread over the video (6)',
    )
    parser.add_argument('--seed', type=int, default=0, help='of sizes and masks (0)')
    return parser.parse_args()


def main() -> int:
    """Make the fakes and print how many."""
    args = parse_args()

    def run(args: argparse.Namespace) -> None:
        from mmdeepfake.commands.generate_fakes import add_generated_fakes

        num_added = add_generated_fakes(
            args.root,
            split=args.split,
            frames_per_video=args.frames_per_video,
            seed=args.seed,
        )
        print(f'{num_added} fakes added to {args.root}/manifest.jsonl')

    return run_tool(run, args)


if __name__ == '__main__':
    sys.exit(main())
