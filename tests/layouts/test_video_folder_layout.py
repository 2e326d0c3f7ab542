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


def test_without_split_folders_all_is_test(tmp_path):
    videos = list_videos(make_folder(tmp_path, splits=['']))
    assert {video.split for video in videos} == {'test'}
    assert [video.key.name for video in videos] == ['a', 'b', 'a']
    with pytest.raises(DataNotFoundError, match=f"no folder '{tmp_path}/train'"):
        list_videos(tmp_path, splits=['train'])


def test_split_that_is_not_there_may_be_left_out_but_not_asked_for(tmp_path):
    root = make_folder(tmp_path, splits=['test'])
    assert {video.split for video in list_videos(root)} == {'test'}
    with pytest.raises(DataNotFoundError, match=f"no folder '{tmp_path}/val'"):
        list_videos(root, splits=['test', 'val'])


def test_methods_can_be_chosen(tmp_path):
    videos = list_videos(make_folder(tmp_path), methods=['FaceSwap'])
    assert {video.key.method for video in videos} == {'real', 'FaceSwap'}
    with pytest.raises(ConfigError, match='Deepfakes is not there; allowed are Face'):
        list_videos(tmp_path, methods=['Deepfakes'])


def test_class_that_lacks_is_named(tmp_path):
    touch(tmp_path / 'test/real/a.mp4')
    with pytest.raises(DataNotFoundError, match=f"no folder '{tmp_path}/test/fake'"):
        list_videos(tmp_path)


def test_splits_beside_classes_are_refused(tmp_path):
    make_folder(tmp_path)
    make_folder(tmp_path, splits=[''])
    with pytest.raises(DataError, match='allowed is one or the other'):
        list_videos(tmp_path)
