"""The complete preparation of made-up videos, with a stub detector."""

import json
import sys
import tarfile

import cv2
import numpy as np
import pytest
from builders import make_frame_folder, read_index
from preparation_builders import (
    draw_faces,
    encode,
    make_face_video,
    make_request,
    make_tree,
    snapshot,
    write_boxes,
)

from mmdeepfake.errors import ConfigError, DataError
from mmdeepfake.faces.tracking import TrackingSettings
from mmdeepfake.layouts.source_video import SourceVideo
from mmdeepfake.prepare.output_folder import OutputFolder
from mmdeepfake.prepare.pipeline import run_preparation
from mmdeepfake.prepare.prepared_video import PreparedVideo
from mmdeepfake.prepare.work_plan import refuse_shared_folders
from mmdeepfake.structures import FaceTrack, VideoKey
from mmdeepfake.structures.manifest import read_manifest
from mmdeepfake.video.clip_storage import open_clip
from mmdeepfake.video.frame_sources import VideoFile


def records_of(out):
    """Return the records by name, without the split that the layout prepends."""
    records = read_manifest(out / 'manifest.jsonl')
    return {record.key.name.split('/')[-1]: record for record in records}


def prepared(out, record):
    return PreparedVideo.load(OutputFolder(out).folder_of(record.key))


@pytest.fixture(scope='module')
def done(small_tree, tmp_path_factory):
    """The small tree, prepared as PNG: summary and output, not to be changed."""
    out = tmp_path_factory.mktemp('done') / 'faces'
    settings = {'clip_format': 'png'}
    return run_preparation(make_request(small_tree, out, settings=settings)), out


def test_clips_show_the_face_of_every_frame(small_tree, done):
    _, out = done
    record = records_of(out)['a_test_fake']
    track = FaceTrack.load(out / record.track_file)
    clip = open_clip(out / record.path)
    x1, y1, x2, y2 = track.region
    frames = list(VideoFile(small_tree / record.source).read())
    assert len(clip) == len(track) == record.num_frames == len(frames) == 16
    shown = clip.read(range(16))
    for index, frame in enumerate(frames):
        np.testing.assert_array_equal(shown[index], frame[y1:y2, x1:x2])
    for index, box in enumerate(track.boxes_in_clip()):
        crop = shown[index][slice(*np.rint(box[1::2]).astype(int))]
        crop = crop[:, slice(*np.rint(box[::2]).astype(int))]
        assert np.median(crop.reshape(-1, 3), axis=0)[1] > 200  # the green face


def test_manifest_lists_every_video_in_the_order_of_keys(done):
    summary, out = done
    records = read_manifest(out / 'manifest.jsonl')
    assert [r.key for r in records] == sorted(r.key for r in records)
    assert {(r.key.name.split('/')[-1], r.split, r.status) for r in records} == {
        ('a_train_real', 'train', 'ok'),
        ('a_train_fake', 'train', 'ok'),
        ('a_test_real', 'test', 'ok'),
        ('a_test_fake', 'test', 'ok'),
    }
    assert (summary.num_prepared, summary.num_lines, summary.num_failed) == (4, 4, 0)


def test_settings_file_has_all_that_clips_depend_on(done):
    settings = json.loads((done[1] / 'settings.json').read_text())
    assert settings['tracking']['detect_every'] == 5
    assert (settings['margin_ratio'], settings['clip_format']) == (1.6, 'png')


PTS = [0, 40, 80, 200, 240, 600, 640, 680, 720, 760]
SMALL, LARGE = (10, 10), (70, 50)


