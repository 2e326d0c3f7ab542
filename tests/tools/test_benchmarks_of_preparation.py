"""The two scripts that measure storage and preparation, on next to nothing."""

import importlib.util
import sys

import numpy as np
import pytest
from builders import make_video
from tool_runs import ROOT

from mmdeepfake.structures import FaceTrack


def load(name, monkeypatch):
    path = ROOT / f'tools/{name}.py'
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up by name.
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def storage(monkeypatch):
    from mmdeepfake.video.clip_storage import FORMATS

    for name in ('jpeg 4:2:0', 'raw'):  # what the script adds goes again
        monkeypatch.setitem(FORMATS, name, None)
    return load('benchmark_storage', monkeypatch)


@pytest.fixture
def preparation(monkeypatch):
    return load('benchmark_preparation', monkeypatch)


def test_every_way_of_storing_is_written_read_and_told(storage, tmp_path):
    path = make_video(tmp_path / 'a.mp4', num_frames=20, size=(96, 80), gop=20)
    track = FaceTrack(np.tile(np.float32([30, 20, 60, 50]), (20, 1)))
    names = [name for name in storage.SINKS if 'LMDB' not in name]
    ways = {name: storage.Stored() for name in (storage.ORIGINAL, *names)}
    (tmp_path / 'out').mkdir()
    storage.store(path, track, tmp_path / 'out', ways, face_px=224)
    for name, way in ways.items():
        assert way.num_bytes > 0 and way.num_frames == [20], name
        images = storage.read_snippet_set(way, 0, np.random.default_rng(0))
        assert [image.shape for image in images] == 16 * [(224, 224, 3)], name
    exact = [name for name, way in ways.items() if way.errors == [0.0]]
    assert exact == [
        storage.ORIGINAL,
        'PNG folder',
        'tar of PNG',
        'tar of raw RGB',
    ]
    jpeg = ways['**tar of JPEG (95, 4:4:4)**'].errors[0]
    assert 0 < jpeg < ways['tar of JPEG (90, 4:4:4)'].errors[0] < 30
    rows = list(storage.format_rows(ways, seconds=0.0))
    assert len(rows) == 2 + len(ways)
    assert all(row.count('|') == 7 for row in rows)
    assert '| exact (exact) |' in rows[2]


@pytest.mark.slow
def test_generated_clip_has_its_face_where_the_boxes_are(storage, tmp_path):
    boxes = storage.generate_video(tmp_path / 'g.mp4', 2)
    frames = list(storage.decode(tmp_path / 'g.mp4'))
    assert [frame.shape for frame in frames] == 2 * [(1080, 1920, 3)]
    x1, y1, x2, y2 = boxes[0].astype(int)
    inside = frames[0][y1 + 100 : y2 - 100, x1 + 60 : x2 - 60].mean()
    outside = frames[0][:, :300].mean()
    assert inside > outside + 20  # the face is painted brighter than its surroundings


def test_only_a_box_a_frame_passes_its_jitter_on(preparation):
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:80, :80]
    frame = np.stack(3 * [(rows + columns) % 256], axis=-1).astype(np.uint8)
    boxes = np.float32([30, 30, 50, 50]) + rng.integers(-3, 4, (40, 4)) * [1, 0, 1, 0]
    track = FaceTrack(boxes.astype(np.float32))
    motion = {
        rule: preparation.measure_motion([frame] * 40, track, rule)
        for rule in preparation.RULES
    }
    assert motion['snippet'] == motion['video'] == 0
    assert motion['frame'] > 1


def test_even_motion_is_no_jitter(preparation):
    boxes = np.array([[10 + 2 * i, 5, 30 + 2 * i, 25] for i in range(9)], np.float32)
    assert preparation.measure_jitter(boxes) == (0.0, 0.0)
    boxes[4:, 2] += 3
    boxes[::2] += 4
    assert preparation.measure_jitter(boxes)[0] > 4


def test_costs_stand_side_by_side(preparation):
    ours = preparation.Cost(2, 600, 600, 600, 10.0, 20.0, 500_000_000, 8_000_000)
    theirs = preparation.Cost(2, 600, 64, 48, 60.0, 90.0, 600_000_000, 4_000_000)
    known = preparation.Cost(2, 600, 600, 600, 4.0, 9.0, 400_000_000, 8_000_000)
    costs = dict(zip(preparation.WAYS, (ours, known, theirs), strict=True))
    rows = preparation.format_speed(costs)
    assert '| CPU seconds a video | 5.00 | 2.00 | 30.00 |' in rows
    assert '| frames of video a second a core | 60.0 | 150.0 | 10.0 |' in rows
    assert '| frames with a face a second a core | 60.0 | 150.0 | 0.8 |' in rows
    assert '| coverage of the frames looked at | 100.0% | 100.0% | 75.0% |' in rows
    assert '| coverage of all frames | 100.0% | 100.0% | 8.0% |' in rows
    assert '| peak memory of the process | 500 MB | 400 MB | 600 MB |' in rows
    assert rows[-1].endswith(
        'Ours is 6.0 times as fast a video, and 15.0 times where the boxes are known.'
    )


def test_missing_dlib_is_told_with_the_install_line(preparation, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, 'dlib', None)
    monkeypatch.setattr(sys, 'argv', ['benchmark_preparation.py', 'speed', 'a.mp4'])
    arguments = preparation.parse_args()
    assert preparation.run_tool(arguments.run, arguments) == 2
    assert "pip install 'mmdeepfake[dlib]'" in capsys.readouterr().err
