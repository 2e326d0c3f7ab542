import io
from dataclasses import replace

import numpy as np
import pytest
from builders import make_clip, make_frame_folder, make_video
from rich.console import Console

from mmdeepfake.commands.validate import print_validation, validate_manifest
from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.structures import FaceTrack, VideoKey, VideoRecord
from mmdeepfake.structures.manifest import ManifestWriter

NUM_FRAMES = 6


def make_record(name, method='real', split='train', **fields):
    key = VideoKey('A', int(method != 'real'), method, 'c40', name)
    folder = f'clips/{method}/c40/{name}'
    values = dict(
        path=f'{folder}/track_0.tar',
        identities=(name,),
        fps=25.0,
        num_frames=NUM_FRAMES,
        track_file=f'{folder}/track_0.npz',
        source=f'videos/{method}/{name}.mp4',
    )
    return VideoRecord(key, split=split, **{**values, **fields})


def make_track(**fields):
    boxes = [[110 + i, 60, 140 + i, 100] for i in range(NUM_FRAMES)]
    values = dict(region=(90, 40, 218, 168), scale=0.5, **fields)
    return FaceTrack(np.array(boxes, np.float32), **values)


def records():
    return [
        make_record('a'),
        make_record('b', 'FaceSwap'),
        make_record('c', split='val'),
        make_record('d', 'FaceSwap', 'test'),
    ]


def write(root, listed, files=True):
    with ManifestWriter(root / 'manifest.jsonl') as manifest:
        for record in listed:
            manifest.append(record)
            if files and record.path:
                make_clip(root / record.path, NUM_FRAMES)
                (root / record.track_file).parent.mkdir(parents=True, exist_ok=True)
                make_track().save(root / record.track_file)
    return root


def findings(root, **arguments):
    result = validate_manifest(root / 'manifest.jsonl', **arguments)
    return [(f.kind, f.where, f.details) for f in result.findings]


def only_finding(root, **arguments):
    ((kind, where, details),) = findings(root, **arguments)
    return kind, f'{where}: {details}'


def test_valid_dataset_passes(tmp_path):
    faceless = replace(
        make_record('e'), path='', status='no_face', track_file=None, num_frames=None
    )
    failed = replace(faceless, key=make_record('f').key, status='failed', fault='x')
    failed = replace(failed, identities=('f',), source='videos/real/f.mp4')
    root = write(tmp_path, [*records(), faceless, failed])
    result = validate_manifest(root / 'manifest.jsonl', every_frame=True)
    assert result.findings == ()
    assert (result.num_videos, result.num_tracks, result.num_opened) == (6, 4, 4)
    assert result.statuses == {'ok': 4, 'no_face': 1, 'failed': 1}


def test_video_files_and_frame_folders_are_opened_too(tmp_path):
    listed = [make_record('a'), make_record('b', 'FaceSwap')]
    listed = [
        replace(r, track_file=None, boxes=((4.0, 4.0, 60.0, 64.0),)) for r in listed
    ]
    listed = [replace(listed[0], path='a.mp4'), replace(listed[1], path='b')]
    make_video(tmp_path / 'a.mp4', NUM_FRAMES)
    make_frame_folder(tmp_path / 'b', NUM_FRAMES)
    root = write(tmp_path, listed, files=False)
    assert findings(root, every_frame=True) == []
    assert findings(root / '..' / root.name, data_root=root) == []


def test_sample_opens_some_but_reads_every_line(tmp_path):
    listed = [*records(), make_record('z', split='val', identities=('a',))]
    root = write(tmp_path, listed)
    result = validate_manifest(root / 'manifest.jsonl', sample=2)
    assert (result.num_opened, result.num_tracks) == (2, 5)
    assert [f.kind for f in result.findings] == ['leak']
    drawn = set()
    for seed in range(8):
        for record in listed:
            (root / record.path).unlink(missing_ok=True)
        result = validate_manifest(root / 'manifest.jsonl', sample=1, seed=seed)
        drawn |= {f.where for f in result.findings if f.kind == 'missing'}
    assert len(drawn) > 1


