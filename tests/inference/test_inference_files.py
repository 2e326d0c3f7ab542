"""What is written of a result can be read back, and says what the result says."""

from __future__ import annotations

import csv
import itertools
import json
import re
from pathlib import Path

import av
import numpy as np
import pytest
from inference_builders import make_inferencer
from preparation_builders import draw_faces, encode

from mmdeepfake.errors import ConfigError, DataError, DataNotFoundError
from mmdeepfake.files.file_hash import hash_file
from mmdeepfake.inference.heat_store import HeatStore
from mmdeepfake.inference.result_writers import (
    VIDEO_COLUMNS,
    format_table,
    is_finished,
    video_row,
    write_video_results,
)
from mmdeepfake.inference.results import VERDICT_MEANINGS, VideoResult
from mmdeepfake.inference.video_list import list_videos

EVIL = '<script>alert(1)</script>&"\'.mp4'


@pytest.fixture
def written(tmp_path):
    """A video under an evil name, its result and the files of it."""
    frames = (draw_faces(i, ((10, 40),), grey=90) for i in range(18))
    # Written under a plain name: FFmpeg takes some letters for patterns.
    path = encode(tmp_path / 'plain.mp4', frames).rename(
        tmp_path / EVIL.replace('/', '')
    )
    inferencer = make_inferencer(tmp_path, heat_map='all')
    result = inferencer.infer(path)
    files = write_video_results(
        result, tmp_path / 'out', inferencer.facts, decoder=inferencer.decoder
    )
    return result, files


