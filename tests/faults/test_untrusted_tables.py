"""Tables, JSON and arrays of strangers: a valid result or one message, nothing else."""

import csv
import io
import json
import os
import pickle
import random
import zipfile

import numpy as np
import pytest
from fault_builders.table_mutator import mutate_json, mutate_text
from layout_trees import (
    make_celeb_df,
    make_csv,
    make_deeper_forensics,
    make_dfdc,
    make_dfdc_preview,
    make_ffpp,
)
from run_builders import make_predictions, test_keys, write_figures

from mmdeepfake.commands.benchmark.run import BenchmarkRun, Launch
from mmdeepfake.commands.finished_runs import read_record
from mmdeepfake.commands.report import read_summary
from mmdeepfake.commands.robustness import Point, format_csv, read_points
from mmdeepfake.errors import DataError, InputError
from mmdeepfake.evaluation.boosted_stumps import BoostedStumps
from mmdeepfake.evaluation.leakage import SeenVideos
from mmdeepfake.evaluation.operating_point import OperatingPoint
from mmdeepfake.evaluation.predictions import read_predictions, write_predictions
from mmdeepfake.export.metadata import ExportMetadata
from mmdeepfake.files import bounded_reading
from mmdeepfake.files.array_reading import read_array, read_arrays
from mmdeepfake.files.bounded_reading import is_inner_path, read_lines
from mmdeepfake.layouts import LAYOUTS
from mmdeepfake.prepare.deepfakebench.importing import EXTRAS_END, read_extras
from mmdeepfake.prepare.deepfakebench.reading import read_bench_file
from mmdeepfake.prepare.preparation_settings import PreparationSettings
from mmdeepfake.prepare.prepared_video import PreparedVideo, VideoFacts
from mmdeepfake.prepare.stil_boxes import read_stil_boxes
from mmdeepfake.structures import FaceTrack, VideoKey, VideoRecord
from mmdeepfake.structures.face_landmarks import read_landmarks
from mmdeepfake.structures.manifest import format_line, parse_line, read_manifest
from mmdeepfake.video.clip_storage import ClipReader, ClipWriter
from mmdeepfake.visualization.training_log import read_training_log

SEED = 20261123
NUM_SHORT, NUM_FULL = 8, 10_000
KEY = VideoKey('set', 1, 'FaceSwap', 'c40', '012_026')
RECORDS = [
    VideoRecord(
        KEY._replace(name=f'{number}'), f'clips/{number}.tar', 'test',
        identities=('a', 'b'), fps=25.0, num_frames=2,
        boxes=((0.0, 1.0, 20.5, 30.0), (1.0, 1.0, 21.5, 30.0)),
        landmarks='clips/l.npz', mask='clips/m.tar', track_file='clips/t.npz',
        source='a/b.mp4',
    )
    for number in range(3)
]  # fmt: skip


# What reads JSON: name -> (path in a folder, what makes the folder, what reads).
def make_point(folder):
    OperatingPoint(0.5, 1.0, 0.1, 0.1, 0.9, 10, 10, 'val', 'ab').write(
        folder / 'x.json'
    )


def make_result(folder):
    PreparedVideo(
        (RECORDS[0],), VideoFacts(notes=('a',), x264_crf=23.0), 'abc', ('s',)
    ).save(folder)


def make_bench(folder):
    video = {'label': 'FF-FS', 'frames': ['./a/frames/000/001.png'], 'masks': []}
    content = {'FF-FS': {'FF-FS': {'test': {'c23': {'000': video}}}}}
    (folder / 'FF-FS.json').write_text(json.dumps(content))


def make_extras(folder):
    known = dict(key=[*KEY], identities=['a'], fps=25.0, source='a/b.mp4')
    known |= dict(times_seconds=[0.0, 0.04], is_whole=True, track='tracks/0.npz')
    failed = {**known, 'split': 'test', 'status': 'failed', 'fault': 'torn'}
    content = {'videos': {'a/frames/0': known, 'a/frames/1': failed}}
    (folder / f'x{EXTRAS_END}').write_text(json.dumps(content))


