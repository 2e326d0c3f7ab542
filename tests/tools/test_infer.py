"""tools/infer.py as a user calls it."""

from __future__ import annotations

import base64
import csv
import hashlib
import os
import re
import runpy
import sys

import av
import numpy as np
import pytest
import torch
from builders import make_video
from inference_builders import save_tool_model
from preparation_builders import encode
from tool_runs import ROOT, run_tool_here

from mmdeepfake.commands import infer
from mmdeepfake.commands.publish import publish_detector
from mmdeepfake.commands.videos_table import VideosTable
from mmdeepfake.engine.build import load_config
from mmdeepfake.inference import published_detector
from mmdeepfake.inference.results import VideoResult
from mmdeepfake.inference.video_list import RequestedVideo

TOOL = ROOT / 'tools/infer.py'
EVIL = '<img src=x onerror=alert(1)>.mp4'


def make_sound(path):
    """Write an MP4 of sound alone."""
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('aac', rate=8000)
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 8000), np.float32), format='fltp', layout='mono'
        )
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())


def test_folder_with_broken_files_is_scored_and_ends_with_1(tmp_path, capsys):
    model = save_tool_model(tmp_path / 'model')
    videos = tmp_path / 'videos'
    make_video(videos / 'good.mp4', num_frames=12)
    (videos / 'text.mp4').write_text('no video')
    (videos / 'empty.mp4').write_bytes(b'')
    make_sound(videos / 'sound.mp4')
    encode(videos / 'one.mp4', [np.full((64, 64, 3), 90, np.uint8)])
    out = tmp_path / 'out'
    words = (videos, '--checkpoint', model, '--out', out)
    assert run_tool_here(TOOL, *words) == 1
    printed = capsys.readouterr().err
    with open(out / 'videos.csv', newline='') as file:
        rows = {row['video']: row for row in csv.DictReader(file)}
    assert {name: row['status'] for name, row in rows.items()} == {
        'good.mp4': 'ok',
        'text.mp4': 'failed',
        'empty.mp4': 'failed',
        'sound.mp4': 'failed',
        'one.mp4': 'too_short',
    }
    assert rows['good.mp4']['verdict'] in ('fake', 'real')
    assert rows['one.mp4']['verdict'] == 'none'
    assert 'is empty (0 bytes)' in rows['empty.mp4']['fault']
    assert 'has no video stream' in rows['sound.mp4']['fault']
    assert 'is not calibrated' in printed
    assert {path.name for path in (out / 'good.mp4').iterdir()} == {
        'annotated.mp4', 'report.html', 'result.json', 'scores.csv',
    }  # fmt: skip
    assert 'Traceback' not in printed


def test_starter_is_used_and_named_where_no_checkpoint_is(
    tmp_path, capsys, monkeypatch
):
    weights = save_tool_model(tmp_path / 'model')
    cfg = load_config(weights.with_name('config.py'))
    publish_detector(cfg, weights, tmp_path / 'st', licence='any', name='tiny')
    monkeypatch.setattr(published_detector, 'STARTER', tmp_path / 'st')
    make_video(tmp_path / 'a.mp4', num_frames=12)
    words = (tmp_path / 'a.mp4', '--out', tmp_path / 'out', '--no-video')
    assert run_tool_here(TOOL, *words) == 0
    said = capsys.readouterr()
    assert "no checkpoint named: starter detector 'tiny', trained on real" in said.err
    assert '1 video (' in said.out and 'manipulation' in said.out
    report = (tmp_path / 'out/a.mp4/report.html').read_text()
    assert 'The model was trained on real video (made up, 3 persons).' in report