def make_odd_videos(folder):
    """Write one video of each odd kind; the frames of a folder count from 94."""
    make_face_video(folder / 'empty.mp4', faces=())
    (folder / 'broken.mp4').write_text('Not Found' * 99)
    make_face_video(folder / 'short.mp4', 3)
    make_face_video(folder / 'видео № 1.mp4', 5)
    late = [draw_faces(i, [] if i < 10 else [(40, 30)]) for i in range(30)]
    options = {'bf': '3', 'g': '12', 'preset': 'medium'}
    encode(folder / 'late.mp4', late, options=options)
    encode(folder / 'vfr.mkv', map(draw_faces, range(10)), pts=PTS, fps=1000)
    for size in ((161, 121), (75, 75)):
        frames = [draw_faces(i, [(10, 12)], size) for i in range(4)]
        path = folder / f'odd{size[0]}.mkv'
        encode(path, frames, codec='ffv1', pix_fmt='yuv444p')
    crowd = [
        np.maximum(draw_faces(i, [SMALL], side=24, grey=60), draw_faces(i, [LARGE]))
        for i in range(20)
    ]
    encode(folder / 'crowd.mp4', crowd)
    (folder / 'frames').mkdir()
    for index in range(12):  # '100' sorts before '94' as text
        path = folder / f'frames/{94 + index}.png'
        cv2.imwrite(str(path), draw_faces(index)[..., ::-1])


@pytest.fixture(scope='module')
def odd(tmp_path_factory):
    """Odd videos, prepared as PNG with detection in every frame: see `done`."""
    root = tmp_path_factory.mktemp('odd') / 'données brutes'
    make_face_video(root / 'train/fake/fake.mp4')
    make_odd_videos(make_face_video(root / 'train/real/usual.mp4').parent)
    out = root.with_name('visages 顔')
    tracking = TrackingSettings(detect_every=1)
    settings = {'clip_format': 'png', 'tracking': tracking}
    return run_preparation(make_request(root, out, settings=settings)), out


def test_frame_i_of_a_clip_is_frame_first_frame_plus_i_of_the_video(odd):
    out = odd[1]
    record = records_of(out)['late']
    track = FaceTrack.load(out / record.track_file)
    assert (track.first_frame, len(track)) == (10, 20)
    x1, y1, x2, y2 = track.region
    source = list(VideoFile(out.with_name('données brutes') / record.source).read())
    for index, shown in enumerate(open_clip(out / record.path).read(range(20))):
        np.testing.assert_array_equal(shown, source[10 + index][y1:y2, x1:x2])


def test_several_people_are_all_stored_the_largest_first(odd):
    summary, out = odd
    records = read_manifest(out / 'manifest.jsonl')
    tracks = [r for r in records if r.key.name.endswith('crowd')]
    assert [r.track for r in tracks] == [0, 1]
    sides = [np.ptp(FaceTrack.load(out / r.track_file).boxes[0, ::2]) for r in tracks]
    assert sides[0] > sides[1]
    assert summary.coverage.total.several_people == 1


def test_video_without_a_face_stays_in_the_manifest(odd):
    summary, out = odd
    record = records_of(out)['empty']
    assert (record.status, record.path, record.num_frames) == ('no_face', '', None)
    assert record.source == 'train/real/empty.mp4'
    assert summary.coverage.total.no_face == 1


def test_broken_video_fails_alone_with_a_reason_without_paths(odd):
    summary, out = odd
    record = records_of(out)['broken']
    assert record.status == 'failed'
    assert "'train/real/broken.mp4'" in record.fault
    assert (summary.coverage.total.ok, summary.num_failed) == (10, 1)
    assert list(summary.coverage.faults.values()) == [record.fault]


def test_short_videos_are_kept_and_counted(odd):
    summary, out = odd
    records = records_of(out)
    assert (records['short'].num_frames, records['видео № 1'].num_frames) == (3, 5)
    lengths = [r.num_frames for r in records.values() if r.status == 'ok']
    assert summary.coverage.total.short == sum(length < 16 for length in lengths)


def test_variable_rate_keeps_the_times_of_the_frames(odd):
    out = odd[1]
    record = records_of(out)['vfr']
    clip = open_clip(out / record.path)
    np.testing.assert_allclose(clip.times_seconds, np.array(PTS) / 1000, atol=2e-3)
    assert record.fps == pytest.approx(9 / 0.76, rel=0.01)
    assert prepared(out, record).facts.variable_rate


@pytest.mark.parametrize('name', ['odd161', 'odd75'])
def test_odd_sizes_give_even_clips(odd, name):
    clip = open_clip(odd[1] / records_of(odd[1])[name].path)
    assert (clip.height % 2, clip.width % 2) == (0, 0)


