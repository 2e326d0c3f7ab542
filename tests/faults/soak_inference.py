"""Score the same videos round after round in one process; does it stay as it is?

    python tests/faults/soak_inference.py --root data/realff --minutes 60 --seed 0 \
        --out work_dirs/soak configs/ratf_r18_own_faces.py CHECKPOINT

After every video it writes down memory, threads, open handles and child processes of
itself with all that it started, and the files in its temporary folder. Every number of
a video's result, heat maps included, must be bit-equal in all rounds. Each round has
an order of its own, so that no video hides behind the one before it. It ends with 1
where something grew, or scores differ; `soak.json` in --out has the figures,
`memory.png` a picture, `measures.csv` all that was measured.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
# So that a checkout works without being installed.
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1])]

from soak_runs import draw_memory, judge, list_videos, soak, summarise  # noqa: E402

from mmdeepfake.apis import DeepfakeInferencer  # noqa: E402

# Growth of the memory that is no file's, after the first round, by the median slope:
# the heap jumps between levels some MB apart, which tilts a line of least squares.
MAX_MB_PER_HOUR = 5.0


def main() -> int:
    """Run as the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config')
    parser.add_argument('checkpoint')
    parser.add_argument('--root', type=Path, required=True, help='of the videos')
    parser.add_argument('--compression', default='c23')
    parser.add_argument('--num-videos', type=int, help='of a round; all')
    parser.add_argument('--minutes', type=float, default=60)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--out', type=Path, required=True, help='folder for figures')
    parser.add_argument('--max-mb-per-hour', type=float, default=MAX_MB_PER_HOUR)
    args = parser.parse_args()
    videos = list_videos(args.root, args.compression)
    if not videos:
        parser.error(f'no {args.compression} videos below {args.root}')
    if args.num_videos is not None:
        videos = random.Random(args.seed).sample(videos, args.num_videos)
    args.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temp:
        tempfile.tempdir = os.environ['TMPDIR'] = temp
        found = soak(
            DeepfakeInferencer(args.config, args.checkpoint, device='cpu'),
            videos,
            Path(temp),
            args.out / 'measures.csv',
            seed=args.seed,
            max_seconds=60 * args.minutes,
        )
    draw_memory(found, args.out / 'memory.png')
    figures = summarise(found)
    complaints = judge(found, args.max_mb_per_hour)
    figures['complaints'] = complaints
    (args.out / 'soak.json').write_text(json.dumps(figures, indent=1) + '\n')
    print(json.dumps(figures, indent=1))
    return 1 if complaints else 0


if __name__ == '__main__':
    sys.exit(main())
