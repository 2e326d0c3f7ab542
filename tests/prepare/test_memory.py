"""A worker needs no more memory for ten minutes of video than for half a minute."""

import subprocess
import sys

import pytest
from preparation_builders import draw_faces, encode
from tool_runs import ROOT

PROGRAM = """
import resource, sys
from pathlib import Path
from preparation_builders import make_request
from mmdeepfake.prepare.pipeline import run_preparation

root, out = map(Path, sys.argv[1:])
summary = run_preparation(make_request(root, out))
assert summary.coverage.total.ok == 2, summary
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def measure_peak_mb(tmp_path, num_frames):
    root = tmp_path / f'raw{num_frames}'
    frames = (draw_faces(i, size=(640, 360), side=120) for i in range(num_frames))
    encode(root / 'train/real/long.mp4', frames, fps=30)
    encode(root / 'train/fake/short.mp4', [draw_faces(0)] * 8)
    done = subprocess.run(
        [sys.executable, '-c', PROGRAM, root, tmp_path / f'out{num_frames}'],
        env={'PYTHONPATH': f'{ROOT}:{ROOT / "tests"}', 'OMP_NUM_THREADS': '1'},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return float(done.stdout)


@pytest.mark.slow
def test_memory_is_flat_over_ten_minutes_of_video(tmp_path):
    short = measure_peak_mb(tmp_path, 30 * 30)
    long = measure_peak_mb(tmp_path, 10 * 60 * 30)
    assert long < 1000
    assert long - short < 60