def test_folders_of_frames_are_prepared_like_videos(odd):
    record = records_of(odd[1])['frames']
    track = FaceTrack.load(odd[1] / record.track_file)
    assert (record.num_frames, record.fps) == (12, None)
    assert (np.diff(track.boxes[:, 0]) > 0).all()  # the face moves to the right


def test_face_that_is_too_small_is_dropped_and_noted(small_tree, out):
    run_preparation(make_request(small_tree, out, settings={'min_face_px': 60}))
    record = records_of(out)['a_test_fake']
    assert (record.status, record.path) == ('no_face', '')
    notes = prepared(out, record).facts.notes
    assert ['60 pixels' in note for note in notes] == [True]


def test_dataset_is_never_written_to(root, out):
    before = {path: path.stat().st_mtime_ns for path in root.rglob('*')}
    for path in (root, *root.rglob('*')):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        run_preparation(make_request(root, out))
        assert {path: path.stat().st_mtime_ns for path in root.rglob('*')} == before
    finally:
        for path in (root, *root.rglob('*')):
            path.chmod(0o755)


def test_output_inside_the_dataset_is_refused(root):
    with pytest.raises(DataError, match='is in ROOT'):
        run_preparation(make_request(root, root / 'faces'))
    assert not (root / 'faces').exists()


def test_second_run_has_nothing_to_do_and_changes_nothing(small_tree, out):
    run_preparation(make_request(small_tree, out))
    before = snapshot(out)
    summary = run_preparation(make_request(small_tree, out, build_detector=None))
    assert (summary.num_prepared, summary.num_kept) == (0, 4)
    assert snapshot(out) == before


def test_any_number_of_workers_gives_the_same_bytes(small_tree, done, out):
    settings = {'clip_format': 'png'}
    run_preparation(make_request(small_tree, out, settings=settings, num_workers=2))
    assert snapshot(out) == snapshot(done[1])
    assert len(snapshot(out)) == 1 + 4 * 3


def test_new_videos_are_added_and_the_rest_is_kept(root, out):
    run_preparation(make_request(root, out))
    make_face_video(root / 'train/real/new.mp4')
    summary = run_preparation(make_request(root, out))
    assert (summary.num_prepared, summary.num_kept, summary.num_lines) == (1, 4, 5)


def test_video_whose_file_changed_is_prepared_again(root, out):
    (root / 'train/real/broken.mp4').write_text('Not Found' * 99)
    run_preparation(make_request(root, out))
    make_face_video(root / 'train/real/broken.mp4', num_frames=13)
    summary = run_preparation(make_request(root, out))
    assert summary.num_prepared == 1
    assert records_of(out)['broken'].num_frames == 13


def test_failed_videos_are_prepared_again_on_request(tmp_path, out):
    root = make_tree(tmp_path / 'raw', names='a', num_frames=3)
    (root / 'train/real/broken.mp4').write_text('Not Found' * 99)
    numbers = [
        run_preparation(make_request(root, out, retry_failed=retry)).num_prepared
        for retry in (False, False, True)
    ]
    assert numbers == [3, 0, 1]


def test_changed_lists_reach_the_manifest_without_preparing_again(ffpp_root, out):
    options = dict(methods=['FaceSwap'], splits=['val', 'test'])
    request = make_request(ffpp_root, out, layout='ffpp', **options)
    assert run_preparation(request).num_prepared == 8
    before = records_of(out)['002_003']
    val, test = (ffpp_root / f'splits/{split}.json' for split in ('val', 'test'))
    texts = val.read_text(), test.read_text()
    val.write_text(texts[1])
    test.write_text(texts[0])
    assert run_preparation(request).num_prepared == 0
    after = records_of(out)['002_003']
    assert (before.split, after.split) == ('val', 'test')


def test_damaged_record_is_prepared_again(small_tree, out, caplog):
    run_preparation(make_request(small_tree, out))
    before = snapshot(out)
    path = next(out.rglob('result.json'))
    path.write_text('{')
    assert run_preparation(make_request(small_tree, out)).num_prepared == 1
    assert 'is damaged' in caplog.text
    assert snapshot(out) == before


