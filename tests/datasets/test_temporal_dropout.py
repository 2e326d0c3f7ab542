from itertools import combinations

import numpy as np
import pytest
from builders import make_video

from mmdeepfake.datasets.transforms.decoding import DecodeFrames, OpenVideo
from mmdeepfake.datasets.transforms.sampling import SampleSnippets
from mmdeepfake.datasets.transforms.temporal_dropout import (
    TemporalDropout,
    draw_places,
    uniform_places,
)
from mmdeepfake.errors import ConfigError


def sampled(num_clips=2, clip_len=32):
    """What SampleSnippets gives: clips far apart, 25 frames a second."""
    starts = 100 * np.arange(num_clips)[:, None]
    frame_inds = (starts + np.arange(clip_len)).reshape(-1)
    return dict(
        frame_inds=frame_inds,
        frame_times_seconds=(frame_inds / 25).astype(np.float32),
        num_clips=num_clips,
        clip_len=clip_len,
    )


def drop(results=None, **options):
    results = results or sampled()
    return TemporalDropout(**options).transform(dict(results))


@pytest.mark.parametrize('keep', [1, 5, 16, 31, 32])
def test_kept_frames_rise_are_unique_and_as_many_as_asked(keep):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        places = draw_places(32, keep=keep, rng=rng)
        assert len(places) == keep
        assert (np.diff(places) > 0).all()
        assert places[0] >= 0 and places[-1] < 32


def test_keeping_all_changes_nothing():
    for position in ('random', 'uniform'):
        before, after = sampled(), drop(keep=32, position=position)
        for key in before:
            np.testing.assert_array_equal(before[key], after[key])


def test_seed_reproduces_the_draw_and_another_draw_differs():
    np.random.seed(3)
    first, second = drop(keep=16)['frame_inds'], drop(keep=16)['frame_inds']
    np.random.seed(3)
    np.testing.assert_array_equal(drop(keep=16)['frame_inds'], first)
    assert (first != second).any()


def test_each_clip_is_drawn_for_itself():
    kept = drop(keep=16)['frame_inds'].reshape(2, 16)
    assert ((kept // 100) == [[0], [1]]).all()
    assert (kept[0] != kept[1] - 100).any()


def test_test_mode_is_the_same_every_time():
    np.random.seed(0)
    first = drop(keep=16, position='uniform')['frame_inds']
    np.random.seed(1)
    np.testing.assert_array_equal(
        drop(keep=16, position='uniform')['frame_inds'], first
    )
    np.testing.assert_array_equal(first[:16], np.arange(0, 32, 2))


@pytest.mark.parametrize('keep', range(1, 10))
def test_uniform_places_are_the_middles_of_equal_parts(keep):
    for length in range(1, 14):
        expected = []
        for part in range(keep):
            # In units of 1 / (2 * keep) of a frame, to use integers.
            middle = (2 * part + 1) * length
            inside = [f for f in range(length) if 2 * keep * f < middle]
            expected.append(inside[-1])
        assert uniform_places(length, keep=keep).tolist() == expected


def test_every_choice_of_frames_is_equally_likely():
    rng = np.random.default_rng(0)
    draws = [tuple(draw_places(5, keep=3, rng=rng).tolist()) for _ in range(4000)]
    counts = [draws.count(choice) for choice in combinations(range(5), 3)]
    assert sum(counts) == 4000
    # Ten choices of 400 on average; six standard deviations are 114.
    assert all(abs(count - 400) < 114 for count in counts)


def test_dropped_frames_are_not_decoded_and_times_follow(tmp_path):
    video = make_video(tmp_path / 'a.mp4', num_frames=20)
    results = dict(filename=str(video))
    steps = (
        OpenVideo(),
        SampleSnippets(num_snippets=1, clip_len=16),
        TemporalDropout(keep=6),
        DecodeFrames(),
    )
    for step in steps:
        results = step.transform(results)
    assert len(results['imgs']) == results['clip_len'] == 6
    np.testing.assert_allclose(
        results['frame_times_seconds'], results['frame_inds'] / 25, rtol=1e-6
    )


@pytest.mark.parametrize(
    ('options', 'value'),
    [
        (dict(keep=0), 'keep=0'),
        (dict(keep=4, position='last'), "position='last'.*'random', 'uniform'"),
        (dict(keep=33), 'keep=33 of clip_len=32'),
    ],
)
def test_invalid_argument_is_rejected(options, value):
    with pytest.raises(ConfigError, match=f'^TemporalDropout: {value}'):
        drop(**options)