def make_metrics(folder):
    write_figures(folder, make_predictions(test_keys())[:40])


def read_state(path):
    return BenchmarkRun(path, 0, path.parent, Launch()).read_state()


def make_state(folder):
    state = {'stage': 'test', 'failure': ''}
    (folder / 'benchmark.json').write_text(json.dumps(state))


def make_settings(folder):
    content = PreparationSettings(layout='folder').to_dict()
    (folder / 'settings.json').write_text(json.dumps(content))


def make_seen(folder):
    SeenVideos(frozenset({('a', 'b', 'c')}), frozenset({'a/p'})).write(
        folder / 'x.json'
    )


def make_run(folder):
    entry = {'train': {'config': 'a.py', 'videos': {'train': {'real': 1}}}}
    (folder / 'run.json').write_text(json.dumps(entry))


def make_metadata(folder):
    told = ExportMetadata(
        'onnx', 'a.py', 'm', 'c', 'ab', ('fake_scores', 'logits'), 4, None, 4, 1, 8, 8,
        False, (0.0,) * 3, (1.0,) * 3, 0.5, 1.0, False, 10, 17, 'x',
    )  # fmt: skip
    (folder / 'm.json').write_text(told.to_json())


def read_metadata_text(path):
    return ExportMetadata.from_json(
        path.read_text('utf-8', 'replace'), source=str(path)
    )


def lister(layout, **wanted):
    def read(path):
        root = next(p for p in path.parents if p.name == 'set')
        videos = LAYOUTS[layout].list_videos(root, **wanted)
        for video in videos:
            assert os.path.normpath(video.path).startswith(str(root)), video
        return videos

    return read


JSON_READERS = {
    'operating point': ('x.json', make_point, OperatingPoint.read),
    'prepared video': (
        'result.json', make_result, lambda p: PreparedVideo.load(p.parent),
    ),
    'DeepfakeBench': ('FF-FS.json', make_bench, read_bench_file),
    'our file beside theirs': (
        f'x{EXTRAS_END}', make_extras, lambda p: read_extras(p.with_name('x.json')),
    ),
    'metrics.json': (
        'metrics.json', make_metrics,
        lambda p: read_summary(p, p.with_name('predictions.csv')),
    ),
    'benchmark.json': ('benchmark.json', make_state, read_state),
    'settings.json': ('settings.json', make_settings, PreparationSettings.read),
    'training_videos.json': ('x.json', make_seen, SeenVideos.read),
    'run.json': ('run.json', make_run, lambda p: read_record(p.parent)),
    'fields of an export': ('m.json', make_metadata, read_metadata_text),
    'splits of FaceForensics++': (
        'set/splits/test.json', lambda f: make_ffpp(f / 'set'),
        lister('ffpp', methods=['FaceSwap']),
    ),
    'metadata of DFDC': (
        'set/dfdc_train_part_0/metadata.json', lambda f: make_dfdc(f / 'set'),
        lister('dfdc'),
    ),
    'list of the DFDC preview': (
        'set/dataset.json', lambda f: make_dfdc_preview(f / 'set', 2),
        lister('dfdc_preview'),
    ),
}  # fmt: skip


def make_manifest(folder):
    lines = [format_line(record) + '\n' for record in RECORDS]
    (folder / 'manifest.jsonl').write_text(''.join(lines))


def read_checked_manifest(path):
    records = read_manifest(path)
    for record in records:
        for inner in (record.path, record.mask, record.landmarks, record.track_file):
            assert not inner or is_inner_path(inner)
    return records


def make_log(folder):
    lines = ['{"loss": 0.7, "step": 10}', '{"deepfake/auc": 0.9, "step": 1}']
    (folder / 'scalars.json').write_text('\n'.join(lines) + '\n')


def make_points(folder):
    point = Point('m', 'blur', 1, 'sigma 1', 0.5, 0.4, 0.6, 0.5)
    (folder / 'p.csv').write_text(format_csv([point]))


