import dataclasses
import json

import numpy as np
import pytest

from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.miniff import MiniFFSettings, render_miniff
from mmdeepfake.miniff.encoding import decode_video
from mmdeepfake.miniff.record import read_settings
from mmdeepfake.miniff.render import render_frames
from mmdeepfake.miniff.settings import METHODS
from mmdeepfake.miniff.video_jobs import list_jobs

TINY = MiniFFSettings(num_identities=(2, 2, 2), num_frames=3, size_px=32)


def render(root, settings=TINY, **options):
    return render_miniff(root, settings, progress=False, **options)


@pytest.fixture(scope='module')
def tiny_root(tmp_path_factory):
    root = tmp_path_factory.mktemp('miniff')
    render(root, num_workers=1)
    return root


def videos_in(root):
    return sorted(path.relative_to(root).as_posix() for path in root.rglob('*.mp4'))


def test_layout_is_that_of_faceforensics(tiny_root):
    expected = []
    for level in ('c23', 'c40'):
        folder = f'original_sequences/youtube/{level}/videos'
        expected += [f'{folder}/{number:03d}.mp4' for number in range(6)]
    for method in METHODS:
        for level in ('c23', 'c40', 'masks'):
            folder = f'manipulated_sequences/{method}/{level}/videos'
            for first, second in (('000', '001'), ('002', '003'), ('004', '005')):
                expected.append(f'{folder}/{first}_{second}.mp4')
                expected.append(f'{folder}/{second}_{first}.mp4')
    assert videos_in(tiny_root) == sorted(expected)
    assert not list(tiny_root.rglob('*.tmp'))


@pytest.mark.parametrize(
    ('split', 'pair'),
    [('train', {'000', '001'}), ('val', {'002', '003'}), ('test', {'004', '005'})],
)
def test_split_files_hold_pairs_of_ids(tiny_root, split, pair):
    pairs = json.loads((tiny_root / f'splits/{split}.json').read_text())
    assert [set(p) for p in pairs] == [pair]


def test_identities_name_the_person_of_each_clip(tiny_root):
    identities = json.loads((tiny_root / 'identities.json').read_text())
    assert sorted(identities) == [f'{number:03d}' for number in range(6)]
    assert identities['000'].startswith('train_')
    assert len(set(identities.values())) == 6


def test_settings_are_read_back(tiny_root):
    assert read_settings(tiny_root) == TINY


def test_frames_do_not_depend_on_the_number_of_workers(tiny_root, tmp_path):
    summary = render(tmp_path, num_workers=2)
    assert summary.num_rendered == TINY.num_videos == 30
    for name in videos_in(tiny_root):
        assert (tiny_root / name).read_bytes() == (tmp_path / name).read_bytes()


def test_frames_do_not_depend_on_the_other_methods():
    alone = dataclasses.replace(TINY, methods=('NeuralTextures',))
    frames = []
    for settings in (TINY, alone):
        job = next(j for j in list_jobs(settings) if j.method == 'NeuralTextures')
        frames.append(render_frames(job, settings)[0])
    np.testing.assert_array_equal(*frames)


def test_another_seed_gives_other_frames():
    frames = []
    for settings in (TINY, dataclasses.replace(TINY, seed=1)):
        frames.append(render_frames(list_jobs(settings)[0], settings)[0].astype(int))
    assert np.abs(frames[0] - frames[1]).mean() > 5


def test_videos_have_the_frames_and_size_asked_for(tiny_root):
    for name in videos_in(tiny_root)[::7]:
        assert decode_video(tiny_root / name).shape == (3, 32, 32, 3)


def test_second_call_repeats_only_what_is_missing(tiny_root, tmp_path):
    render(tmp_path, num_workers=1)
    lost = tmp_path / 'manipulated_sequences/FaceSwap/c40/videos/000_001.mp4'
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob('*.mp4')}
    content = lost.read_bytes()
    lost.unlink()
    (lost.parent / f'.{lost.name}.tmp').write_bytes(b'cut off')
    summary = render(tmp_path, num_workers=1)
    assert (summary.num_rendered, summary.num_kept) == (1, 29)
    assert lost.read_bytes() == content
    assert not list(tmp_path.rglob('*.tmp'))
    others = [path for path in before if path.stem != lost.stem]
    assert all(path.stat().st_mtime_ns == before[path] for path in others)


def test_other_settings_in_a_rendered_folder_are_refused(tiny_root):
    other = dataclasses.replace(TINY, seed=5, fps=30)
    with pytest.raises(
        DataError, match=r'fps 25 there, 30 here; seed 0 there, 5 here.*--overwrite'
    ):
        render(tiny_root, other)


def test_overwrite_replaces_the_set(tmp_path):
    few = dataclasses.replace(TINY, methods=('FaceSwap',), compressions=('c40',))
    render(tmp_path, few, num_workers=1)
    other = dataclasses.replace(few, methods=('Deepfakes',))
    render(tmp_path, other, num_workers=1, overwrite=True)
    assert read_settings(tmp_path) == other
    assert not any('FaceSwap' in name for name in videos_in(tmp_path))


def test_videos_of_others_are_never_touched(tmp_path):
    (tmp_path / 'original_sequences').mkdir()
    with pytest.raises(DataError, match=r'original_sequences but no miniff\.json'):
        render(tmp_path, overwrite=True)


@pytest.mark.parametrize('text', ['{', '[]', '{"settings": 3}'])
def test_broken_record_is_refused(tmp_path, text):
    (tmp_path / 'miniff.json').write_text(text)
    with pytest.raises(DataError, match=r'miniff\.json is no record of a MiniFF set'):
        render(tmp_path)


def test_record_of_a_newer_version_is_refused(tmp_path):
    record = {'renderer_version': 99, 'settings': {'hats': True}}
    (tmp_path / 'miniff.json').write_text(json.dumps(record))
    with pytest.raises(DataError, match=r"holds settings \['hats'\] unknown"):
        read_settings(tmp_path)


def test_folder_without_a_set_is_named(tmp_path):
    with pytest.raises(DataNotFoundError, match=r'no miniff\.json in .*render_miniff'):
        read_settings(tmp_path)


def test_no_workers_are_refused(tmp_path):
    with pytest.raises(DataError, match='num_workers = 0 of render_miniff: need 1'):
        render(tmp_path, num_workers=0)