@pytest.mark.parametrize(
    ('listed', 'kind', 'message'),
    [
        ([], 'empty', 'manifest: it lists no video'),
        (
            [make_record('z', split='val', identities=('a',))],
            'leak',
            "manifest: identity 'A/a' is in train and val",
        ),
        (
            [make_record('z', split='test', source='videos/real/a.mp4')],
            'leak',
            "source video 'A: videos/real/a.mp4' is in train and test",
        ),
        (
            [make_record('z', path='clips/real/c40/a/track_0.tar')],
            'repeated',
            "A/real/real/c40/z: 'clips/real/c40/a/track_0.tar' is also that of A/real",
        ),
        (
            [make_record('z', path='clips/FaceSwap/c40/z/track_0.tar')],
            'label',
            "in 'faceswap', but the method is 'real'",
        ),
        (
            [make_record('z', 'FaceSwap', path='Real/z.tar')],
            'label',
            "'Real/z.tar' is in 'real', but the method is 'FaceSwap'",
        ),
        (
            [make_record('z', path='test/z.tar')],
            'split',
            "'test/z.tar' is in 'test', but the split is 'train'",
        ),
        (
            [make_record('z', track=2)],
            'tracks',
            'A/real/real/c40/z: tracks [2]; they count from 0',
        ),
        (
            [make_record('z', path='', status='failed', track_file=None)],
            'status',
            "status 'failed' with the fault None",
        ),
    ],
)
def test_contradicting_lines_are_found(tmp_path, listed, kind, message):
    root = write(tmp_path, [*records(), *listed] if listed else [])
    found = only_finding(root)
    assert found[0] == kind
    assert message in found[1]


def test_tracks_of_one_video_must_agree(tmp_path):
    other = make_record('a', path='clips/real/c40/a/track_1.tar', track=1, split='val')
    root = write(tmp_path, [make_record('a'), other])
    found = findings(root)
    assert ('tracks', 'A/real/real/c40/a', "split differs: ['train', 'val']") in found
    assert [kind for kind, *_ in found].count('leak') == 2  # the person, the source


def test_known_persons_in_the_test_part_can_be_allowed(tmp_path):
    shared = make_record('z', split='test', identities=('a',))
    root = write(tmp_path, [*records(), shared])
    assert only_finding(root)[0] == 'leak'
    assert findings(root, test_shows_known_persons=True) == []
    other = make_record('y', split='val', identities=('a',))
    (root / 'manifest.jsonl').unlink()
    write(root, [*records(), shared, other])
    assert findings(root, test_shows_known_persons=True) == [
        ('leak', 'manifest', "identity 'A/a' is in train and val and test")
    ]


def test_only_complete_folder_names_mean_a_label(tmp_path):
    innocent = make_record('real', 'FaceSwap', path='deepfakes/latest/real/real.tar')
    assert findings(write(tmp_path, [*records(), innocent])) == []


def change(path, at, value=0xFF):
    content = bytearray(path.read_bytes())
    content[at] ^= value
    path.write_bytes(content)


def save_points(path, points):
    with open(path, 'wb') as file:
        np.savez(file, points=points)


def with_landmarks(points):
    def spoil(root, record):
        save_points(root / 'points.npz', points)
        return replace(record, landmarks='points.npz')

    return spoil


def with_mask(num_frames):
    def spoil(root, record):
        make_clip(root / 'mask.tar', num_frames)
        return replace(record, mask='mask.tar')

    return spoil


def with_track(**fields):
    def spoil(root, record):
        replace(make_track(), **fields).save(root / record.track_file)
        return record

    return spoil


def moved(pixels):
    return make_track().boxes + np.float32(pixels)


GOOD_POINTS = np.full((NUM_FRAMES, 68, 2), 20.0)
BAD_POINTS = np.where(np.arange(NUM_FRAMES)[:, None, None] == 2, np.nan, GOOD_POINTS)
FAR_POINTS = GOOD_POINTS + 80.0 * (np.arange(NUM_FRAMES)[:, None, None] == 4)


