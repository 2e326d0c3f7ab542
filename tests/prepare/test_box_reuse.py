"""Fakes that take the boxes of their real video, and masks."""

import shutil

import numpy as np
import pytest
from builders import write_splits
from preparation_builders import draw_faces, encode, make_face_video, make_request

from mmdeepfake.faces.tracking import TrackingSettings
from mmdeepfake.layouts import LAYOUTS
from mmdeepfake.prepare.output_folder import OutputFolder
from mmdeepfake.prepare.pipeline import run_preparation
from mmdeepfake.prepare.prepared_video import PreparedVideo
from mmdeepfake.prepare.progress import ProgressReport
from mmdeepfake.prepare.work_plan import limit_videos
from mmdeepfake.structures import FaceTrack
from mmdeepfake.structures.manifest import read_manifest
from mmdeepfake.video.clip_storage import open_clip
from mmdeepfake.video.frame_sources import VideoFile

SPLITS = {'train': [('000', '001')], 'val': [('002', '003')], 'test': [('004', '005')]}
# The detector would find another face in the fake than in the real video.
REAL_FACE, FAKE_FACE = (40, 30), (44, 36)


def fake_path(root, kind='c40/videos'):
    return root / f'manipulated_sequences/FaceSwap/{kind}/000_001.mp4'


def real_path(root):
    return root / 'original_sequences/youtube/c40/videos/000.mp4'


@pytest.fixture(scope='module')
def pair(tmp_path_factory):
    """FaceForensics++ of one pair: two real videos and two fakes of 20 frames."""
    root = tmp_path_factory.mktemp('pair') / 'ffpp'
    real, fake = real_path(root), fake_path(root)
    for path, other, face in ((real, '001', REAL_FACE), (fake, '001_000', FAKE_FACE)):
        make_face_video(path, faces=[face])
        shutil.copy(path, path.with_name(f'{other}.mp4'))
    write_splits(root / 'splits', SPLITS)
    return root


@pytest.fixture
def root(pair, tmp_path):
    """A copy of the pair, to change."""
    return shutil.copytree(pair, tmp_path / 'ffpp')


@pytest.fixture
def prepare(root, tmp_path):
    """Prepare the pair; return OUT, and records, tracks and facts by video name."""

    def run(**options):
        out = tmp_path / 'faces'
        options = {'methods': ['FaceSwap'], 'splits': ['train'], **options}
        run_preparation(make_request(root, out, layout='ffpp', **options))
        records = read_manifest(out / 'manifest.jsonl')
        by_name = {}
        for record in records:
            by_name.setdefault(record.key.name, []).append(record)
        tracks = {
            name: [FaceTrack.load(out / r.track_file) for r in some if r.track_file]
            for name, some in by_name.items()
        }
        facts = {
            name: PreparedVideo.load(OutputFolder(out).folder_of(some[0].key)).facts
            for name, some in by_name.items()
        }
        return out, by_name, tracks, facts

    return run


def test_fake_has_the_boxes_and_the_region_of_its_real_video(prepare):
    _, _, tracks, facts = prepare()
    (real,), (fake,) = tracks['000'], tracks['000_001']
    np.testing.assert_array_equal(fake.boxes, real.boxes)
    np.testing.assert_array_equal(fake.detected, real.detected)
    assert (fake.region, fake.scale) == (real.region, real.scale)
    assert (facts['000'].origin, facts['000_001'].origin) == ('detected', 'partner')


def test_fake_is_detected_on_its_own_on_request(prepare):
    _, _, tracks, facts = prepare(settings={'reuse_boxes': False})
    (real,), (fake,) = tracks['000'], tracks['000_001']
    assert np.abs(fake.boxes - real.boxes).max() > 3
    assert facts['000_001'].origin == 'detected'


def test_fake_with_a_few_frames_less_gets_the_boxes_of_those_it_has(prepare, root):
    make_face_video(fake_path(root), 17, [FAKE_FACE])
    _, records, tracks, facts = prepare()
    (real,), (fake,) = tracks['000'], tracks['000_001']
    np.testing.assert_array_equal(fake.boxes, real.boxes[:17])
    assert records['000_001'][0].num_frames == 17
    assert facts['000_001'].origin == 'partner'


def test_fake_with_a_few_frames_more_ends_where_the_boxes_end(prepare, root):
    make_face_video(fake_path(root), 23, [FAKE_FACE])
    out, records, _, facts = prepare()
    (record,) = records['000_001']
    assert record.num_frames == len(open_clip(out / record.path)) == 20
    assert facts['000_001'].num_frames == 23


def test_track_that_starts_after_the_end_of_the_fake_is_dropped(prepare, root):
    late = [REAL_FACE, (100, 70)]
    frames = [draw_faces(i, late if i > 16 else late[:1]) for i in range(20)]
    encode(real_path(root), frames)
    make_face_video(fake_path(root), 16, [FAKE_FACE])
    tracking = dict(detect_every=1, min_length_frames=1, cut_threshold=255)
    settings = {'tracking': TrackingSettings(**tracking)}
    _, records, tracks, _ = prepare(settings=settings)
    assert len(tracks['000']) == 2
    assert [r.track for r in records['000_001']] == [0]


