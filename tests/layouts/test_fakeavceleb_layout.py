import pytest
from layout_trees import make_fakeavceleb, touch, write

from mmdeepfake.errors import DataError
from mmdeepfake.layouts import LAYOUTS


def list_videos(root, **options):
    return LAYOUTS['fakeavceleb'].list_videos(root, **options)


def edit_list(root, old, new):
    path = root / 'meta_data.csv'
    write(path, path.read_text().replace(old, new))
    return root


def test_videos_have_the_label_of_their_pictures(tmp_path, caplog):
    videos = list_videos(make_fakeavceleb(tmp_path))
    kinds = {(v.path.relative_to(tmp_path).parts[0], *v.key[1:3]) for v in videos}
    assert kinds == {
        ('RealVideo-RealAudio', 0, 'real'),
        ('FakeVideo-RealAudio', 1, 'fsgan'),
        ('FakeVideo-FakeAudio', 1, 'wav2lip'),
    }
    assert len(videos) == 6 and all(video.path.is_file() for video in videos)
    assert {video.split for video in videos} == {'test'}
    assert 'skipped 2 videos of RealVideo-FakeAudio' in caplog.text
    assert '2 RealVideo-RealAudio, officially 500' in caplog.text


def test_everybody_in_a_fake_is_named_once(tmp_path):
    videos = list_videos(make_fakeavceleb(tmp_path), methods=['wav2lip'])
    fake = next(video for video in videos if video.key.label)
    assert fake.identities == ('id00001', 'id00002')
    assert fake.sources == ('RealVideo-RealAudio/Asian (East)/men/id00001/00109',)
    assert fake.sources[0] in {video.key.name for video in videos}
    assert {video.key.method for video in videos} == {'real', 'wav2lip'}


def test_listed_video_that_is_missing_is_listed_and_an_unlisted_one_is_named(
    tmp_path, caplog
):
    root = make_fakeavceleb(tmp_path)
    folder = root / 'RealVideo-RealAudio/Asian (East)/men/id00001'
    (folder / '00109.mp4').rename(folder / '00110.mp4')
    assert [v.path.name for v in list_videos(root) if not v.path.exists()] == [
        '00109.mp4'
    ]
    assert '1 videos that are not in meta_data.csv: 00110.mp4' in caplog.text
    assert all(video.path.name != '00110.mp4' for video in list_videos(root))


@pytest.mark.parametrize(
    ('old', 'new', 'problem'),
    [
        ('source,', 'person,', 'needed are type, race'),
        ('FakeVideo-RealAudio,', 'Video,', 'line 4: .* is not the place of a video'),
        (',men,', ',../men,', r'line 2: .*\.\./men'),
        (',fsgan,', ',magic,', 'method magic of a fake; known are faceswap'),
    ],
)
def test_broken_list_is_named(tmp_path, old, new, problem):
    with pytest.raises(DataError, match=problem):
        list_videos(edit_list(make_fakeavceleb(tmp_path), old, new))


def test_folders_elsewhere_are_not_searched(tmp_path):
    root = make_fakeavceleb(tmp_path)
    touch(root / 'other/a.mp4')
    assert len(list_videos(root)) == 6
