import dataclasses
import json
import shutil

import numpy as np
import pytest

from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.miniff import render_miniff
from mmdeepfake.miniff.encoding import decode_video
from mmdeepfake.miniff.record import read_settings
from mmdeepfake.miniff.render import render_frames
from mmdeepfake.miniff.settings import METHODS
from mmdeepfake.miniff.video_jobs import list_jobs


def render(root, settings, **options):
    return render_miniff(root, settings, progress=False, **options)


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


def test_settings_are_read_back(tiny_root, tiny_settings):
    assert read_settings(tiny_root) == tiny_settings


def test_frames_do_not_depend_on_the_workers_and_the_other_methods(
    tiny_root, tiny_settings, tmp_path
):
    alone = dataclasses.replace(
        tiny_settings, methods=('NeuralTextures',), compressions=('c40',)
    )
    summary = render(tmp_path, alone, num_workers=2)
    assert summary.num_rendered == alone.num_videos == len(videos_in(tmp_path)) - 6
    for name in videos_in(tmp_path):
        assert (tiny_root / name).read_bytes() == (tmp_path / name).read_bytes()


def test_another_seed_gives_other_frames(tiny_settings):
    frames = []
    for settings in (tiny_settings, dataclasses.replace(tiny_settings, seed=1)):
        frames.append(render_frames(list_jobs(settings)[0], settings)[0].astype(int))
    assert np.abs(frames[0] - frames[1]).mean() > 5


def test_videos_have_the_frames_and_size_asked_for(tiny_root):
    for name in videos_in(tiny_root)[::7]:
        assert decode_video(tiny_root / name).shape == (4, 32, 32, 3)


def test_second_call_repeats_only_what_is_missing(tiny_root, tiny_settings, tmp_path):
    shutil.copytree(tiny_root, tmp_path, dirs_exist_ok=True)
    lost = tmp_path / 'manipulated_sequences/FaceSwap/c40/videos/000_001.mp4'
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob('*.mp4')}
    content = lost.read_bytes()
    lost.unlink()
    (lost.parent / f'.{lost.name}.tmp').write_bytes(b'truncated')
    summary = render(tmp_path, tiny_settings, num_workers=1)
    assert (summary.num_rendered, summary.num_kept) == (1, 29)
    assert lost.read_bytes() == content
    assert not list(tmp_path.rglob('*.tmp'))
    others = [path for path in before if path.stem != lost.stem]
    assert all(path.stat().st_mtime_ns == before[path] for path in others)


def test_other_settings_in_a_rendered_folder_are_refused(tiny_root, tiny_settings):
    other = dataclasses.replace(tiny_settings, seed=5, fps=30)
    with pytest.raises(DataError, match='fps 25 there, 30 here; seed 0 there, 5 here'):
        render(tiny_root, other)


def test_overwrite_replaces_the_set(tiny_root, tiny_settings, tmp_path):
    shutil.copytree(tiny_root, tmp_path, dirs_exist_ok=True)
    other = dataclasses.replace(
        tiny_settings, methods=('Deepfakes',), compressions=('c40',), num_frames=2
    )
    render(tmp_path, other, num_workers=1, overwrite=True)
    assert read_settings(tmp_path) == other
    assert not any('FaceSwap' in name for name in videos_in(tmp_path))


def test_other_videos_are_never_touched(tiny_settings, tmp_path):
    (tmp_path / 'original_sequences').mkdir()
    with pytest.raises(DataError, match=r'original_sequences but no miniff\.json'):
        render(tmp_path, tiny_settings, overwrite=True)


@pytest.mark.parametrize('text', ['{', '[]', '{"settings": 3}'])
def test_invalid_record_is_refused(tiny_settings, tmp_path, text):
    (tmp_path / 'miniff.json').write_text(text)
    with pytest.raises(DataError, match=r'miniff\.json'):
        render(tmp_path, tiny_settings)


def test_record_of_a_newer_version_is_refused(tmp_path):
    record = {'renderer_version': 99, 'settings': {'hats': True}}
    (tmp_path / 'miniff.json').write_text(json.dumps(record))
    with pytest.raises(DataError, match=r"\['hats'\]"):
        read_settings(tmp_path)


def test_folder_without_a_set_is_named(tmp_path):
    with pytest.raises(DataNotFoundError, match=r'no miniff\.json'):
        read_settings(tmp_path)


def test_no_workers_are_refused(tiny_settings, tmp_path):
    with pytest.raises(DataError, match='num_workers = 0'):
        render(tmp_path, tiny_settings, num_workers=0)