def test_other_settings_are_refused_until_overwrite(small_tree, out):
    run_preparation(make_request(small_tree, out))
    other = {'face_px': 32}
    with pytest.raises(DataError, match=r'face_px: 224 .* 32 '):
        run_preparation(make_request(small_tree, out, settings=other))
    summary = run_preparation(
        make_request(small_tree, out, settings=other, overwrite=True)
    )
    assert summary.num_prepared == 4
    track = FaceTrack.load(out / records_of(out)['a_test_fake'].track_file)
    assert track.scale == 7 / 8  # a face of 40 pixels is reduced to 35


def test_limit_takes_some_of_each_split_and_label(tmp_path, out):
    root = make_tree(tmp_path / 'raw', splits=('train', 'test'), num_frames=3)
    summary = run_preparation(make_request(root, out, limit=1))
    assert summary.num_prepared == 4
    assert {(r.split, r.key.label) for r in read_manifest(out / 'manifest.jsonl')} == {
        (split, label) for split in ('train', 'test') for label in (0, 1)
    }
    assert run_preparation(make_request(root, out)).num_prepared == 4


def test_shards_together_are_the_whole(tmp_path, out):
    root = make_tree(tmp_path / 'raw', splits=('train', 'test'), num_frames=3)
    whole = tmp_path / 'whole'
    run_preparation(make_request(root, whole))
    to_do = []
    for shard in ('1/3', '2/3', '3/3'):
        summary = run_preparation(make_request(root, out, shard=shard))
        to_do.append(summary.coverage.total.to_do)
    assert to_do == [5, 2, 0]
    assert snapshot(out) == snapshot(whole)


@pytest.mark.parametrize(
    ('options', 'named'),
    [
        *(({'shard': shard}, shard) for shard in ('0/2', '3/2', '1', 'a/b', '1/2/3')),
        ({'shard': '1/2', 'overwrite': True}, '--overwrite with --shard'),
        ({'executor': 'slurm'}, "'slurm'.* 'local', 'ray'"),
        ({'layout': 'imagenet'}, "'imagenet'.*'ffpp'"),
        ({'num_workers': -1}, '-1 workers'),
    ],
)
def test_invalid_requests_are_refused(tmp_path, options, named):
    with pytest.raises(ConfigError, match=named):
        make_request(tmp_path, tmp_path / 'out', **options)


def test_two_videos_in_one_folder_are_refused(root, out):
    videos = [
        SourceVideo(VideoKey(name, 0, 'real', 'c40', '000'), root, 'train')
        for name in ('one', 'two')
    ]
    with pytest.raises(DataError, match=r'one/.*two/'):
        refuse_shared_folders(videos, OutputFolder(out))


def make_wild(root):
    """Lay out WildDeepfake: archives of numbered face images, two sequences each."""
    for part, kind in (('real_train', 'real'), ('fake_train', 'fake')):
        for shard in (1, 2):
            folder = root.parent / f'unpacked/{part}/{shard}'
            for sequence in (131, 7):
                target = folder / f'{shard}/{kind}/{sequence}'
                make_frame_folder(target, 5, template='{}.png', first=98)
            archive = root / part / f'{shard}.tar.gz'
            archive.parent.mkdir(parents=True, exist_ok=True)
            with tarfile.open(archive, 'w:gz') as tar:
                tar.add(folder / str(shard), f'./{shard}')
    for part in ('real_test', 'fake_test'):
        (root / part).mkdir()
    return root


def test_sequences_of_archives_are_stored_whole_in_their_order(tmp_path, out):
    root = make_wild(tmp_path / 'deepfake_in_the_wild')
    request = make_request(root, out, layout='wild_deepfake', build_detector=None)
    summary = run_preparation(request)
    records = read_manifest(out / 'manifest.jsonl')
    assert (len(records), summary.num_failed) == (8, 0)
    for record in records:
        clip = open_clip(out / record.path)
        track = FaceTrack.load(out / record.track_file)
        assert [read_index(f) for f in clip.read(range(5))] == list(range(5))
        assert track.boxes_in_clip().tolist() == [[0, 0, 64, 64]] * 5
    assert summary.coverage.origins == {'whole picture': 8}
    assert not (out / '.partial').exists()


