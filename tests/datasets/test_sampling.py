import numpy as np
import pytest
from oracles.snippet_starts import allowed_starts, move_into_video
from scipy.stats import chisquare

from mmdeepfake.datasets.transforms import SampleSnippets
from mmdeepfake.datasets.transforms.sampling import sample_starts
from mmdeepfake.errors import ConfigError, DataError

# (num_frames, num_snippets, span): roomy, uneven, exact, too short for N side by side,
# shorter than N, a single start.
SHAPES = [
    (300, 8, 4),
    (97, 4, 7),
    (16, 4, 4),
    (15, 4, 4),
    (9, 4, 5),
    (3, 5, 2),
    (4, 3, 4),
    (10, 1, 1),
]


def run(num_frames, **arguments):
    arguments = {'num_snippets': 4, 'clip_len': 4, **arguments}
    return SampleSnippets(**arguments)(
        {'total_frames': num_frames, 'filename': 'a.mp4'}
    )


@pytest.mark.parametrize(
    ('num_frames', 'num_snippets', 'span', 'starts'),
    [
        (12, 3, 2, [1, 5, 9]),
        (6, 3, 4, [0, 1, 2]),
        (300, 8, 4, [16, 54, 91, 129, 166, 204, 241, 279]),
    ],
)
def test_centred_starts_are_those_of_segments(num_frames, num_snippets, span, starts):
    got = sample_starts(num_frames, num_snippets=num_snippets, span=span, centred=True)
    assert got.tolist() == starts


@pytest.mark.parametrize(('num_frames', 'num_snippets', 'span'), SHAPES)
def test_centred_start_is_the_middle_one_of_those_allowed(
    num_frames, num_snippets, span
):
    expected = [
        move_into_video(starts[(len(starts) - 1) // 2], num_frames, span)
        for starts in allowed_starts(num_frames, num_snippets, span)
    ]
    got = sample_starts(num_frames, num_snippets=num_snippets, span=span, centred=True)
    assert got.tolist() == expected


@pytest.mark.parametrize(('num_frames', 'num_snippets', 'span'), SHAPES)
def test_random_starts_are_all_of_those_allowed_and_no_others(
    num_frames, num_snippets, span
):
    settings = dict(num_snippets=num_snippets, span=span, centred=False)
    rng = np.random.default_rng(0)
    draws = [sample_starts(num_frames, rng=rng, **settings) for _ in range(600)]
    allowed = allowed_starts(num_frames, num_snippets, span)
    for got, starts in zip(np.transpose(draws), allowed, strict=True):
        expected = {move_into_video(start, num_frames, span) for start in starts}
        assert set(got.tolist()) == expected


def test_allowed_starts_are_equally_likely():
    rng = np.random.default_rng(1)
    second_starts = [
        sample_starts(60, num_snippets=4, span=4, centred=False, rng=rng)[1]
        for _ in range(3000)
    ]
    _, counts = np.unique(second_starts, return_counts=True)
    assert len(counts) > 1
    assert chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize('short_video', ['repeat_last', 'reflect'])
@pytest.mark.parametrize('position', ['random', 'centred'])
def test_starts_never_decrease(position, short_video):
    sampler = SampleSnippets(4, 4, position=position, short_video=short_video)
    for num_frames in range(1, 41):
        for _ in range(20):
            results = sampler({'total_frames': num_frames})
            starts = results['frame_inds'].reshape(4, 4)[:, 0]
            assert (np.diff(starts) >= 0).all(), (num_frames, starts)
            assert results['frame_inds'].max() < num_frames


def test_random_starts_without_a_generator_are_rejected():
    with pytest.raises(ValueError, match='random starts need `rng`'):
        sample_starts(20, num_snippets=2, span=4, centred=False)


def test_indices_stand_snippet_by_snippet_with_the_stride_inside():
    results = run(40, num_snippets=2, clip_len=3, stride_frames=2, position='centred')
    assert results['frame_inds'].tolist() == [7, 9, 11, 27, 29, 31]
    assert results['frame_inds'].dtype == np.int64
    assert (results['num_clips'], results['clip_len']) == (2, 3)
    assert results['frame_interval'] == 2


@pytest.mark.parametrize('key', ['fps', 'avg_fps'])
def test_times_follow_from_the_frame_rate(key):
    sampler = SampleSnippets(1, 3, stride_frames=5, position='centred')
    results = sampler({'total_frames': 11, key: 25.0})
    times = results['frame_times_seconds']
    np.testing.assert_allclose(np.diff(times), 5 / 25)
    np.testing.assert_allclose(times[0], results['frame_inds'][0] / 25)
    assert times.dtype == np.float32


def test_times_are_left_out_where_the_frame_rate_is_unknown():
    assert 'frame_times_seconds' not in run(40)


def test_start_index_shifts_the_indices_but_not_the_times():
    sampler = SampleSnippets(1, 2, position='centred')
    results = sampler({'total_frames': 2, 'start_index': 1, 'fps': 10.0})
    assert results['frame_inds'].tolist() == [1, 2]
    np.testing.assert_allclose(results['frame_times_seconds'], [0, 0.1])


def test_same_seed_gives_the_same_snippets_and_the_next_draw_others():
    np.random.seed(3)
    first, second = run(300)['frame_inds'], run(300)['frame_inds']
    np.random.seed(3)
    np.testing.assert_array_equal(run(300)['frame_inds'], first)
    assert (first != second).any()


def test_centred_sampling_draws_nothing():
    before = np.random.get_state()[1].copy()
    run(300, position='centred')
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_video_shorter_than_one_snippet_is_rejected():
    message = r"'a\.mp4' has 9 frames.* 10 \(T=4, stride=3\)"
    with pytest.raises(DataError, match=message):
        run(9, stride_frames=3)


def test_video_shorter_than_one_snippet_can_repeat_its_last_frame():
    results = run(3, num_snippets=2, short_video='repeat_last')
    assert results['frame_inds'].tolist() == [0, 1, 2, 2, 0, 1, 2, 2]


@pytest.mark.parametrize(
    ('num_frames', 'expected'),
    [(3, [0, 1, 2, 1, 0, 1, 2]), (2, [0, 1, 0, 1, 0, 1, 0]), (1, [0] * 7)],
)
def test_video_shorter_than_one_snippet_can_be_reflected_at_its_ends(
    num_frames, expected
):
    step = SampleSnippets(num_snippets=1, clip_len=7, short_video='reflect')
    assert step.min_frames == 1
    results = step({'total_frames': num_frames, 'filename': 'a.mp4'})
    assert results['frame_inds'].tolist() == expected


def test_video_without_frames_is_rejected_whatever_the_rule():
    with pytest.raises(DataError, match=r"'a\.mp4' has 0 frames"):
        run(0, short_video='repeat_last')


@pytest.mark.parametrize(
    ('arguments', 'value'),
    [
        ({'clip_len': 0}, 'clip_len=0'),
        ({'num_snippets': 2.0}, r'num_snippets=2\.0'),
        ({'position': 'middle'}, "position='middle'.*'random', 'centred'"),
        ({'short_video': 'loop'}, "short_video='loop'.*'error', 'repeat_last'"),
    ],
)
def test_invalid_argument_is_rejected(arguments, value):
    with pytest.raises(ConfigError, match=f'^SampleSnippets: {value}'):
        run(40, **arguments)
