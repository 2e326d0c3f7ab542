"""Compare a GPU's results with the CPU's and measure its speed, in one report.

Compares inference and gradients in fp32, mixed precision, compiled and folded models
and the Triton kernels (extra `triton`), trains 200 steps and prints the speed table.

Exit code 0: all checks passed; 1: one failed; 2: no GPU.
"""

from __future__ import annotations

import argparse
import pathlib
import sys

# So that a checkout works without being installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from mmdeepfake.commands.command_line import ToolParser, run_tool


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = ToolParser(example='tools/check_gpu.py --out report', description=__doc__)
    parser.add_argument('--out', metavar='FOLDER', help='also write .md and .json')
    return parser.parse_args()


def main() -> int:
    """Check the GPU."""
    return run_tool('mmdeepfake.commands.check_gpu:run_check_gpu', parse_args())


if __name__ == '__main__':
    sys.exit(main())