def test_resumed_run_scores_what_is_missing_and_keeps_the_rest(
    tmp_path, capsys, monkeypatch
):
    model = save_tool_model(tmp_path / 'model')
    load, loaded = infer.make_inferencer, []

    def load_once(args):
        loaded.extend([] if loaded else [load(args)])
        return loaded[0]

    monkeypatch.setattr(infer, 'make_inferencer', load_once)
    videos, out = tmp_path / 'videos', tmp_path / 'out'
    for name in ('=a.mp4', 'b.mp4', 'c.mp4'):
        make_video(videos / name, num_frames=12)
    (videos / 'text.mp4').write_text('no video')
    words = (videos, '--checkpoint', model, '--out', out, '--no-video', '--resume')
    words += ('--no-isolation',)
    results = {
        name: out / name / 'result.json' for name in ('=a.mp4', 'b.mp4', 'c.mp4')
    }

    def run():
        """Return what ran and the table."""
        for path in results.values():
            if path.exists():
                os.utime(path, (1, 1))
        assert run_tool_here(TOOL, *words) == 1
        ran = {n for n, path in results.items() if path.stat().st_mtime > 1}
        return ran, (out / 'videos.csv').read_text()

    ran, table = run()
    assert ran == set(results)
    capsys.readouterr()
    assert run() == (set(), table)
    said = capsys.readouterr()
    assert '3 videos of 4 done before' in said.err
    assert '[1/1] text.mp4: failed' in said.err
    assert '4 videos (' in said.out and 'failed: 1' in said.out
    make_video(videos / 'b.mp4', num_frames=13)  # another file of that name
    (out / 'c.mp4/report.html').unlink()
    assert run()[0] == {'b.mp4', 'c.mp4'}


def test_page_of_all_videos_links_the_reports_and_sorts_by_one_named_script(tmp_path):
    videos = [RequestedVideo(tmp_path / n, n, n) for n in (EVIL, 'b.mp4', 'c.mp4')]
    table = VideosTable(tmp_path, videos)
    for video, score in zip(videos, (0.25, 0.75, None), strict=True):
        (tmp_path / video.folder).mkdir()
        (tmp_path / video.folder / 'report.html').touch()
        status, verdict = ('ok', 'fake') if score else ('failed', 'none')
        more = dict(fake_score=score, fault='' if score else EVIL)
        result = VideoResult(video.path, status, verdict, 0.2, 0.2, False, **more)
        table.add(result, video)
    table.write()
    page = (tmp_path / 'videos.html').read_text()
    assert '<img' not in page and page.count('&lt;img') == 2
    (script,) = re.findall('<script>(.*?)</script>', page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page
    assert 'href="b.mp4/report.html"' in page and '0.750' in page
    assert table.counts() == '3 videos (signs of manipulation: 2, failed: 1)'


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['gone.mp4', '--checkpoint', 'w.pth'], "no video, folder or list 'gone.mp4'"),
        (['a.mp4', '--checkpoint', 'w.pth', '--config', 'c.py'], 'no such config file'),
        (['a.mp4', '--checkpoint', 'w.pth', '--out', 'a.mp4'], 'is a file'),
        (['a.mp4', '--checkpoint', 'nope.pth'], 'no such checkpoint file: nope.pth'),
        (['a.mp4', '--checkpoint', 'w.pth'], 'set --config'),
        (['a.mp4', '--checkpoint', 'c.py'], 'config and checkpoint swapped'),
        (['a.mp4', '--checkpoint', '.'], "no detector in folder '.'"),
        (['a.mp4'], 'comes without a starter detector: name a checkpoint'),
    ],
)
def test_wrong_use_ends_with_2_and_one_line(
    tmp_path, capsys, monkeypatch, words, message
):
    (tmp_path / 'a.mp4').write_text('')
    torch.save({}, tmp_path / 'w.pth')
    (tmp_path / 'setup.py').write_text('raise SystemExit(7)')  # must not be run
    out = [] if '--out' in words else ['--out', 'out']
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(published_detector, 'STARTER', tmp_path / 'none')
    monkeypatch.setattr(sys, 'argv', ['infer.py', *words, *out])
    assert runpy.run_path(str(TOOL))['main']() == 2
    said = capsys.readouterr().err
    assert said.startswith('error: ')
    assert message in said
    assert said.count('\n') == 1
    assert not (tmp_path / 'out').exists()