def test_damaged_archive_fails_its_sequences_alone(tmp_path, out):
    root = make_wild(tmp_path / 'deepfake_in_the_wild')
    request = make_request(root, out, layout='wild_deepfake', build_detector=None)
    archive = root / 'fake_train/1.tar.gz'
    listed = run_preparation(request)
    assert listed.num_failed == 0
    archive.write_bytes(archive.read_bytes()[:-400])
    try:
        summary = run_preparation(request)
    except DataError as error:  # the layout may find it first, when it lists
        assert '1.tar.gz' in str(error)
    else:
        assert summary.num_failed == 2
        assert all('truncated' in text for text in summary.coverage.faults.values())


def write_box_file(folder, names):
    boxes = np.tile([20.0, 20, 70, 80], (16, 1))
    return write_boxes(folder / 'boxes.pkl', dict.fromkeys(names, boxes))


def test_imported_boxes_need_no_detector(small_tree, out, tmp_path):
    names = [
        f'{s}/a_{s}_{kind}' for s in ('train', 'test') for kind in ('real', 'fake')
    ]
    path = write_box_file(tmp_path, names)
    request = make_request(small_tree, out, boxes_path=path, build_detector=None)
    summary = run_preparation(request)
    assert summary.coverage.origins == {'imported': 4}
    track = FaceTrack.load(out / records_of(out)['a_train_real'].track_file)
    assert track.boxes.tolist() == [[20, 20, 70, 80]] * 16


def test_video_without_imported_boxes_is_detected_and_noted(small_tree, out, tmp_path):
    path = write_box_file(tmp_path, ['train/a_train_real'])
    summary = run_preparation(make_request(small_tree, out, boxes_path=path))
    assert summary.coverage.origins == {'detected': 3, 'imported': 1}
    notes = prepared(out, records_of(out)['a_test_real']).facts.notes
    assert ["'test/a_test_real'" in note for note in notes] == [True]


def test_boxes_of_another_dataset_are_refused(small_tree, out, tmp_path):
    path = write_box_file(tmp_path, ['317'])
    with pytest.raises(DataError, match="'317'"):
        run_preparation(make_request(small_tree, out, boxes_path=path))


def test_other_boxes_are_other_settings(small_tree, out, tmp_path):
    path = write_box_file(tmp_path, ['train/a_train_real'])
    run_preparation(make_request(small_tree, out, boxes_path=path))
    with pytest.raises(DataError, match='imported_boxes'):
        run_preparation(make_request(small_tree, out))


def test_landmarks_are_stored_in_pixels_of_the_clip(tmp_path, out):
    pytest.importorskip('dlib', reason="needs dlib: pip install 'mmdeepfake[dlib]'")
    root = make_tree(tmp_path / 'raw', names='a', num_frames=4)
    # Faces are scaled down to half, so that the clip's pixels are not the video's.
    settings = {'landmarks': True, 'face_px': 20}
    run_preparation(make_request(root, out, settings=settings))
    for record in read_manifest(out / 'manifest.jsonl'):
        track = FaceTrack.load(out / record.track_file)
        points = np.load(out / record.landmarks)['points']
        assert (track.scale, points.shape) == (0.5, (4, 68, 2))
        # A green square is not a face; the model still draws one around its centre.
        boxes = track.boxes_in_clip()
        offsets = points.mean(1) - (boxes[:, :2] + boxes[:, 2:]) / 2
        assert np.abs(offsets).max() < (boxes[:, 2:] - boxes[:, :2]).max()


def test_missing_dlib_is_named(small_tree, out, monkeypatch):
    monkeypatch.setitem(sys.modules, 'dlib', None)
    request = make_request(small_tree, out, settings={'landmarks': True})
    with pytest.raises(ConfigError, match=r'mmdeepfake\[dlib\]'):
        run_preparation(request)
