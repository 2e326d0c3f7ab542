from unittest.mock import MagicMock

import pytest
from broken_sample_builders import fake_key

from mmdeepfake.datasets.reading_errors import SkipRule
from mmdeepfake.engine.skipped_videos import SkippedVideos, from_plain, to_plain
from mmdeepfake.errors import DataError
from mmdeepfake.structures import BrokenSample, VideoKey

REAL = [VideoKey('clips', 0, 'real', 'c0', f'r{i}') for i in range(3)]
FAKE = [fake_key(f'f{i}') for i in range(37)]


def broken(key, kind='broken'):
    return BrokenSample(key, f'/set/{key.name}.tar', kind, 'truncated')


def make_list(keys=(*REAL, *REAL, *FAKE), *, share=0.1, count=100, test_mode=False):
    """A list of the videos of a dataset that shows real ones twice."""
    dataset = MagicMock(split='train', test_mode=test_mode)
    dataset.skip_rule = SkipRule('D', 'skip', share, count)
    dataset.get_data_info = lambda index: {'video_key': tuple(keys[index])}
    dataset.__len__.return_value = len(keys)
    return SkippedVideos.of_dataset(dataset, 'train_dataloader')


def test_videos_are_counted_once_however_often_they_are_listed_and_met():
    videos = make_list()
    assert videos.num_allowed == 4  # of 40, not 43
    assert len(videos.add([broken(REAL[0]), broken(FAKE[0]), broken(REAL[0])])) == 2
    assert videos.add([broken(REAL[0])]) == []
    assert videos.count_text() == '2 of 40 videos skipped, allowed: 4'


def test_another_kind_of_error_is_reported_but_not_counted_again():
    videos = make_list()
    videos.add([broken(FAKE[0])])
    assert videos.add([broken(FAKE[0], 'missing')]) == [broken(FAKE[0], 'missing')]
    assert len(videos.found) == 1
    assert videos.knows(broken(FAKE[0])) and not videos.knows(broken(FAKE[1]))


def test_videos_of_another_dataset_are_not_counted_here():
    videos = make_list()
    assert videos.add([broken(fake_key('other'))]) == []
    assert not videos.found


@pytest.mark.parametrize(
    ('share', 'count', 'allowed'), [(0.1, 100, 4), (0.1, 3, 3), (0.0, 100, 0)]
)
def test_run_stops_with_the_first_video_beyond_the_limit(share, count, allowed):
    videos = make_list(share=share, count=count)
    videos.add(map(broken, FAKE[:allowed]))
    videos.check()
    videos.add([broken(FAKE[allowed])])
    with pytest.raises(DataError) as error:
        videos.check()
    first, *listed, fix = str(error.value).splitlines()
    assert f'{allowed + 1} of 40 videos skipped, allowed: {allowed} ' in first
    assert f'(max_skipped_share={share}, max_skipped_count={count})' in first
    assert listed == [f'  {broken(key)}' for key in FAKE[: allowed + 1]]
    assert f'train_dataloader.dataset.max_skipped_count={allowed + 1}' in fix
    enough = float(fix.split('max_skipped_share=')[1].split()[0])
    assert SkipRule('D', 'skip', enough, 100).count_skippable(40) >= allowed + 1


def test_long_list_is_cut():
    videos = make_list(share=0.1)
    videos.add(map(broken, FAKE))
    with pytest.raises(DataError, match='\n  and 17 more\n'):
        videos.check()


def test_training_stops_without_a_class_and_a_test_does_not():
    for test_mode in (True, False):
        videos = make_list(share=0.1, test_mode=test_mode)
        videos.add(map(broken, REAL))
        if test_mode:
            videos.check()
    with pytest.raises(DataError, match='No real videos'):
        videos.check()


def test_markers_survive_a_checkpoint_as_plain_lists():
    samples = [broken(REAL[0]), broken(FAKE[0], 'missing')]
    rows = to_plain(samples)
    assert {type(value) for row in rows for value in row} == {list, str}
    assert from_plain(rows) == samples


@pytest.mark.parametrize(
    'rows',
    [
        7,
        'samples',
        [['x']],
        [[['a', 1], 'p', 'k', 'r']],
        [[[[], 1, 'm', 'c', 'n'], 'p', 'k', 'r']],
    ],
)
def test_invalid_list_is_rejected(rows):
    with pytest.raises(DataError, match='list of skipped videos in the checkpoint'):
        from_plain(rows)
