import json

import numpy as np
import pytest

from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.structures import VideoKey, VideoRecord
from mmdeepfake.structures.manifest import ManifestWriter, read_manifest


def make_record(name='000', **fields):
    key = VideoKey('FaceForensics++', 0, 'real', 'c40', name)
    return VideoRecord(key, **{'path': f'clips/{name}.mp4', 'split': 'train', **fields})


FULL_RECORD = VideoRecord(
    VideoKey('FaceForensics++', 1, 'FaceSwap', 'c40', '012_026'),
    'clips/FaceSwap/c40/012_026.mp4',
    'test',
    identities=('012', '026'),
    fps=29.97,
    num_frames=2,
    boxes=((1.0, 2.0, 30.5, 41.25), (1.5, 2.0, 31.0, 41.0)),
    landmarks='landmarks/012_026.npz',
    mask='masks/012_026.mp4',
)
RECORDS = [
    FULL_RECORD,
    make_record(),
    make_record('gerät 7, "Ω" 脸', path='mit Leer zeichen/脸 "1".mp4'),
    make_record('not UTF-8 \udcff', path='x\udcff.mp4'),
    make_record('two\nlines', path='two\r\nlines.mp4', source='b\n.mp4'),
]


PREPARED = [
    make_record('two persons', path='clips/two persons.tar', track_file='t/0.npz'),
    make_record('two persons', path='clips/two persons 1.tar', track=1),
    make_record('nobody', path='', status='no_face', source='videos/nobody.mp4'),
    make_record('broken', path='', status='failed', fault='truncated'),
]


def write(path, records):
    with ManifestWriter(path) as manifest:
        for record in records:
            manifest.append(record)
    return path


def test_what_is_written_is_read_back(tmp_path):
    path = write(tmp_path / 'new folder' / 'manifest.jsonl', RECORDS)
    assert read_manifest(path) == RECORDS


def test_further_persons_and_videos_without_a_face_have_their_lines(tmp_path):
    path = write(tmp_path / 'manifest.jsonl', PREPARED)
    assert read_manifest(path) == PREPARED
    assert '"path"' not in path.read_text().splitlines()[2]


def test_a_video_without_path_and_reason_is_refused(tmp_path):
    path = write(tmp_path / 'manifest.jsonl', PREPARED)
    path.write_text(path.read_text().replace('"status": "no_face", ', ''))
    with pytest.raises(DataError, match="line 3: field 'path'"):
        read_manifest(path)


def test_every_line_is_there_before_the_writer_closes(tmp_path):
    path = tmp_path / 'manifest.jsonl'
    with ManifestWriter(path) as manifest:
        for count, record in enumerate(RECORDS, start=1):
            manifest.append(record)
            assert read_manifest(path) == RECORDS[:count]


def test_writer_continues_a_manifest_and_knows_what_is_in_it(tmp_path):
    path = write(tmp_path / 'manifest.jsonl', RECORDS[:2])
    with ManifestWriter(path) as manifest:
        assert RECORDS[1].key in manifest
        assert RECORDS[2].key not in manifest
        manifest.append(RECORDS[2])
    assert read_manifest(path) == RECORDS[:3]


def test_killed_at_any_byte_the_run_can_go_on(tmp_path):
    whole = write(tmp_path / 'whole.jsonl', RECORDS).read_bytes()
    path = tmp_path / 'killed.jsonl'
    for cut in np.random.default_rng(0).integers(0, len(whole) + 1, 40):
        path.write_bytes(whole[:cut])
        num_whole_lines = whole[:cut].count(b'\n')
        with ManifestWriter(path) as manifest:
            missing = [record for record in RECORDS if record.key not in manifest]
            assert len(missing) <= len(RECORDS) - num_whole_lines
            for record in missing:
                manifest.append(record)
        assert path.read_bytes() == whole


