from pathlib import Path

import pytest
from layout_trees import make_dfd, make_ffpp

from mmdeepfake.errors import ConfigError, DataError, DataNotFoundError
from mmdeepfake.layouts import LAYOUTS
from mmdeepfake.structures import VideoKey

OFFICIAL_SPLITS = Path(__file__).resolve().parents[3] / 'shared/ffpp_splits'


def list_videos(root, methods=('FaceSwap',), **options):
    return LAYOUTS['ffpp'].list_videos(root, methods=methods, **options)


def test_fake_has_its_targets_frames_and_both_persons(tmp_path):
    root = make_ffpp(tmp_path)
    mask = root / 'manipulated_sequences/FaceSwap/masks/videos/000_001.mp4'
    mask.parent.mkdir(parents=True)
    mask.touch()
    (fake,) = [v for v in list_videos(root) if v.key.name == '000_001']
    assert fake.partner == VideoKey('FaceForensics++', 0, 'real', 'c23', '000')
    assert fake.sources == fake.identities == ('000', '001')
    assert (fake.split, fake.mask) == ('train', mask)
    assert fake.path == root / 'manipulated_sequences/FaceSwap/c23/videos/000_001.mp4'


def test_all_levels_are_listed_unless_some_are_chosen(tmp_path):
    for level in ('raw', 'c40'):
        make_ffpp(tmp_path, level=level)
    assert {v.key.compression for v in list_videos(tmp_path)} == {'c0', 'c40'}
    chosen = list_videos(tmp_path, compressions=['LQ'])
    assert {v.key.compression for v in chosen} == {'c40'}
    with pytest.raises(ConfigError, match=r"compressions=\['c17'\].* c0, c23, c40"):
        list_videos(tmp_path, compressions=['c17'])
    with pytest.raises(DataNotFoundError, match='at c23'):
        list_videos(tmp_path, compressions=['hq'])


def test_the_four_classic_manipulations_are_expected(tmp_path):
    message = r"Deepfakes, Face2Face, NeuralTextures: .* methods=\['FaceSwap'\]"
    with pytest.raises(DataNotFoundError, match=message):
        list_videos(make_ffpp(tmp_path), methods=None)


def test_missing_video_is_listed(tmp_path):
    root = make_ffpp(tmp_path)
    path = root / 'manipulated_sequences/FaceSwap/c23/videos/000_001.mp4'
    path.unlink()
    assert path in [video.path for video in list_videos(root)]


def test_root_without_any_level_is_refused(tmp_path):
    root = make_ffpp(tmp_path, level='c99')
    with pytest.raises(DataNotFoundError, match=r"\['c99'\]"):
        list_videos(root)


def test_official_split_files_give_the_official_numbers(tmp_path):
    if not OFFICIAL_SPLITS.is_dir():
        pytest.skip('needs the published split files')
    root = make_ffpp(tmp_path)
    for path in OFFICIAL_SPLITS.glob('*.json'):
        (root / 'splits' / path.name).write_bytes(path.read_bytes())
    videos = list_videos(root)
    assert len({v.key.name for v in videos if v.key.label == 0}) == 1000
    for split, count in {'train': 720, 'val': 140, 'test': 140}.items():
        for label in (0, 1):
            of_part = [v for v in videos if (v.split, v.key.label) == (split, label)]
            assert len(of_part) == count
    first = next(v for v in videos if v.split == 'test' and v.key.name == '953_974')
    assert first.partner.name == '953'


def list_dfd(root, **options):
    return LAYOUTS['dfd'].list_videos(root, **options)


def test_deepfakedetection_is_one_test_set_under_its_own_name(tmp_path, caplog):
    real, fake = list_dfd(make_dfd(make_ffpp(tmp_path)))
    assert {real.split, fake.split} == {'test'}
    assert {real.key.dataset, fake.key.dataset} == {'DeepFakeDetection'}
    assert fake.partner == real.key
    assert real.key.name == '24__outside_talking_still_laughing'
    assert real.identities == ('actor 24',)
    assert fake.identities == ('actor 24', 'actor 23')
    assert '1 real, officially 363; 1 fake, officially 3068' in caplog.text


def test_deepfakedetection_is_not_mixed_with_others(tmp_path):
    with pytest.raises(ConfigError, match=r"methods=\['DeepFakeDetection'\].*'dfd'"):
        list_videos(make_dfd(make_ffpp(tmp_path)), methods=['DeepFakeDetection'])


def test_deepfakedetection_is_no_training_set(tmp_path):
    with pytest.raises(DataNotFoundError, match='no videos of train'):
        list_dfd(make_dfd(tmp_path), splits=['train'])


def test_foreign_file_among_deepfakedetection_is_named(tmp_path):
    root = make_dfd(tmp_path)
    path = root / 'manipulated_sequences/DeepFakeDetection/c23/videos/000_001.mp4'
    path.touch()
    with pytest.raises(DataError, match=r'000_001\.mp4'):
        list_dfd(root)


def test_real_footage_is_listed(realff):
    videos = list_videos(realff, methods=['FaceSwap', 'Face2Face', 'NeuralTextures'])
    assert len(videos) == 2 * (23 + 90)
    assert all(video.path.is_file() for video in videos)
    assert all(video.mask for video in videos if video.key.label == 1)
