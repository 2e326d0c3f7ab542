import errno
from dataclasses import replace

import pytest
from broken_sample_builders import damage_frame, fake_key, make_clips, make_record
from builders import keys_of

from mmdeepfake.datasets import DeepfakeDataset
from mmdeepfake.datasets.reading_errors import SkipRule, as_broken_sample, as_error
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
def test_errors_of_files_are_errors_of_the_video(error, kind):
    found = as_broken_sample(ITEM, error)
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
def test_errors_that_other_videos_share_are_not(error):
    assert as_broken_sample(ITEM, error) is None


@pytest.mark.parametrize(
    ('reason', 'expected'),
    [('cut', ' (/set/a.tar): cut'), ("'/set/a.tar' is cut", ": '/set/a.tar' is cut")],
)
def test_message_has_key_file_and_reason_once_each(reason, expected):
    sample = BrokenSample(fake_key('a'), '/set/a.tar', 'broken', reason)
    assert str(as_error(sample)) == f'video clips/fake/Swap/c0/a{expected}'


def test_frame_folders_are_named_too():
    item = {'video_key': fake_key('a'), 'frame_dir': '/set/a'}
    assert as_broken_sample(item, DataError('truncated')).path == '/set/a'


@pytest.mark.parametrize(
    ('arguments', 'value'),
    [
        (('ignore', 0.0, 1), "on_error='ignore'"),
        (('skip', 1.0, 1), r'max_skipped_share=1\.0'),
        (('skip', -0.1, 1), r'max_skipped_share=-0\.1'),
        (('skip', 0.0, -1), 'max_skipped_count=-1'),
        (('skip', 0.0, True), 'max_skipped_count=True'),
        (('skip', 0.0, 1.5), r'max_skipped_count=1\.5'),
    ],
)
def test_invalid_rule_is_rejected(arguments, value):
    with pytest.raises(ConfigError, match=f'^D: {value};'):
        SkipRule('D', *arguments)


def test_share_is_rounded_up_and_bounded_by_the_count():
    for percent in range(100):
        for num_videos in (0, 1, 8, 100, 300, 3600):
            rule = SkipRule('D', 'skip', percent / 100, 20)
            exact = -(-percent * num_videos // 100)
            assert rule.count_skippable(num_videos) == min(exact, 20)


PIPELINE = [
    dict(type='OpenVideo'),
    dict(type='SampleSnippets', num_snippets=1, clip_len=4, position='centred'),
    dict(type='DecodeFrames'),
]


@pytest.fixture
def root(tmp_path):
    return make_clips(tmp_path, num_pairs=2, splits=('train',), broken=['train1'])


def build(root, *, marks_broken=False, **arguments):
    dataset = DeepfakeDataset(str(root), 'train', PIPELINE, **arguments)
    dataset.marks_broken = marks_broken
    return dataset


def place_of(dataset, name):
    return keys_of(dataset).index(fake_key(name))


def test_broken_video_stops_with_its_key_and_file(root):
    dataset = build(root)
    path = root / 'train/Swap_train1.tar'
    message = f"video clips/fake/Swap/c0/train1: face clip '{path}': frame 2 of 6 is"
    with pytest.raises(DataError, match=message):
        dataset[place_of(dataset, 'train1')]


def test_video_that_went_away_stops_with_its_key(root):
    dataset = build(root)
    (root / 'train/Swap_train0.tar').unlink()
    with pytest.raises(DataNotFoundError, match='video clips/fake/Swap/c0/train0: '):
        dataset[place_of(dataset, 'train0')]


def test_marker_replaces_only_the_broken_video(root):
    dataset = build(root, on_error='skip', marks_broken=True)
    items = [dataset[index] for index in range(len(dataset))]
    broken = [one for one in items if isinstance(one, BrokenSample)]
    assert [one.key for one in broken] == [fake_key('train1')]
    assert items.index(broken[0]) == place_of(dataset, 'train1')
    shown = [one['video_key'] for one in items if not isinstance(one, BrokenSample)]
    assert len(set(shown)) == 3


def test_markers_need_a_reader_of_them(root):
    dataset = build(root, on_error='skip')
    with pytest.raises(DataError, match='train1: face clip'):
        dataset[place_of(dataset, 'train1')]


def test_bug_in_a_transform_is_never_skipped(root):
    dataset = build(root, on_error='skip', marks_broken=True)
    dataset.pipeline.transforms.append(lambda results: results['nothing'])
    with pytest.raises(KeyError, match='nothing'):
        dataset[place_of(dataset, 'train0')]


def test_start_and_end_of_reading_are_reported(root):
    dataset, reported = build(root), []
    dataset.on_reading = reported.append
    index = place_of(dataset, 'train1')
    with pytest.raises(DataError):
        dataset[index]
    assert reported == [index, None]


def test_damage_beside_the_shown_frames_is_not_met(root):
    damage_frame(root / 'train/Swap_train0.tar', frame=0)
    dataset = build(root)
    assert len(dataset[place_of(dataset, 'train0')]['imgs']) == 4


def test_truncated_track_file_is_an_error_of_the_video(root):
    (root / 'boxes.npz').write_bytes(b'PK no archive')
    with ManifestWriter(root / 'tracks.jsonl') as manifest:
        for number in range(2):
            record = make_record('train', number)
            manifest.append(replace(record, track_file='boxes.npz'))
    dataset = build(root, manifest='tracks.jsonl')
    message = r'video clips/fake/Swap/c0/train0 \(.*Swap_train0.tar\): face track'
    with pytest.raises(DataError, match=message):
        dataset[place_of(dataset, 'train0')]
