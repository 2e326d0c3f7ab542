import tarfile
from collections import Counter

import pytest
from layout_trees import make_wild_deepfake, write_archive

from mmdeepfake.errors import DataError
from mmdeepfake.layouts import LAYOUTS


def list_videos(root, **options):
    return LAYOUTS['wild_deepfake'].list_videos(root, **options)


def without_paths(videos):
    return [(video.key, video.split, video.sources) for video in videos]


def test_sequence_is_named_by_folder_archive_and_number(tmp_path):
    videos = {v.key.name: v for v in list_videos(make_wild_deepfake(tmp_path))}
    video = videos['fake_test/2/131']
    assert (video.key.label, video.key.method) == (1, 'in_the_wild')
    assert video.path == tmp_path / 'fake_test/2.tar.gz'
    assert video.member == '2/fake/131'
    assert video.is_cropped
    # Numbers repeat: 131 is in every archive.
    assert len(videos) == 4 * 3 + 1


def test_real_faces_in_a_fake_video_are_real(tmp_path):
    videos = {v.key.name: v for v in list_videos(make_wild_deepfake(tmp_path))}
    assert videos['fake_train/1/7'].key.label == 0
    assert videos['fake_train/1/7'].key.method == 'real'
    assert videos['fake_train/1/131'].key.label == 1


def test_whole_archives_are_held_out(tmp_path):
    videos = list_videos(make_wild_deepfake(tmp_path, num_archives=10))
    archives = {video.sources[0]: video.split for video in videos}
    counts = Counter(archives.values())
    assert counts == {'test': 20, 'train': 18, 'val': 2}
    for video in videos:
        assert archives[video.sources[0]] == video.split
        assert (video.split == 'test') == ('_test/' in video.key.name)


def test_space_in_folder_names_and_unpacked_archives_change_nothing(tmp_path):
    expected = without_paths(list_videos(make_wild_deepfake(tmp_path / 'a')))
    spaced = make_wild_deepfake(tmp_path / 'b', spaced=True)
    assert without_paths(list_videos(spaced)) == expected
    unpacked = make_wild_deepfake(tmp_path / 'c')
    for path in unpacked.glob('*/*.tar.gz'):
        with tarfile.open(path) as archive:
            archive.extractall(path.parent, filter='data')
        path.unlink()
    videos = list_videos(unpacked)
    assert without_paths(videos) == expected
    assert all(video.member is None and video.path.is_dir() for video in videos)


def test_unpacked_beside_its_archive_is_listed_once(tmp_path):
    root = make_wild_deepfake(tmp_path)
    with tarfile.open(root / 'real_test/1.tar.gz') as archive:
        archive.extractall(root / 'real_test', filter='data')
    assert len(list_videos(root)) == 13


def test_only_archives_of_the_wanted_splits_are_read(tmp_path):
    root = make_wild_deepfake(tmp_path)
    (root / 'real_train/1.tar.gz').write_bytes(b'not an archive')
    assert len(list_videos(root, splits=['test'])) == 6
    with pytest.raises(DataError, match=r'real_train/1\.tar\.gz'):
        list_videos(root)


@pytest.mark.parametrize('share', [0.3, 0.6, 0.9])
def test_truncated_archive_is_refused(tmp_path, share):
    root = make_wild_deepfake(tmp_path)
    path = root / 'real_test/1.tar.gz'
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DataError, match=r'real_test/1\.tar\.gz'):
        list_videos(root)


def test_archive_without_images_is_refused(tmp_path):
    root = make_wild_deepfake(tmp_path)
    write_archive(root / 'real_test/1.tar.gz', ['1/real/131/readme.txt'])
    with pytest.raises(DataError, match=r'real_test/1\.tar\.gz'):
        list_videos(root)


@pytest.mark.parametrize('name', ['1/131/5.png', '1/real/fake/131/5.png'])
def test_folder_without_one_label_is_refused(tmp_path, name):
    root = make_wild_deepfake(tmp_path)
    write_archive(root / 'real_test/1.tar.gz', [name])
    with pytest.raises(DataError, match=name.rpartition('/')[0]):
        list_videos(root)


def test_label_is_not_taken_from_the_path_above(tmp_path):
    videos = list_videos(make_wild_deepfake(tmp_path / 'real/deepfake_in_the_wild'))
    assert Counter(video.key.label for video in videos) == {0: 7, 1: 6}


def test_missing_folder_and_numbers_are_reported(tmp_path, caplog):
    root = make_wild_deepfake(tmp_path)
    for path in (root / 'real_test').iterdir():
        path.unlink()
    (root / 'real_test').rmdir()
    list_videos(root)
    assert 'real_test' in caplog.text
    assert '3 test sequences, officially 806' in caplog.text