TEXT_READERS = {
    'manifest': ('manifest.jsonl', make_manifest, read_checked_manifest),
    'predictions.csv': (
        'predictions.csv',
        lambda f: write_predictions(
            f / 'predictions.csv', make_predictions(test_keys())[:20]
        ),
        read_predictions,
    ),
    'robustness table': ('p.csv', make_points, read_points),
    'training log': ('scalars.json', make_log, lambda p: read_training_log([p])),
    'list of Celeb-DF': (
        'set/List_of_testing_videos.txt', lambda f: make_celeb_df(f / 'set'),
        lister('celeb_df'),
    ),
    'labels of DFDC': (
        'set/test/labels.csv', lambda f: make_dfdc(f / 'set'), lister('dfdc'),
    ),
    'splits of DeeperForensics': (
        'set/lists/splits/test.txt', lambda f: make_deeper_forensics(f / 'set'),
        lister('deeper_forensics'),
    ),
    'CSV list': ('set/videos.csv', lambda f: make_csv(f / 'set'), lister('csv')),
}  # fmt: skip


def make_clip(folder):
    with ClipWriter(folder / 'a', 'png', fps=25.0) as writer:
        for number in range(3):
            writer.write(np.full((8, 8, 3), number, np.uint8), time_seconds=number / 25)


def read_clip(path):
    with ClipReader(path) as clip:
        return clip.read(range(len(clip)))


def make_track(folder):
    boxes = np.tile(np.float32([1, 2, 30, 40]), (4, 1))
    points = np.ones((4, 5, 2), np.float32)
    FaceTrack(boxes, points=points, region=(0, 0, 64, 64)).save(folder / 'a.npz')


def make_landmarks(folder):
    np.savez(folder / 'a.npz', points=np.ones((2, 68, 2), np.float32))


def make_stumps(folder):
    BoostedStumps(
        *(np.ones(3, int), np.ones(3)), np.ones(3), np.ones(3), np.ones(3)
    ).save(folder / 'a.npz')


def make_boxes(folder):
    content = {'0': np.float64([[1, 2, 3, 4]]), '1': [[1, 2, 3, 4.5]]}
    (folder / 'a.pkl').write_bytes(pickle.dumps(content, 2))


BYTE_READERS = {
    'face clip': ('a.tar', make_clip, read_clip),
    'face track': ('a.npz', make_track, FaceTrack.load),
    'landmarks': ('a.npz', make_landmarks, read_landmarks),
    'stumps': ('a.npz', make_stumps, BoostedStumps.load),
    'boxes of STIL': ('a.pkl', make_boxes, read_stil_boxes),
}
READERS = {**JSON_READERS, **TEXT_READERS, **BYTE_READERS}


def break_file(name, content, rng):
    """Return content corrupted in a way that fits its reader."""
    if name in BYTE_READERS:
        return break_bytes(content, rng)
    if name in JSON_READERS:
        return mutate_json(json.loads(content), rng)
    text = content.decode()
    if text.startswith('{') and rng.random() < 0.7:  # one object a line
        lines = text.splitlines()
        at = rng.randrange(len(lines))
        before, after = '\n'.join(lines[:at]), '\n'.join(lines[at + 1 :])
        line = mutate_json(json.loads(lines[at]), rng)
        return b'\n'.join((before.encode(), line, after.encode()))
    return mutate_text(text, rng)


def break_bytes(content, rng):
    content = bytearray(content)
    kind = rng.randrange(4)
    if kind == 0:
        return bytes(content[: rng.randrange(len(content))])
    if kind == 1:
        at, size = rng.randrange(len(content)), rng.choice((1, 4, 8, 60))
        content[at : at + size] = rng.choice((b'\xff', b'\0', b'9')) * size
    elif kind == 2:
        at = rng.randrange(len(content))
        content[at:at] = rng.randbytes(rng.choice((1, 8, 600)))
    else:
        for _ in range(rng.choice((1, 3, 30))):
            content[rng.randrange(len(content))] = rng.randrange(256)
    return bytes(content)


