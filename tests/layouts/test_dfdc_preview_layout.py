import json

import pytest
from layout_trees import make_dfdc_preview, touch, write

from mmdeepfake.errors import DataError
from mmdeepfake.layouts import LAYOUTS


def list_videos(root, **options):
    return LAYOUTS['dfdc_preview'].list_videos(root, **options)


def edit_list(root, **changes):
    path = root / 'dataset.json'
    entries = json.loads(path.read_text())
    entries.update(changes)
    write(path, json.dumps(entries))


def test_test_is_the_lists(tmp_path):
    videos = list_videos(make_dfdc_preview(tmp_path))
    tested = {p for v in videos if v.split == 'test' for p in v.identities}
    assert tested == {'1014', '1015'}


def test_pairs_of_actors_are_held_out_whole(tmp_path, caplog):
    videos = list_videos(make_dfdc_preview(tmp_path))
    people = {
        split: {p for v in videos if v.split == split for p in v.identities}
        for split in ('train', 'val')
    }
    # One in eight of 14 people, rounded up, is two: one pair.
    assert len(people['val']) == 2
    assert len(people['train']) == 12
    assert len(videos) == 8 * 6
    assert {v.key.label for v in videos if v.split == 'val'} == {0, 1}
    assert 'skipped' not in caplog.text


def test_choice_of_methods_moves_nobody(tmp_path):
    root = make_dfdc_preview(tmp_path)
    split_of = {video.key: video.split for video in list_videos(root)}
    chosen = list_videos(root, methods=['method_B'])
    assert {v.key.method for v in chosen} == {'real', 'method_B'}
    assert all(split_of[video.key] == video.split for video in chosen)


def test_path_distinguishes_repeated_names(tmp_path):
    keys = [tuple(v.key[2:]) for v in list_videos(make_dfdc_preview(tmp_path))]
    name = '1000/1000_A/1001_1000_A_001'
    assert ('method_A', 'as_is', name) in keys
    assert ('method_B', 'as_is', name) in keys
    assert ('real', 'as_is', '1000/1000_A_001') in keys


def test_people_are_those_of_folder_name_and_list(tmp_path):
    root = make_dfdc_preview(tmp_path)
    fields = {'label': 'fake', 'set': 'test', 'target_id': 7, 'swapped_id': '8'}
    edit_list(root, **{'method_A/9/9_A/5_6_A_001.mp4': fields})
    (video,) = [v for v in list_videos(root) if '5_6_A' in v.key.name]
    assert video.identities == ('5', '6', '7', '8', '9')


def test_paths_may_begin_with_the_root(tmp_path):
    root = tmp_path / 'dfdc_preview_set'
    make_dfdc_preview(root)
    entries = json.loads((root / 'dataset.json').read_text())
    longer = {f'dfdc_preview_set/{place}': value for place, value in entries.items()}
    write(root / 'dataset.json', json.dumps(longer))
    assert all(video.path.is_file() for video in list_videos(root))


def test_missing_video_is_listed_and_an_unlisted_one_is_skipped(tmp_path, caplog):
    root = make_dfdc_preview(tmp_path)
    (root / 'original_videos/1000/1000_A_001.mp4').unlink()
    touch(root / 'method_A/1000/1000_B/x.mp4')
    names = [v.key.name for v in list_videos(root)]
    assert '1000/1000_A_001' in names
    assert not [name for name in names if name.endswith('/x')]
    assert 'skipped 1 videos' in caplog.text


@pytest.mark.parametrize(
    ('place', 'fields', 'message'),
    [
        ('x/1/a.mp4', {}, '<folder>/<actor>'),
        ('method_A/../a.mp4', {}, '<folder>/<actor>'),
        ('method_A/1/a.mp4', {'set': 'dev'}, "set='dev'"),
        ('method_A/1/a.mp4', {'label': 'FAKE'}, "label='FAKE'"),
        ('method_A/1/a.mp4', {'label': 'real'}, "'real', which contradicts"),
    ],
)
def test_invalid_entry_is_named(tmp_path, place, fields, message):
    root = make_dfdc_preview(tmp_path)
    edit_list(root, **{place: {'label': 'fake', 'set': 'train', **fields}})
    with pytest.raises(DataError, match=message) as error:
        list_videos(root)
    assert f"dataset.json, entry '{place}'" in str(error.value)
