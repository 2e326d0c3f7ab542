"""Properties of all layouts, each on its own synthetic tree."""

import pytest
from layout_trees import METHODS, TREES, touch

from mmdeepfake.errors import ConfigError, DataNotFoundError
from mmdeepfake.layouts import LAYOUTS
from mmdeepfake.structures.video_record import SPLITS

every_layout = pytest.mark.parametrize('name', LAYOUTS)


def list_videos(name, root, **options):
    options = {'methods': METHODS.get(name), **options}
    return LAYOUTS[name].list_videos(root, **options)


@every_layout
def test_tree_is_listed_in_the_order_of_keys_and_always_alike(tmp_path, name):
    root = TREES[name](tmp_path / 'data')
    videos = list_videos(name, root)
    keys = [video.key for video in videos]
    assert keys == sorted(set(keys))
    assert videos == list_videos(name, str(root))
    assert {key.label for key in keys} == {0, 1}
    assert {video.split for video in videos} <= set(SPLITS)


@every_layout
def test_every_file_of_the_tree_is_listed_once(tmp_path, name):
    root = TREES[name](tmp_path / 'data')
    listed = [video.path for video in list_videos(name, root) if video.member is None]
    assert len(set(listed)) == len(listed)
    there = {
        path
        for path in root.rglob('*.mp4')
        # Further kinds of DeeperForensics are listed when asked for.
        if 'end_to_end_level_1' not in path.parts
    }
    assert there <= set(listed)


@every_layout
def test_no_source_video_is_in_two_splits(tmp_path, name):
    split_of = {}
    for video in list_videos(name, TREES[name](tmp_path / 'data')):
        for source in video.sources:
            assert split_of.setdefault(source, video.split) == video.split, source


@every_layout
def test_nobody_is_in_two_of_the_splits_that_must_differ(tmp_path, name):
    people = {split: set() for split in SPLITS}
    for video in list_videos(name, TREES[name](tmp_path / 'data')):
        people[video.split].update(video.identities)
    assert not people['train'] & people['val']
    if not LAYOUTS[name].test_shows_known_persons:
        assert not people['test'] & (people['train'] | people['val'])


@every_layout
def test_partner_is_a_real_video_of_the_same_split(tmp_path, name):
    videos = {video.key: video for video in list_videos(name, TREES[name](tmp_path))}
    for video in videos.values():
        if video.partner is not None:
            assert video.key.label == 1
            assert video.partner.label == 0
            assert videos[video.partner].split == video.split


@every_layout
def test_splits_can_be_chosen(tmp_path, name):
    root = TREES[name](tmp_path / 'data')
    videos = list_videos(name, root, splits=['test'])
    assert videos == [v for v in list_videos(name, root) if v.split == 'test']


@every_layout
def test_dataset_can_be_named(tmp_path, name):
    root = TREES[name](tmp_path / 'data')
    videos = list_videos(name, root, dataset_name='mine')
    assert {video.key.dataset for video in videos} == {'mine'}


@every_layout
@pytest.mark.parametrize('splits', [['dev'], []])
def test_unknown_split_is_refused(tmp_path, name, splits):
    with pytest.raises(ConfigError, match=r'splits=.*train, val, test'):
        list_videos(name, TREES[name](tmp_path / 'data'), splits=splits)


@every_layout
def test_unknown_method_is_refused_with_the_known_ones(tmp_path, name):
    root = TREES[name](tmp_path / 'data')
    known = sorted({v.key.method for v in list_videos(name, root) if v.key.label})
    with pytest.raises((ConfigError, DataNotFoundError), match='Deepfaces') as error:
        list_videos(name, root, methods=['Deepfaces'])
    assert known[0] in str(error.value)


@pytest.mark.parametrize(
    'name', [n for n in LAYOUTS if not LAYOUTS[n].has_compressions]
)
def test_compression_is_refused_where_there_is_none(tmp_path, name):
    with pytest.raises(ConfigError, match=r"compressions=\['c23'\]"):
        list_videos(name, TREES[name](tmp_path / 'data'), compressions=['c23'])


@every_layout
def test_message_on_a_missing_root_says_how_to_get_the_data(tmp_path, name):
    with pytest.raises(DataNotFoundError, match=f"folder '{tmp_path}/x'") as error:
        list_videos(name, tmp_path / 'x')
    assert LAYOUTS[name].how_to_get in str(error.value)


@every_layout
def test_message_on_a_wrong_root_says_what_is_found_and_expected(tmp_path, name):
    (tmp_path / 'holiday').mkdir()
    with pytest.raises(DataNotFoundError) as error:
        list_videos(name, tmp_path)
    assert "'holiday'" in str(error.value)
    assert LAYOUTS[name].how_to_get in str(error.value)


@pytest.mark.parametrize('name', [n for n in LAYOUTS if n != 'csv'])
def test_root_one_level_too_high_is_noticed(tmp_path, name):
    TREES[name](tmp_path / 'data')
    with pytest.raises(DataNotFoundError, match=f"deeper: '{tmp_path}/data'"):
        list_videos(name, tmp_path)


@pytest.mark.parametrize('part', ['train_sample_videos', 'test'])
def test_no_root_is_suggested_that_would_be_refused(tmp_path, part):
    touch(tmp_path / part / 'metadata.json', tmp_path / part / 'a.mp4')
    for root in (tmp_path, tmp_path / part):
        with pytest.raises(DataNotFoundError) as error:
            list_videos('dfdc', root)
        assert 'The root seems' not in str(error.value)


@pytest.mark.parametrize(
    ('name', 'below'),
    [
        ('ffpp', 'original_sequences'),
        ('dfd', 'manipulated_sequences'),
        ('celeb_df', 'Celeb-real'),
        ('celeb_df_pp', 'Celeb-synthesis'),
        ('fakeavceleb', 'FakeVideo-RealAudio'),
        ('dfdc', 'dfdc_train_part_36'),
        ('dfdc_preview', 'method_A'),
        ('wild_deepfake', 'fake_train'),
        ('deeper_forensics', 'manipulated_videos'),
        ('folder', 'train/real'),
    ],
)
def test_root_one_level_too_low_is_noticed(tmp_path, name, below):
    root = TREES[name](tmp_path / 'data')
    with pytest.raises(DataNotFoundError, match='higher: '):
        list_videos(name, root / below)


@pytest.mark.parametrize('name', [n for n in LAYOUTS if n not in ('folder', 'csv')])
def test_how_to_get_names_an_address(name):
    assert 'https://' in LAYOUTS[name].how_to_get
