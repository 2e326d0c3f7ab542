import json

import pytest
from layout_trees import make_dfdc, touch, write

from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.layouts import LAYOUTS


def list_videos(root, **options):
    return LAYOUTS['dfdc'].list_videos(root, **options)


def by_name(videos):
    return {video.key.name: video for video in videos}


def edit_metadata(root, part=0, **entries):
    path = root / f'dfdc_train_part_{part}/metadata.json'
    write(path, json.dumps(json.loads(path.read_text()) | entries))


def test_parts_35_to_39_are_validation_and_the_test_set_is_test(tmp_path):
    root = make_dfdc(tmp_path, parts=(0, 34, 35, 39, 40, 49))
    split_of = {
        video.key.name.split('/')[0].removeprefix('dfdc_train_part_'): video.split
        for video in list_videos(root)
    }
    expected = dict.fromkeys(('0', '34', '40', '49'), 'train')
    assert split_of == {**expected, '35': 'val', '39': 'val', 'test': 'test'}


def test_fake_has_the_frames_of_its_original(tmp_path):
    fake = by_name(list_videos(make_dfdc(tmp_path)))['dfdc_train_part_0/fake0']
    assert fake.key.label == 1
    assert fake.partner.name == 'dfdc_train_part_0/real0'
    assert fake.sources == ('dfdc_train_part_0/real0',)


def test_original_in_another_part_is_found(tmp_path):
    root = make_dfdc(tmp_path, parts=(0, 1))
    edit_metadata(root, **{'f.mp4': {'label': 'FAKE', 'original': 'real1.mp4'}})
    fake = by_name(list_videos(root))['dfdc_train_part_0/f']
    assert fake.partner.name == 'dfdc_train_part_1/real1'


def test_original_outside_all_parts_is_a_source_but_not_a_partner(tmp_path):
    root = make_dfdc(tmp_path)
    edit_metadata(root, **{'f.mp4': {'label': 'FAKE', 'original': 'gone.mp4'}})
    fake = by_name(list_videos(root))['dfdc_train_part_0/f']
    assert (fake.partner, fake.sources) == (None, ('gone',))


def test_labels_of_the_test_set_have_1_for_fake(tmp_path):
    videos = by_name(list_videos(make_dfdc(tmp_path), splits=['test']))
    labels = {name: video.key.label for name, video in videos.items()}
    assert labels == {'test/aaa': 0, 'test/bbb': 1}


def test_parts_may_be_in_a_folder_train(tmp_path):
    root = make_dfdc(tmp_path)
    (root / 'train').mkdir()
    for part in (0, 36):
        name = f'dfdc_train_part_{part}'
        (root / name).rename(root / 'train' / name)
    assert all(video.path.is_file() for video in list_videos(root))
    assert len(list_videos(root)) == 6


def test_video_of_the_metadata_that_is_missing_is_listed(tmp_path):
    root = make_dfdc(tmp_path)
    edit_metadata(root, **{'gone.mp4': {'label': 'REAL'}})
    assert 'dfdc_train_part_0/gone' in by_name(list_videos(root))


def test_video_without_a_label_is_skipped(tmp_path, caplog):
    root = make_dfdc(tmp_path)
    touch(root / 'dfdc_train_part_0/new.mp4')
    assert len(list_videos(root)) == 6
    assert 'skipped 1 videos' in caplog.text and 'new.mp4' in caplog.text


def test_part_without_metadata_is_refused(tmp_path):
    root = make_dfdc(tmp_path)
    (root / 'dfdc_train_part_36/metadata.json').unlink()
    with pytest.raises(DataNotFoundError, match='part 36'):
        list_videos(root)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('{"a.mp4": ', 'metadata.json'),
        ('[]', 'metadata.json'),
        ('{}', 'not empty'),
        ('{"a.mp4": "REAL"}', "entry 'a.mp4': 'REAL'"),
        ('{"a.mp4": {"label": "fake?"}}', "entry 'a.mp4': label='fake\\?'"),
        ('{"a.mp4": {"label": "FAKE"}}', "entry 'a.mp4': original=None"),
    ],
)
def test_invalid_metadata_is_refused(tmp_path, content, message):
    root = make_dfdc(tmp_path)
    write(root / 'dfdc_train_part_0/metadata.json', content)
    with pytest.raises(DataError, match=message):
        list_videos(root)


def test_test_set_without_labels_is_refused_only_where_it_is_wanted(tmp_path):
    root = make_dfdc(tmp_path)
    (root / 'test/labels.csv').unlink()
    assert len(list_videos(root, splits=['train', 'val'])) == 4
    with pytest.raises(DataNotFoundError, match=r'test/labels\.csv'):
        list_videos(root)


def test_labels_without_their_columns_are_refused(tmp_path):
    root = make_dfdc(tmp_path)
    write(root / 'test/labels.csv', 'aaa.mp4,0\n')
    with pytest.raises(DataError, match="'filename' and 'label'"):
        list_videos(root)


def test_numbers_are_compared_where_all_parts_are_there(tmp_path, caplog):
    list_videos(make_dfdc(tmp_path / 'part'), splits=['train', 'val'])
    assert 'officially' not in caplog.text
    list_videos(make_dfdc(tmp_path / 'all', parts=range(50)))
    assert '50 training real, officially 19154' in caplog.text
    assert '1 test fake, officially 2500' in caplog.text