def check_case(path, content, read):
    """Whatever the content: a result, or one error that names the file."""
    path.write_bytes(content)
    try:
        read(path)
    except InputError as error:
        text = str(error)
        assert len(text) < 2500, text[:500]
        # A dataset of several lists may tell of what they say together.
        assert path.name in text or 'set' in path.parts, text[:500]
        return False
    return True


def run_cases(tmp_path, name, numbers):
    """Return how many of the broken files were taken as they are."""
    place, make, read = READERS[name]
    (tmp_path / 'set').mkdir(exist_ok=True)
    make(tmp_path)
    path = tmp_path / place
    sound = path.read_bytes()
    read(path)
    num_taken = 0
    for number in numbers:
        rng = random.Random(f'{SEED}/{name}/{number}')
        broken = break_file(name, sound, rng)
        try:
            num_taken += check_case(path, broken, read)
        except BaseException as error:
            error.add_note(f'case {number} of {name}: {broken[:300]!r}')
            raise
    return num_taken


@pytest.mark.parametrize('name', READERS)
def test_broken_file_is_taken_or_named(tmp_path, name):
    run_cases(tmp_path, name, range(NUM_SHORT))


@pytest.mark.faults
@pytest.mark.parametrize('name', READERS)
def test_no_broken_file_of_many_comes_through(tmp_path, name):
    num = -(-NUM_FULL // len(READERS))
    num_taken = run_cases(tmp_path, name, range(num))
    print(f'{name}: {num} cases, {num_taken} taken, {num - num_taken} refused')


# Cases that chance finds seldom -------------------------------------------------------


def manifest_line(**fields):
    return json.dumps({**json.loads(format_line(RECORDS[0])), **fields})


@pytest.mark.parametrize('field', ['path', 'mask', 'landmarks', 'track_file', 'source'])
@pytest.mark.parametrize(
    'path',
    ['/etc/passwd', '../x', 'a/../../x', 'a\\..\\..\\x', 'C:\\x', 'a\0b', '..', ''],
)
def test_path_that_leaves_the_root_is_refused_with_its_line(tmp_path, field, path):
    manifest = tmp_path / 'manifest.jsonl'
    manifest.write_text(
        f'{format_line(RECORDS[1])}\n{manifest_line(**{field: path})}\n'
    )
    with pytest.raises(DataError, match=rf'manifest\.jsonl, line 2: .*{field!r}'):
        read_manifest(manifest)


def test_link_inside_the_root_is_followed(tmp_path):
    (tmp_path / 'disk').mkdir()
    (tmp_path / 'disk/manifest.jsonl').write_text(format_line(RECORDS[0]) + '\n')
    (tmp_path / 'data').symlink_to(tmp_path / 'disk')
    assert read_manifest(tmp_path / 'data/manifest.jsonl')[0].key == RECORDS[0].key


@pytest.mark.parametrize(
    ('line', 'message'),
    [
        ('[' * 100_000, 'nested too deeply'),
        ('{"a":' * 100_000, 'nested too deeply'),
        (manifest_line(fps=10**400), "field 'fps' is 1000.*allowed is a number"),
        (manifest_line().replace('25.0', '1e999'), '1e999 is not'),
        (manifest_line(num_frames=10**30), "field 'num_frames' is 1000"),
        (manifest_line().replace('"fps": 25.0', '"fps": NaN'), 'NaN is not'),
        ('{"name": "a", "name": "b"}', "field 'name' is given twice"),
        (manifest_line(name='a\0'), "field 'name' is 'a.x00'"),
        (manifest_line(name='\ud800'), 'not a valid character'),
    ],
)
def test_line_is_refused_in_one_short_message(line, message):
    with pytest.raises(ValueError, match=message) as caught:
        parse_line(line)
    assert len(str(caught.value)) < 400


def test_long_line_is_not_read_completely(tmp_path, monkeypatch):
    monkeypatch.setattr(bounded_reading, 'MAX_LINE_BYTES', 1 << 20)
    path = tmp_path / 'manifest.jsonl'
    with open(path, 'wb') as file:
        file.write(b'{}\n')
        file.truncate(10 << 30)  # no such file is on the disk
    with pytest.raises(ValueError, match=r'line 2 .* 1 MiB'):
        list(read_lines(path, max_bytes=1 << 20))


def test_large_record_is_not_read_completely(tmp_path):
    path = tmp_path / 'x.json'
    with open(path, 'wb') as file:
        file.truncate(10 << 30)
    with pytest.raises(DataError, match=r'x\.json.* 64 MiB'):
        OperatingPoint.read(path)


@pytest.mark.parametrize('shape', [(10**12,), (10**6, 10**6, 10**6), (-1,), (2**62, 4)])
def test_array_that_claims_more_than_it_has_is_refused_unallocated(tmp_path, shape):
    header = {'descr': '<f8', 'fortran_order': False, 'shape': shape}
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, header)
    (tmp_path / 'a.npy').write_bytes(buffer.getvalue() + bytes(80))
    with pytest.raises(ValueError, match='claims'):
        read_array(tmp_path / 'a.npy')
    with zipfile.ZipFile(tmp_path / 'a.npz', 'w') as archive:
        archive.writestr('points.npy', buffer.getvalue() + bytes(80))
    with pytest.raises(DataError, match=r'a\.npz.*claims'):
        read_landmarks(tmp_path / 'a.npz')


