import errno
import math
from dataclasses import replace

import pytest
from broken_sample_builders import damage_frame, fake_key, make_clips, make_record

from mmdeepfake.datasets import DeepfakeDataset
from mmdeepfake.datasets.reading_faults import SkipRule, as_error, find_fault
from mmdeepfake.errors import (
    ConfigError,
    DataError,
    DataNotFoundError,
    LeakError,
    OutputError,
)
from mmdeepfake.structures import BrokenSample
from mmdeepfake.structures.manifest import ManifestWriter

ITEM = {'video_key': tuple(fake_key('a')), 'filename': '/set/a.tar'}


@pytest.mark.parametrize(
    ('error', 'kind'),
    [
        (DataError('damaged'), 'broken'),
        (DataNotFoundError('no landmarks'), 'missing'),
        (OSError(errno.EIO, 'Input/output error'), 'broken'),
        (PermissionError(errno.EACCES, 'Permission denied'), 'broken'),
        (FileNotFoundError(errno.ENOENT, 'No such file'), 'missing'),
    ],
)
def test_what_a_file_lacks_is_the_videos_fault(error, kind):
    found = find_fault(ITEM, error)
    assert (found.key, found.path, found.kind) == (fake_key('a'), '/set/a.tar', kind)
    assert str(error) in found.reason


@pytest.mark.parametrize(
    'error',
    [
        TypeError('a mistake'),
        ValueError('a mistake'),
        ConfigError('wrong setting'),
        LeakError('seen before'),
        MemoryError('no memory'),
        OSError(errno.ENOSPC, 'No space left on device'),
        OSError(errno.EMFILE, 'Too many open files'),
        OutputError('cannot write'),
    ],
    ids=lambda error: repr(error)[:30],
)
def test_what_the_next_video_would_meet_as_well_is_not(error):
    assert find_fault(ITEM, error) is None


def test_message_has_key_file_and_reason_once_each():
    message = str(as_error(BrokenSample(fake_key('a'), '/set/a.tar', 'broken', 'torn')))
    assert message == 'video clips/fake/Swap/c0/a (/set/a.tar): torn'
    named = BrokenSample(fake_key('a'), '/set/a.tar', 'broken', "'/set/a.tar' is torn")
    assert str(named) == "video clips/fake/Swap/c0/a: '/set/a.tar' is torn"


def test_frame_folders_are_named_too():
    item = {'video_key': fake_key('a'), 'frame_dir': '/set/a'}
    assert find_fault(item, DataError('torn')).path == '/set/a'


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (('D', 'ignore', 0.0, 1), "D: on_error='ignore'; allowed are 'stop', 'skip'"),
        (('D', 'skip', 1.0, 1), r'D: max_skipped_share=1\.0; allowed is 0 <= share'),
        (('D', 'skip', -0.1, 1), r'D: max_skipped_share=-0\.1; allowed is 0 <= share'),
        (('D', 'skip', 0.0, -1), 'D: max_skipped_count=-1; allowed are whole numbers'),
        (('D', 'skip', 0.0, True), 'D: max_skipped_count=True; allowed are whole'),
        (('D', 'skip', 0.0, 1.5), r'D: max_skipped_count=1\.5; allowed are whole'),
    ],
)
def test_wrong_rule_is_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        SkipRule(*arguments)


def test_share_is_rounded_up_and_bounded_by_the_count():
    for percent in range(100):
        for num_videos in (0, 1, 8, 100, 300, 3600):
            rule = SkipRule('D', 'skip', percent / 100, 20)
            exact = -(-percent * num_videos // 100)
            assert rule.count_skippable(num_videos) == min(exact, 20)
    assert math.ceil(0.07 * 100) == 8  # what a plain product would allow


PIPELINE = [
    dict(type='OpenVideo'),
    dict(type='SampleSnippets', num_snippets=1, clip_len=4, position='centred'),
    dict(type='DecodeFrames'),
]


@pytest.fixture
def root(tmp_path):
    return make_clips(tmp_path, num_pairs=2, splits=('train',), broken=['train1'])


def build(root, **arguments):
    return DeepfakeDataset(str(root), 'train', PIPELINE, **arguments)


def place_of(dataset, key):
    keys = [dataset.get_data_info(index)['video_key'] for index in range(len(dataset))]
    return keys.index(key)


def test_broken_video_stops_with_its_key_and_file(root):
    dataset = build(root)
    path = root / 'train/Swap_train1.tar'
    message = f"video clips/fake/Swap/c0/train1: face clip '{path}': frame 2 of 6 is"
    with pytest.raises(DataError, match=message):
        dataset[place_of(dataset, fake_key('train1'))]


def test_video_that_went_away_stops_with_its_key(root):
    dataset = build(root)
    (root / 'train/Swap_train0.tar').unlink()
    with pytest.raises(DataNotFoundError, match='video clips/fake/Swap/c0/train0: '):
        dataset[place_of(dataset, fake_key('train0'))]


def test_marker_stands_at_the_place_of_the_broken_video_alone(root):
    dataset = build(root, on_error='skip')
    dataset.mark_broken()
    items = [dataset[index] for index in range(len(dataset))]
    broken = [one for one in items if isinstance(one, BrokenSample)]
    assert [one.key for one in broken] == [fake_key('train1')]
    assert items.index(broken[0]) == place_of(dataset, fake_key('train1'))
    shown = [one['video_key'] for one in items if not isinstance(one, BrokenSample)]
    assert len(set(shown)) == 3


def test_marker_is_given_to_those_who_asked_for_it_alone(root):
    dataset = build(root, on_error='skip')
    with pytest.raises(DataError, match='train1: face clip'):
        dataset[place_of(dataset, fake_key('train1'))]


def test_mistake_in_a_transform_is_never_skipped(root):
    dataset = build(root, on_error='skip')
    dataset.mark_broken()
    dataset.pipeline.transforms.append(lambda results: results['nothing'])
    with pytest.raises(KeyError, match='nothing'):
        dataset[place_of(dataset, fake_key('train0'))]


def test_reading_is_told_of_from_its_begin_to_its_end(root):
    dataset, told = build(root), []
    dataset.on_reading = told.append
    index = place_of(dataset, fake_key('train1'))
    with pytest.raises(DataError):
        dataset[index]
    assert told == [index, None]


def test_damage_beside_the_shown_frames_is_not_met(root):
    damage_frame(root / 'train/Swap_train0.tar', frame=0)
    dataset = build(root)
    assert len(dataset[place_of(dataset, fake_key('train0'))]['imgs']) == 4


def test_torn_track_file_is_the_videos_fault_too(root):
    (root / 'boxes.npz').write_bytes(b'PK no archive')
    with ManifestWriter(root / 'tracks.jsonl') as manifest:
        for number in range(2):
            record = make_record('train', number)
            manifest.append(replace(record, track_file='boxes.npz'))
    dataset = build(root, manifest='tracks.jsonl')
    message = (
        r'video clips/fake/Swap/c0/train0 \(.*Swap_train0.tar\): face track .*torn'
    )
    with pytest.raises(DataError, match=message):
        dataset[place_of(dataset, fake_key('train0'))]
