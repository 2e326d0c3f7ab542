"""Half an hour of video needs no more memory than three minutes."""

import os
import subprocess
import sys

import pytest
from preparation_builders import draw_faces, encode
from tool_runs import ROOT

PROGRAM = """
import resource, sys
from pathlib import Path
from mmengine.registry import init_default_scope
init_default_scope('mmaction')
from inference_builders import make_config, make_inferencer
from mmdeepfake.inference.result_writers import write_video_results

video, dataset = Path(sys.argv[1]), sys.argv[2]
inferencer = make_inferencer(video.parent, make_config(dataset), decoder=None)
result = inferencer.infer(video)
assert result.status == 'ok', result
write_video_results(result, video.parent / 'out', inferencer.facts)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
FPS = 10


def make_long_video(path, minutes):
    frames = (
        draw_faces(min(i, 19), ((20, 20), (95, 60)), grey=90)
        for i in range(minutes * 60 * FPS)
    )
    return encode(path, frames, fps=FPS)


def measure_peak_mb(video, dataset):
    done = subprocess.run(
        [sys.executable, '-c', PROGRAM, video, dataset],
        env={
            **os.environ,
            'PYTHONPATH': f'{ROOT}:{ROOT / "tests"}',
            'OMP_NUM_THREADS': '1',
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return float(done.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.parametrize('dataset', ['DeepfakeDataset', 'VideoFolder'])
def test_memory_is_flat_over_half_an_hour_of_video(tmp_path, dataset):
    short = measure_peak_mb(make_long_video(tmp_path / 'short.mp4', 3), dataset)
    long = measure_peak_mb(make_long_video(tmp_path / 'long.mp4', 30), dataset)
    print(f'{dataset}: {short:.0f} MB for 3 minutes, {long:.0f} MB for 30')
    assert long < 1000
    assert long - short < 80