def test_packed_zeros_are_not_unpacked(tmp_path):
    np.savez_compressed(
        tmp_path / 'a.npz', points=np.zeros((40_000, 68, 2), np.float32)
    )
    with pytest.raises(DataError, match=r'from [0-9]+ to [0-9]+ bytes'):
        read_landmarks(tmp_path / 'a.npz')


def test_arrays_that_others_pack_are_read(tmp_path):
    points = np.random.default_rng(0).random((50, 68, 2), np.float32)
    np.savez_compressed(
        tmp_path / 'a.npz', points=points, other=np.asfortranarray(points)
    )
    np.testing.assert_array_equal(read_landmarks(tmp_path / 'a.npz'), points)
    found = read_arrays(tmp_path / 'a.npz')['other']
    np.testing.assert_array_equal(found, points)
    found += 1  # can be written to


def test_boxes_that_stand_in_many_places_are_not_multiplied(tmp_path):
    value = [1.0] * 10
    for _ in range(12):
        value = [value] * 10
    (tmp_path / 'a.pkl').write_bytes(pickle.dumps({'0': value}, 2))
    with pytest.raises(DataError, match=r"video '0'.* are nested too deep"):
        read_stil_boxes(tmp_path / 'a.pkl')


@pytest.mark.parametrize('place', ['../x.mp4', '/x.mp4', 'a/../../x.mp4'])
def test_list_of_a_dataset_names_no_file_outside_of_it(tmp_path, place):
    text = f'path,label\n{place},real\n'
    with pytest.raises(DataError, match=r"line 2: path=.*without '\.\.'"):
        LAYOUTS['csv'].list_videos(make_csv(tmp_path / 'set', text))
    root = make_dfdc(tmp_path / 'dfdc')
    (root / 'test/labels.csv').write_text(f'filename,label\n{place},0\n')
    with pytest.raises(DataError, match=r'labels\.csv, line 2: .* is not a path'):
        LAYOUTS['dfdc'].list_videos(root)
    root = make_dfdc(tmp_path / 'other')
    listed = root / 'dfdc_train_part_0/metadata.json'
    listed.write_text(json.dumps({place: {'label': 'REAL'}}))
    with pytest.raises(DataError, match=r'metadata\.json, entry .* is not a path'):
        LAYOUTS['dfdc'].list_videos(root)


def test_csv_with_an_endless_field_is_named(tmp_path):
    path = tmp_path / 'predictions.csv'
    write_predictions(path, make_predictions(test_keys())[:2])
    with open(path, 'a') as file:
        file.write('"' + 'x' * 200_000)
    with pytest.raises(DataError, match=r'predictions\.csv, line 4: field larger than'):
        read_predictions(path)
    assert csv.field_size_limit() == 131072
