import shutil

import pytest
from layout_trees import make_deeper_forensics, touch, write

from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.layouts import LAYOUTS


def list_videos(root, **options):
    return LAYOUTS['deeper_forensics'].list_videos(root, **options)


def test_real_videos_are_the_targets_in_the_split_of_their_fake(tmp_path):
    videos = list_videos(make_deeper_forensics(tmp_path))
    listed = {video.key.name: video for video in videos}
    assert len(videos) == 6
    assert listed['001'].split == listed['001_W017'].split == 'val'
    assert listed['001_W017'].partner == listed['001'].key
    assert listed['001_W017'].identities == ('001', 'W017')
    assert listed['001_W017'].key.method == 'end_to_end'


def test_source_videos_are_not_the_real_class(tmp_path):
    root = make_deeper_forensics(tmp_path)
    touch(root / 'source_videos/M101/BlendShape/camera_front/M101_BlendShape.mp4')
    assert len(list_videos(root)) == 6


def test_perturbed_kinds_are_listed_when_asked_for(tmp_path):
    root = make_deeper_forensics(tmp_path)
    videos = list_videos(root, methods=['end_to_end', 'end_to_end_level_1'])
    assert len(videos) == 9


def test_targets_may_be_linked_from_faceforensics(tmp_path):
    root = make_deeper_forensics(tmp_path)
    inner = root / 'original_sequences/youtube/c23'
    inner.mkdir(parents=True)
    (root / 'target_videos').rename(inner / 'videos')
    assert all(video.path.is_file() for video in list_videos(root))


def test_missing_real_videos_are_refused(tmp_path):
    root = make_deeper_forensics(tmp_path)
    shutil.rmtree(root / 'target_videos')
    with pytest.raises(DataNotFoundError, match='target_videos or original_sequences'):
        list_videos(root)


def test_missing_split_list_is_named(tmp_path):
    root = make_deeper_forensics(tmp_path)
    (root / 'lists/splits/val.txt').unlink()
    with pytest.raises(DataNotFoundError, match=r'splits/val\.txt'):
        list_videos(root)


def test_broken_line_is_named(tmp_path):
    root = make_deeper_forensics(tmp_path)
    write(root / 'lists/splits/val.txt', '001_W017.mp4\n1 x.mp4\n')
    with pytest.raises(DataError, match=r'2 lines .*: 1, x\.mp4'):
        list_videos(root)


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('000_M101', '000_M101 .*train and test'),
        ('000_M030', 'target 000 .*train and test'),
    ],
)
def test_video_in_two_splits_is_refused(tmp_path, name, message):
    root = make_deeper_forensics(tmp_path)
    write(root / 'lists/splits/test.txt', f'{name}.mp4\n')
    with pytest.raises(DataError, match=message):
        list_videos(root)


def test_missing_video_is_listed_and_an_unlisted_one_is_skipped(tmp_path, caplog):
    root = make_deeper_forensics(tmp_path)
    (root / 'manipulated_videos/end_to_end/000_M101.mp4').unlink()
    touch(root / 'manipulated_videos/end_to_end/009_M101.mp4')
    assert '000_M101' in [video.key.name for video in list_videos(root)]
    assert 'skipped 1 videos' in caplog.text and '009_M101' in caplog.text
    assert '3 videos of end_to_end, officially 1000' in caplog.text