@pytest.mark.parametrize(
    ('spoil', 'kind', 'message'),
    [
        (
            lambda root, r: (root / r.path).unlink() or r,
            'missing',
            "'clips/real/c40/a/track_0.tar'",
        ),
        (
            lambda root, r: (root / r.path).write_bytes(b'x' * 3000) and r,
            'not a face clip',
            'it does not end as a tar file does',
        ),
        (
            lambda root, r: change(root / r.path, 700) or r,
            'damaged',
            'frame 0 of 6 is damaged',
        ),
        (
            lambda root, r: replace(r, num_frames=7),
            'frames',
            '6 frames in the file, 7 in the manifest',
        ),
        (
            lambda root, r: replace(r, fps=30.0),
            'fps',
            '25 frames a second in the file, 30 in the manifest',
        ),
        (
            lambda root, r: (root / r.track_file).unlink() or r,
            'boxes',
            'no face track ',
        ),
        (
            lambda root, r: (root / r.track_file).write_bytes(b'x') and r,
            'boxes',
            'is damaged or not a track',
        ),
        (with_track(boxes=moved(120)), 'boxes', 'frame 0: [70.0, 70.0, 85.0, 90.0]'),
        (
            with_track(region=(90, 40, 218, 200)),
            'boxes',
            'clip of 64 x 80 pixels, but it has 64 x 64',
        ),
        (
            lambda root, r: replace(r, landmarks='none.npz'),
            'missing',
            "landmark file 'none.npz'",
        ),
        (with_landmarks(GOOD_POINTS[:5]), 'landmarks', 'shape (5, 68, 2)'),
        (with_landmarks(BAD_POINTS), 'landmarks', 'some points are not finite'),
        (with_landmarks(FAR_POINTS), 'landmarks', '1 frames, first in frame 4'),
        (
            lambda root, r: change(root / r.path, 0, 0) or replace(r, landmarks=r.path),
            'landmarks',
            'is not a readable file',
        ),
        (lambda root, r: replace(r, mask='m.tar'), 'mask', "'m.tar': missing"),
        (with_mask(NUM_FRAMES + 1), 'mask', '7 frames of mask for 6'),
    ],
)
def test_errors_of_files_are_found(tmp_path, spoil, kind, message):
    root = write(tmp_path, records())
    spoilt = spoil(root, records()[0])
    (root / 'manifest.jsonl').unlink()
    write(root, [spoilt, *records()[1:]], files=False)
    found = only_finding(root)
    assert found[0] == kind
    assert message in found[1]


def test_right_landmarks_and_mask_pass(tmp_path):
    record = records()[0]
    for spoil in (with_landmarks(GOOD_POINTS), with_mask(NUM_FRAMES - 1)):
        record = spoil(tmp_path, record)
    assert findings(write(tmp_path, [record, *records()[1:]])) == []


def test_boxes_of_the_manifest_are_checked(tmp_path):
    boxes = tuple((4.0 + i, 4.0, 62.0 + i, 60.0) for i in range(NUM_FRAMES))
    record = replace(make_record('a'), boxes=boxes)
    root = write(tmp_path, [record])
    (root / 'manifest.jsonl').unlink()
    write(root, [replace(record, track_file=None)], files=False)
    assert '2 of 6 boxes' in only_finding(root)[1]


def test_damage_between_shows_when_every_frame_is_decoded(tmp_path):
    root = write(tmp_path, records())
    path = root / records()[1].path
    content = path.read_bytes()
    change(path, content.index(b'000001.png') + 600)
    assert findings(root) == []
    assert 'frame 1 of 6 is damaged' in only_finding(root, every_frame=True)[1]


def test_findings_are_printed_as_a_table_with_a_verdict(tmp_path):
    listed = [make_record(f'r{i:02d}', identities=(f'{i}',)) for i in range(45)]
    root = write(tmp_path, listed, files=False)
    text = io.StringIO()
    console = Console(file=text, width=160, color_system=None)
    print_validation(validate_manifest(root / 'manifest.jsonl'), console)
    lines = text.getvalue().splitlines()
    assert lines[0].strip() == '45 missing'
    assert 'A/real/real/c40/r00' in text.getvalue()
    assert lines[-2] == 'and 5 more'
    assert lines[-1].endswith(
        '45 videos (45 ok, 0 without a face, 0 failed), 45 of 45 faces opened: errors '
        'found: 45; no file is there: was the manifest moved without its folder?'
    )


def test_manifest_that_cannot_be_read_is_an_error(tmp_path):
    with pytest.raises(DataNotFoundError, match='no manifest '):
        validate_manifest(tmp_path / 'manifest.jsonl')
    write(tmp_path, records(), files=False)
    with pytest.raises(DataError, match='sample 0'):
        validate_manifest(tmp_path / 'manifest.jsonl', sample=0)