def test_files_say_what_the_result_says(written):
    result, files = written
    content = json.loads(files['result.json'].read_text())
    assert content['schema_version'] == 2
    assert content['verdict'] == result.verdict
    assert content['fake_score'] == result.fake_score
    assert content['test_score'] == result.test_score
    assert content['is_calibrated'] is False
    assert len(content['inference']['weights']['sha256']) == 64
    (face,) = content['faces']
    assert [s['fake_score'] for s in face['snippets']] == [
        s.fake_score for s in result.faces[0].snippets
    ]
    with open(files['scores.csv'], newline='') as file:
        rows = list(csv.DictReader(file))
    by_level = {
        level: [float(row['fake_score']) for row in rows if row['level'] == level]
        for level in ('window', 'snippet')
    }
    assert by_level['window'] == [w.fake_score for w in result.faces[0].windows]
    assert by_level['snippet'] == [s.fake_score for s in result.faces[0].snippets]

    # The annotated video has every frame, at its time, and the box where the face is.
    with av.open(str(files['annotated.mp4'])) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == 'h264'
        assert not container.streams.audio
        frames = list(container.decode(stream))
    assert len(frames) == result.num_frames
    assert float(frames[-1].time) == pytest.approx(17 / 25, abs=1e-3)
    picture = frames[9].to_ndarray(format='rgb24').astype(int)
    assert picture.shape[1] == 480
    assert picture.shape[0] > 360  # the strip lies below
    x1, y1, x2, _ = (3 * result.faces[0].track.boxes[9]).astype(int)
    blue = picture[..., 2] - picture[..., 0]
    assert blue[y1 - 3 : y1 + 4, (x1 + x2) // 2].max() > 60

    page = files['report.html'].read_text()
    assert '<script' not in page
    assert '&lt;script&gt;' in page
    assert "default-src 'none'" in page.replace('&#x27;', "'")
    assert 'http' not in page.replace('http-equiv', '')
    assert page.count('data:image/svg+xml;base64,') == 1  # scores over time
    assert page.count('data:image/png;base64,') == 1  # the face
    assert 'not calibrated' in page
    assert VERDICT_MEANINGS[result.verdict] in page
    assert page.count('trained on') == 1
    assert 'on a real one it is where the model was closest to suspicion' in page
    levels = [int(level) for level in re.findall('<h([1-6])>', page)]
    assert levels[0] == 1
    assert all(b <= a + 1 for a, b in itertools.pairwise(levels))
    folded = page[page.index('<details>') : page.index('</details>')]
    assert 'step frames' in folded and 'threshold origin' in folded


def test_results_are_complete_only_for_the_same_video_model_and_settings(tmp_path):
    video = tmp_path / 'a.mp4'
    video.write_bytes(b'a video')
    result = VideoResult(video, 'ok', 'no face', 0.5, 0.5, False)
    facts = {'weights': {'sha256': 'x', 'dtype': 'float32'}, 'cfg_options': None}
    folder, files = tmp_path / 'out', dict(annotate=True, report=False)
    sha256 = hash_file(video)
    assert not is_finished(folder, video, facts, **files)
    write_video_results(result, folder, facts, **files, video_sha256=sha256)
    assert is_finished(folder, video, facts, **files)
    checked = {**facts['weights'], 'dtype': 'bfloat16'}  # known after the first scores
    assert is_finished(folder, video, {**facts, 'weights': checked}, **files)
    for other in ({**facts, 'threshold': 0.9}, {'weights': {'sha256': 'y'}}):
        assert not is_finished(folder, video, other, **files)
    assert not is_finished(folder, video, facts, annotate=True, report=True)
    video.write_bytes(b'another')
    assert not is_finished(folder, video, facts, **files)


def test_failed_video_has_a_row_and_a_page(tmp_path):
    result = VideoResult(
        tmp_path / 'a.mp4', 'failed', 'none', 0.5, 0.5, False, fault='it is <b>cut</b>'
    )
    files = write_video_results(result, tmp_path / 'out', {'config': None})
    assert set(files) == {'result.json', 'scores.csv', 'report.html'}
    assert 'it is &lt;b&gt;cut' in files['report.html'].read_text()
    table = format_table(VIDEO_COLUMNS, [video_row(result, 'x/a.mp4', 'x__a.mp4')])
    (row,) = csv.DictReader(table.splitlines())
    assert row['video'] == 'x/a.mp4'
    assert (row['status'], row['verdict'], row['fake_score']) == ('failed', 'none', '')
    assert row['fault'] == 'it is <b>cut</b>'


def test_heat_maps_come_back_on_one_scale():
    store = HeatStore()
    maps = np.random.default_rng(0).random((3, 2, 4, 5)).astype(np.float32) * 1e6
    maps[2] = 0
    for index, one in enumerate(maps):
        store.add(0, 10 * index, one)
    store.add(1, 0, maps[0])
    for index, one in enumerate(maps):
        np.testing.assert_allclose(
            store.get(0, 10 * index), one / maps.max(), atol=1e-3
        )
    assert store.get(1, 0).max() == pytest.approx(1)
    assert store.get(0, 5) is None


def test_inputs_are_files_folders_and_lists(tmp_path, caplog):
    for name in ('in/a.mp4', 'in/sub/a.MKV', 'in/note.txt', 'in/.hidden.mp4', 'b.mp4'):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text('')
    listed = tmp_path / 'list.txt'
    listed.write_text('# mine\nb.mp4\n\nin/a.mp4\ngone.mp4\n')
    videos = list_videos([tmp_path / 'in', listed], out=tmp_path / 'out')
    assert 'note.txt' in caplog.text and '.hidden.mp4' in caplog.text
    assert [v.path.relative_to(tmp_path).as_posix() for v in videos] == [
        'in/a.mp4',
        'in/sub/a.MKV',
        'b.mp4',
        'gone.mp4',
    ]
    assert [v.folder for v in videos] == ['a.mp4', 'sub__a.MKV', 'b.mp4', 'gone.mp4']


def test_list_may_have_a_mark_a_carriage_return_and_signs_in_names(tmp_path):
    names = ['a b.mp4', 'c#1.mp4', '#d.mp4', 'é"\'.mp4']
    for name in names:
        (tmp_path / name).touch()
    listed = tmp_path / 'list.txt'
    lines = ['a b.mp4', '# c', '', 'c#1.mp4', './#d.mp4', 'é"\'.mp4']
    listed.write_bytes('\r\n'.join(lines).encode('utf-8-sig'))
    videos = list_videos([listed], out=tmp_path / 'out')
    assert [video.path.name for video in videos] == names


def test_no_two_videos_share_a_folder(tmp_path):
    paths = [tmp_path / place / 'a.mp4' for place in ('x', 'y', 'z')]
    for path in paths:
        path.parent.mkdir()
        path.write_text('')
    videos = list_videos(paths, out=tmp_path / 'out')
    assert [video.folder for video in videos] == ['a.mp4', 'a.mp4-2', 'a.mp4-3']


@pytest.mark.parametrize(
    ('name', 'out', 'error', 'message'),
    [
        ('gone', 'out', DataNotFoundError, "'.*gone'"),
        ('empty', 'out', DataNotFoundError, "folder '.*empty' has no video"),
        ('empty', 'empty/out', ConfigError, "--out '.*empty/out' is inside"),
        ('text.txt', 'out', DataError, 'none of its 2 lines'),
        ('utf16.txt', 'out', DataError, 'line 1'),
    ],
)
def test_inputs_without_a_video_are_refused(tmp_path, name, out, error, message):
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'text.txt').write_text('some words\nand more')
    (tmp_path / 'utf16.txt').write_bytes('a.mp4\n'.encode('utf-16'))
    with pytest.raises(error, match=message):
        list_videos([tmp_path / name], out=tmp_path / out)


def test_address_is_not_taken_for_a_missing_file(tmp_path):
    with pytest.raises(DataNotFoundError, match='download it first'):
        list_videos([Path('https://example.org/a.mp4')], out=tmp_path)
