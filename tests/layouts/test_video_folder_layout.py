import pytest
from layout_trees import make_folder, touch

from mmdeepfake.errors import ConfigError, DataError, DataNotFoundError
from mmdeepfake.layouts import LAYOUTS


def list_videos(root, **options):
    return LAYOUTS['folder'].list_videos(root, **options)


def test_folders_give_split_label_method_and_name(tmp_path):
    videos = list_videos(make_folder(tmp_path / 'mine'), splits=['val'])
    assert [tuple(video.key) for video in videos] == [
        ('mine', 0, 'real', 'as_is', 'val/a'),
        ('mine', 1, 'FaceSwap', 'as_is', 'val/b'),
        ('mine', 1, 'fake', 'as_is', 'val/a'),
    ]


def test_without_split_folders_all_is_test_with_a_warning(tmp_path, caplog):
    videos = list_videos(make_folder(tmp_path, splits=['']))
    assert {video.split for video in videos} == {'test'}
    assert 'all videos are for test' in caplog.text
    assert [video.key.name for video in videos] == ['a', 'b', 'a']
    with pytest.raises(DataNotFoundError, match=f"no folder '{tmp_path}/train'"):
        list_videos(tmp_path, splits=['train'])


def test_missing_split_is_an_error_only_if_requested(tmp_path):
    root = make_folder(tmp_path, splits=['test'])
    assert {video.split for video in list_videos(root)} == {'test'}
    with pytest.raises(DataNotFoundError, match=f"no folder '{tmp_path}/val'"):
        list_videos(root, splits=['test', 'val'])


def test_methods_can_be_chosen(tmp_path):
    videos = list_videos(make_folder(tmp_path), methods=['FaceSwap'])
    assert {video.key.method for video in videos} == {'real', 'FaceSwap'}
    with pytest.raises(ConfigError, match=r'Deepfakes .*FaceSwap'):
        list_videos(tmp_path, methods=['Deepfakes'])


def test_missing_real_videos_are_an_error(tmp_path):
    touch(tmp_path / 'test/fake/a.mp4')
    with pytest.raises(DataNotFoundError, match=f"no folder '{tmp_path}/test/real'"):
        list_videos(tmp_path)


def test_real_videos_alone_are_listed(tmp_path):
    touch(tmp_path / 'train/real/anna/a.mp4', tmp_path / 'val/real/b.mp4')
    keys = [video.key for video in list_videos(tmp_path)]
    assert [(key.label, key.name) for key in keys] == [
        (0, 'train/anna/a'),
        (0, 'val/b'),
    ]


@pytest.mark.parametrize('name', ['FaceSwap/a', 'b/Deep_Fakes-1', 'a fake'])
def test_fakes_by_name_among_real_videos_alone_are_refused(tmp_path, name):
    touch(tmp_path / 'train/real/c.mp4', tmp_path / f'train/real/{name}.mp4')
    with pytest.raises(DataError, match=f'1 of 2 videos .*{name}'):
        list_videos(tmp_path)
    touch(tmp_path / 'train/fake/d.mp4')
    assert len(list_videos(tmp_path)) == 3


def test_splits_beside_classes_are_refused(tmp_path):
    make_folder(tmp_path)
    make_folder(tmp_path, splits=[''])
    with pytest.raises(DataError, match=r"'train', .*'real'"):
        list_videos(tmp_path)


def test_every_file_is_listed_or_logged(tmp_path, caplog):
    base = make_folder(tmp_path) / 'train'
    touch(
        *(base / 'real' / name for name in ('b.MPG', 'x/y/c.mts', 'n.txt', '1.png')),
        *(base / 'fake' / name for name in ('FaceSwap/s/d.flv', 'e/1.png', 'e/m/2')),
        base / 'other/f.mp4',
        tmp_path / 'valid/real/g.mp4',
    )
    (base / 'real/far').symlink_to(tmp_path / 'valid/real')
    (base / 'real/gone.mp4').symlink_to('nowhere')
    (base / 'real/empty').mkdir()
    keys = [v.key for v in list_videos(tmp_path, splits=['train'])]
    assert [(key.method, key.name.removeprefix('train/')) for key in keys] == [
        ('real', 'a'),
        ('real', 'b'),
        ('real', 'empty'),
        ('real', 'far/g'),
        ('real', 'gone'),
        ('real', 'x/y/c'),
        ('FaceSwap', 'b'),
        ('FaceSwap', 's/d'),
        ('fake', 'a'),
        ('fake', 'e'),
    ]
    for name in ('n.txt', '1.png', 'e/m', 'other', 'valid'):
        assert name in caplog.text


def test_class_without_videos_is_refused(tmp_path):
    touch(tmp_path / 'real/a.mp4', tmp_path / 'fake/b.doc')
    with pytest.raises(DataNotFoundError, match=f"no video in '{tmp_path}/fake'"):
        list_videos(tmp_path)


def test_name_that_is_invalid_in_a_manifest_is_refused(tmp_path):
    touch(make_folder(tmp_path) / 'train/real/a\\..\\b.mp4')
    with pytest.raises(DataError, match=r'train/real/a'):
        list_videos(tmp_path)