@pytest.mark.parametrize(
    ('change', 'named'),
    [
        (lambda root: make_face_video(fake_path(root), 9, [FAKE_FACE]), ('20', '9')),
        (
            lambda root: make_face_video(fake_path(root), size=(176, 144)),
            ("'000'", '160 x 120', '176 x 144'),
        ),
        (lambda root: make_face_video(real_path(root), faces=()), ("'000'", 'no_face')),
        (lambda root: real_path(root).write_bytes(b'x'), ("'000'", 'failed')),
    ],
    ids=['length', 'size', 'no_face', 'failed'],
)
def test_fake_without_fitting_boxes_is_detected_and_noted(prepare, root, change, named):
    change(root)
    _, records, _, facts = prepare()
    assert facts['000_001'].origin == 'detected'
    (note,) = facts['000_001'].notes
    assert note.startswith('detected on its own: ')
    assert all(text in note for text in named)
    assert records['000_001'][0].status == 'ok'


def test_fake_is_prepared_again_when_its_real_video_gets_boxes(prepare, root):
    whole = real_path(root).read_bytes()
    real_path(root).write_bytes(b'x')
    _, _, _, facts = prepare()
    assert facts['000_001'].origin == 'detected'
    real_path(root).write_bytes(whole)
    _, _, tracks, facts = prepare()
    assert facts['000_001'].origin == 'partner'
    np.testing.assert_array_equal(tracks['000_001'][0].boxes, tracks['000'][0].boxes)


def test_fake_whose_real_video_was_prepared_again_before_a_stop_follows(
    prepare, root, monkeypatch
):
    real_path(root).write_bytes(b'x')
    prepare()
    make_face_video(real_path(root), faces=[REAL_FACE])
    outcomes = []

    def stop_after_the_real_video(self, outcome):
        outcomes.append(outcome.key.name)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ProgressReport, 'add', stop_after_the_real_video)
        with pytest.raises(KeyboardInterrupt):
            prepare()
    assert outcomes == ['000']
    _, _, _, facts = prepare()
    assert facts['000_001'].origin == 'partner'


def test_limit_adds_the_real_videos_whose_boxes_are_needed(root, tmp_path):
    videos = LAYOUTS['ffpp'].list_videos(root, methods=['FaceSwap'], splits=['train'])
    fakes_first = sorted(videos, key=lambda v: (-v.key.label, v.key.name))[1:]
    names = {v.key.name for v in limit_videos(fakes_first, 1, with_partners=True)}
    assert names == {'001_000', '000', '001'}
    names = {v.key.name for v in limit_videos(fakes_first, 1, with_partners=False)}
    assert names == {'001_000', '000'}


SMALL, LARGE = (6, 8), (90, 40)


def make_crowd(root, *, marked):
    """Two people in the pair's videos, of whom the mask marks one."""
    for path in (real_path(root), fake_path(root)):
        frames = [
            np.maximum(draw_faces(i, [SMALL], side=24, grey=60), draw_faces(i, [LARGE]))
            for i in range(20)
        ]
        encode(path, frames)
    masks = []
    for index in range(20):
        mask = np.zeros((120, 160, 3), np.uint8)
        x, y = marked
        mask[y : y + 20, x + index : x + 20 + index] = 255
        masks.append(mask)
    encode(fake_path(root, 'masks/videos'), masks)


@pytest.mark.parametrize(('marked', 'first'), [(SMALL, SMALL), (LARGE, LARGE)])
def test_face_that_the_mask_marks_is_the_videos(prepare, root, marked, first):
    make_crowd(root, marked=marked)
    _, _, tracks, _ = prepare()
    assert len(tracks['000_001']) == 2
    np.testing.assert_allclose(tracks['000_001'][0].boxes[0, :2], first, atol=4)
    np.testing.assert_allclose(tracks['000'][0].boxes[0, :2], LARGE, atol=4)


def test_mask_is_stored_along_the_same_region(prepare, root):
    make_crowd(root, marked=SMALL)
    out, records, tracks, _ = prepare()
    masks = np.stack(list(VideoFile(fake_path(root, 'masks/videos')).read()))
    for record, track in zip(records['000_001'], tracks['000_001'], strict=True):
        x1, y1, x2, y2 = track.region
        stored = open_clip(out / record.mask).read(range(20))
        np.testing.assert_array_equal(stored, masks[:, y1:y2, x1:x2])
    assert all(record.mask is None for record in records['000'])


def test_mask_of_another_size_is_fitted_to_the_video(prepare, root):
    half = [np.full((60, 80, 3), 255, np.uint8)] * 20
    encode(fake_path(root, 'masks/videos'), half)
    out, records, _, _ = prepare()
    (record,) = records['000_001']
    mask, clip = open_clip(out / record.mask), open_clip(out / record.path)
    assert (mask.height, mask.width) == (clip.height, clip.width)
    assert mask.read([0]).min() > 240


def test_mask_that_ends_early_is_noted(prepare, root):
    make_face_video(fake_path(root, 'masks/videos'), 15)
    out, records, _, facts = prepare()
    (record,) = records['000_001']
    assert len(open_clip(out / record.mask)) == 15
    (note,) = facts['000_001'].notes
    assert 'mask ends early: 15 of 20 frames' in note


def test_broken_mask_costs_the_mask_alone(prepare, root):
    path = fake_path(root, 'masks/videos')
    path.parent.mkdir(parents=True)
    path.write_text('Not Found' * 99)
    out, records, _, facts = prepare()
    (record,) = records['000_001']
    assert (record.status, record.mask) == ('ok', None)
    assert facts['000_001'].notes[0].startswith('without a mask: ')
    assert not list(out.rglob('*_mask*'))


def test_masks_are_skipped_on_request(prepare, root):
    make_crowd(root, marked=SMALL)
    out, records, _, _ = prepare(settings={'masks': False})
    assert records['000_001'][0].mask is None
    assert not list(out.rglob('*_mask*'))