def test_truncated_last_line_is_refused_by_the_reader(tmp_path):
    path = write(tmp_path / 'manifest.jsonl', RECORDS)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=f'line {len(RECORDS)}: '):
        read_manifest(path)


def test_broken_line_in_the_middle_stops_the_writer_too(tmp_path):
    path = write(tmp_path / 'manifest.jsonl', RECORDS[:2])
    path.write_bytes(b'{"dataset": \n' + path.read_bytes())
    before = path.read_bytes()
    with pytest.raises(DataError, match='line 1: '):
        with ManifestWriter(path):
            pass
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'frames': 3}, "field 'frames'"),
        ({'split': None}, "field 'split' is None"),
        ({'split': 'dev'}, "split 'dev' of video '000'"),
        ({'label': 1}, "field 'label' is 1; .*'real' or 'fake'"),
        ({'label': 'fake'}, "label 1 and method 'real'"),
        ({'path': '/data/a.mp4'}, "'path' is '/data/a.mp4'"),
        ({'fps': '25'}, "'fps' is '25'; allowed is a number"),
        ({'num_frames': True}, "'num_frames' is True; allowed is an int"),
        ({'identities': 'ab'}, "'identities' is 'ab'; allowed is a list"),
        ({'boxes': [[1, 2, 3]]}, r"'boxes' is \[\[1, 2, 3\]\]"),
        ({'boxes': [[3, 0, 1, 2]]}, r'boxes\[0\] \(3, 0, 1, 2\)'),
        ({'fps': float('nan')}, 'NaN'),
    ],
)
def test_line_with_a_wrong_field_is_refused(tmp_path, change, message):
    path = write(tmp_path / 'manifest.jsonl', [make_record()])
    fields = json.loads(path.read_text()) | change
    path.write_text(json.dumps(fields) + '\n')
    with pytest.raises(DataError, match=rf'manifest\.jsonl, line 1: .*{message}'):
        read_manifest(path)


def test_missing_field_is_named(tmp_path):
    path = tmp_path / 'manifest.jsonl'
    path.write_text('{"dataset": "x"}\n')
    with pytest.raises(DataError, match="line 1: field 'label'"):
        read_manifest(path)


@pytest.mark.parametrize(
    ('line', 'message'),
    [
        ('[1, 2]', r'\[1, 2\]'),
        ('', "''"),
        ('{"split": "train", "split": "test"}', "'split' is given twice"),
    ],
)
def test_line_of_another_form_is_refused(tmp_path, line, message):
    path = write(tmp_path / 'manifest.jsonl', [make_record()])
    path.write_text(path.read_text() + line + '\n')
    with pytest.raises(DataError, match=f'line 2: .*{message}'):
        read_manifest(path)


def test_video_listed_twice_is_refused_by_reader_and_writer(tmp_path):
    path = write(tmp_path / 'manifest.jsonl', RECORDS)
    with ManifestWriter(path) as manifest, pytest.raises(DataError, match='already'):
        manifest.append(RECORDS[0])
    lines = path.read_bytes()
    path.write_bytes(lines + lines.split(b'\n')[1] + b'\n')
    with pytest.raises(DataError, match=r'line 6: .*real/c40/000 .* line 2'):
        read_manifest(path)


def test_record_that_could_not_be_read_back_is_not_written(tmp_path):
    path = tmp_path / 'manifest.jsonl'
    with ManifestWriter(path) as manifest:
        with pytest.raises(DataError, match=r"'path' is '/a\.mp4'"):
            manifest.append(make_record(path='/a.mp4'))
    assert path.read_bytes() == b''


def test_missing_manifest_is_named_with_its_absolute_path(tmp_path):
    with pytest.raises(DataNotFoundError, match=f'{tmp_path.name}/m.jsonl'):
        read_manifest(tmp_path / 'm.jsonl')


def test_closed_writer_refuses_to_append(tmp_path):
    with pytest.raises(RuntimeError, match='`with` block'):
        ManifestWriter(tmp_path / 'm.jsonl').append(make_record())
