import hashlib
from collections import Counter

import pytest
from layout_trees import make_celeb_df, touch, write

from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.layouts import LAYOUTS
from mmdeepfake.layouts.celeb_df import LIST_NAME
from mmdeepfake.structures import VideoKey


def list_videos(root, **options):
    return LAYOUTS['celeb_df'].list_videos(root, **options)


def by_name(videos):
    return {video.key.name: video for video in videos}


def rewrite_list(root, text):
    write(root / LIST_NAME, text)
    return root


def test_test_is_the_list_and_nothing_else(tmp_path):
    videos = list_videos(make_celeb_df(tmp_path))
    tested = {video.key.name for video in videos if video.split == 'test'}
    assert tested == {'00039', 'id0_0001', 'id0_id1_0001'}
    rest = {video.key.name for video in videos if video.split != 'test'}
    assert len(rest) == 40 + 8 + 8 - 3
    assert not tested & rest


def test_labels_are_the_folders_though_the_list_inverts_them(tmp_path):
    videos = by_name(list_videos(make_celeb_df(tmp_path)))
    assert videos['00039'].key.label == videos['id0_0001'].key.label == 0
    assert videos['id0_id1_0001'].key.label == 1


def test_line_that_contradicts_its_folder_is_reported(tmp_path, caplog):
    root = rewrite_list(
        make_celeb_df(tmp_path),
        '1 YouTube-real/00039.mp4\n1 Celeb-synthesis/id0_id1_0001.mp4\n',
    )
    videos = by_name(list_videos(root))
    assert videos['id0_id1_0001'].key.label == 1
    assert "line 2: '1 Celeb-synthesis/id0_id1_0001.mp4'" in caplog.text


def test_people_of_validation_are_in_it_with_all_their_videos(tmp_path):
    videos = list_videos(make_celeb_df(tmp_path))
    celebs = [video for video in videos if video.identities and video.split != 'test']
    for video in celebs:
        assert (video.split == 'val') == (set(video.identities) <= {'id10', 'id12'})
    assert Counter(v.split for v in celebs if v.key.label) == {'train': 3, 'val': 4}


def test_fake_that_mixes_both_splits_is_skipped(tmp_path, caplog):
    root = make_celeb_df(tmp_path)
    touch(root / 'Celeb-synthesis/id0_id10_0000.mp4')
    assert 'id0_id10_0000' not in by_name(list_videos(root))
    assert 'skipped 1 training fakes' in caplog.text


def test_fake_that_mixes_both_splits_stays_in_the_test_list(tmp_path, caplog):
    root = make_celeb_df(tmp_path)
    line = '0 Celeb-synthesis/id0_id10_0000.mp4\n'
    touch(root / 'Celeb-synthesis/id0_id10_0000.mp4')
    rewrite_list(root, (root / LIST_NAME).read_text() + line)
    assert by_name(list_videos(root))['id0_id10_0000'].split == 'test'
    assert 'skipped' not in caplog.text


def test_one_in_eight_of_the_anonymous_videos_is_for_validation(tmp_path):
    videos = by_name(list_videos(make_celeb_df(tmp_path)))
    for number in range(39):
        digest = hashlib.sha256(f'{number:05d}'.encode()).digest()
        is_held_out = int.from_bytes(digest, 'big') % 8 == 0
        expected = 'val' if is_held_out else 'train'
        assert videos[f'{number:05d}'].split == expected


def test_fake_has_the_frames_of_its_first_person(tmp_path):
    fake = by_name(list_videos(make_celeb_df(tmp_path)))['id0_id1_0001']
    assert fake.partner == VideoKey('Celeb-DF', 0, 'real', 'as_is', 'id0_0001')
    assert fake.identities == ('id0', 'id1')
    assert fake.sources == ('id0_0001',)
    assert fake.key.method == 'Celeb-synthesis'


def test_videos_folders_and_other_case_are_accepted(tmp_path):
    plain = list_videos(make_celeb_df(tmp_path / 'a'))
    root = make_celeb_df(tmp_path / 'b', inner='videos')
    (root / 'YouTube-real').rename(root / 'Youtube-real')
    nested = list_videos(root)
    assert [video.key for video in nested] == [video.key for video in plain]
    assert all(video.path.is_file() for video in nested)


def test_listed_video_that_is_missing_is_listed(tmp_path):
    root = make_celeb_df(tmp_path)
    (root / 'Celeb-real/id0_0001.mp4').unlink()
    video = by_name(list_videos(root))['id0_0001']
    assert (video.split, video.path.exists()) == ('test', False)


def test_missing_list_is_refused(tmp_path):
    root = make_celeb_df(tmp_path)
    (root / LIST_NAME).unlink()
    with pytest.raises(DataNotFoundError, match=LIST_NAME):
        list_videos(root)


def test_missing_folder_is_named(tmp_path):
    root = make_celeb_df(tmp_path)
    (root / 'YouTube-real').rename(root / 'YT')
    with pytest.raises(DataNotFoundError, match=r"YouTube-real in .*'YT'"):
        list_videos(root)


@pytest.mark.parametrize(
    'line', ['2 YouTube-real/00001.mp4', '1 Other/00001.mp4', '1 00001.mp4', 'x']
)
def test_broken_line_is_named(tmp_path, line):
    root = rewrite_list(make_celeb_df(tmp_path), f'1 YouTube-real/00039.mp4\n{line}\n')
    with pytest.raises(DataError, match=f'1 lines .*line 2: {line!r}'):
        list_videos(root)


@pytest.mark.parametrize('place', ['FaceSwap/id0_id1_0001.mp4', 'a/b/c.mp4'])
def test_list_or_folder_of_another_version_is_refused(tmp_path, place):
    root = make_celeb_df(tmp_path)
    touch(root / 'Celeb-synthesis' / place)
    with pytest.raises(DataError, match=rf'{place.split("/")[0]}.*CSV'):
        list_videos(root)
    rewrite_list(make_celeb_df(tmp_path / 'b'), f'0 Celeb-synthesis/{place}\n')
    with pytest.raises(DataError, match=r'line 1: .*CSV'):
        list_videos(tmp_path / 'b')


def test_file_with_another_suffix_is_listed_as_it_is(tmp_path):
    root = make_celeb_df(tmp_path)
    (root / 'Celeb-real/id0_0001.mp4').rename(root / 'Celeb-real/id0_0001.MOV')
    video = by_name(list_videos(root))['id0_0001']
    assert (video.split, video.path.exists()) == ('test', True)


def test_empty_list_is_refused(tmp_path):
    with pytest.raises(DataError, match=LIST_NAME):
        list_videos(rewrite_list(make_celeb_df(tmp_path), '\n'))


@pytest.mark.parametrize(
    'place', ['Celeb-synthesis/id0_0001.mp4', 'Celeb-real/00001.mp4']
)
def test_file_of_another_form_is_named(tmp_path, place):
    root = make_celeb_df(tmp_path)
    touch(root / place)
    with pytest.raises(DataError, match=place):
        list_videos(root)


def test_numbers_are_compared_with_version_2_by_its_list(tmp_path, caplog):
    root = make_celeb_df(tmp_path)
    list_videos(root)
    assert 'officially' not in caplog.text
    lines = [f'1 YouTube-real/{n:05d}.mp4' for n in range(518)]
    list_videos(rewrite_list(root, '\n'.join(lines)))
    assert '518 test real, officially 178' in caplog.text
    assert '0 test fake, officially 340' in caplog.text
