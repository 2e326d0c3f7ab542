import pytest
from layout_trees import make_celeb_df, make_celeb_df_pp, touch, write

from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.layouts import LAYOUTS
from mmdeepfake.layouts.celeb_df import LIST_NAME
from mmdeepfake.structures import VideoKey

METHODS = {'Celeb-synthesis', 'LIA', 'FLOAT'}


def list_videos(root, **options):
    return LAYOUTS['celeb_df_pp'].list_videos(root, **options)


def by_name(videos):
    return {(video.key.method, video.key.name): video for video in videos}


@pytest.mark.parametrize('first', ['Celeb-DF', 'Celeb-DF-v2'])
def test_methods_are_the_folders_and_test_is_the_list(tmp_path, first):
    videos = list_videos(make_celeb_df_pp(tmp_path, first))
    assert {v.key.method for v in videos} == {'real', *METHODS}
    assert {(v.key.method, v.key.name) for v in videos if v.split == 'test'} == {
        ('real', '00039'),
        ('real', 'id0_0001'),
        ('Celeb-synthesis', 'id0_id1_0001'),
        ('LIA', 'id0_id1_0001'),
        ('FLOAT', 'id0_0001_test_0007'),
    }


def test_list_and_folder_may_name_the_fakes_of_celeb_df_differently(tmp_path):
    root = make_celeb_df_pp(tmp_path)
    text = (root / LIST_NAME).read_text()
    write(root / LIST_NAME, text.replace('FaceSwap/Celeb-DF-v2', 'FaceSwap/Celeb-DF'))
    videos = by_name(list_videos(root))
    assert videos['Celeb-synthesis', 'id0_id1_0001'].split == 'test'
    assert all(video.path.is_file() for video in videos.values())


def test_names_tell_the_persons_and_the_real_clip(tmp_path):
    videos = by_name(list_videos(make_celeb_df_pp(tmp_path)))
    swap, lia = (videos[m, 'id0_id1_0001'] for m in ('Celeb-synthesis', 'LIA'))
    talking = videos['FLOAT', 'id0_0001_test_0007']
    assert swap.partner == VideoKey('Celeb-DF', 0, 'real', 'as_is', 'id0_0001')
    assert lia.partner is None and talking.partner is None
    assert swap.identities == lia.identities == ('id0', 'id1')
    assert talking.identities == ('id0',)
    assert {video.sources for video in (swap, lia, talking)} == {('id0_0001',)}


def test_videos_of_celeb_df_have_its_keys_and_splits(tmp_path):
    other = LAYOUTS['celeb_df'].list_videos(make_celeb_df(tmp_path / 'v2'))
    videos = list_videos(make_celeb_df_pp(tmp_path / 'pp'))
    here = {
        v.key: v.split for v in videos if v.key.method in ('real', 'Celeb-synthesis')
    }
    assert here == {video.key: video.split for video in other}


def test_methods_can_be_chosen(tmp_path):
    videos = list_videos(make_celeb_df_pp(tmp_path), methods=['FLOAT'])
    assert {video.key.method for video in videos} == {'real', 'FLOAT'}


def test_listed_method_without_a_folder_is_listed(tmp_path):
    root = make_celeb_df_pp(tmp_path)
    line = '0 Celeb-synthesis/FaceSwap/GHOST/id0_id1_0000.mp4\n'
    write(root / LIST_NAME, (root / LIST_NAME).read_text() + line)
    video = by_name(list_videos(root))['GHOST', 'id0_id1_0000']
    assert (video.split, video.path.exists()) == ('test', False)


def test_videos_folders_are_accepted(tmp_path):
    root = make_celeb_df_pp(tmp_path)
    folder = root / 'Celeb-synthesis/TalkingFace/FLOAT'
    folder.rename(root / 'videos')
    folder.mkdir()
    (root / 'videos').rename(folder / 'videos')
    assert all(video.path.is_file() for video in list_videos(root))


def test_versions_name_each_other(tmp_path):
    with pytest.raises(DataNotFoundError, match='no folder FaceSwap or FaceReenact'):
        list_videos(make_celeb_df(tmp_path / 'v2'))
    with pytest.raises(DataError, match='prepare it as celeb_df_pp'):
        LAYOUTS['celeb_df'].list_videos(make_celeb_df_pp(tmp_path / 'pp'))


@pytest.mark.parametrize(
    'line', ['0 Celeb-synthesis/LIA/id0_id1_0001.mp4', '1 Celeb-real/a/id0_0001.mp4']
)
def test_line_of_another_depth_is_named(tmp_path, line):
    root = make_celeb_df_pp(tmp_path)
    write(root / LIST_NAME, f'{(root / LIST_NAME).read_text()}{line}\n')
    with pytest.raises(DataError, match='line 6'):
        list_videos(root)


def test_file_of_another_form_is_named(tmp_path):
    root = make_celeb_df_pp(tmp_path)
    touch(root / 'Celeb-synthesis/FaceReenact/LIA/00001.mp4')
    with pytest.raises(DataError, match=r'LIA.00001'):
        list_videos(root)


def test_numbers_are_compared_with_the_official_ones_by_the_list(tmp_path, caplog):
    root = make_celeb_df_pp(tmp_path)
    list_videos(root)
    assert 'officially' not in caplog.text
    lines = [f'1 YouTube-real/{n:05d}.mp4' for n in range(5418)]
    write(root / LIST_NAME, '\n'.join(lines))
    list_videos(root)
    assert '5418 test real, officially 178; 0 test fake, officially 5240' in caplog.text
