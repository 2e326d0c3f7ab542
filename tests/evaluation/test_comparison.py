import numpy as np
import pytest
from scipy.stats import kstest

from mmdeepfake.errors import DataError
from mmdeepfake.evaluation.comparison import (
    bootstrap_p_value,
    compare,
    delong_test,
    mcnemar_test,
)
from mmdeepfake.evaluation.predictions import VideoPrediction
from mmdeepfake.structures import VideoKey
from tests.oracles import comparison_in_loops


def draw_scores(rng, num_real=40, num_fake=60, lift=(0.5, 0.5), num_levels=None):
    """Scores of two detectors that see the same videos and share part of the noise."""
    labels = np.repeat([0, 1], [num_real, num_fake])
    shared = rng.normal(size=len(labels))
    scores = [
        labels * one_lift + shared + rng.normal(size=len(labels)) for one_lift in lift
    ]
    if num_levels:
        scores = [np.round(s * num_levels) / num_levels for s in scores]
    return labels, *scores


def make_predictions(labels, scores, method='FaceSwap'):
    return [
        VideoPrediction(
            VideoKey('set', int(label), method if label else 'real', 'c40', f'{i}'),
            float(1 / (1 + np.exp(-score))),
        )
        for i, (label, score) in enumerate(zip(labels, scores, strict=True))
    ]


@pytest.mark.parametrize('num_levels', [None, 2])
def test_delong_agrees_with_counting_pairs(num_levels):
    labels, a, b = draw_scores(
        np.random.default_rng(3), lift=(0.3, 0.9), num_levels=num_levels
    )
    found = delong_test(labels, a, b)
    assert tuple(found) == pytest.approx(comparison_in_loops.delong(labels, a, b))


def test_delong_p_values_of_equal_detectors_are_uniform():
    rng = np.random.default_rng(0)
    p_values = [delong_test(*draw_scores(rng)).p_value for _ in range(150)]
    assert kstest(p_values, 'uniform').pvalue > 0.01


def test_a_detector_is_not_different_from_itself():
    labels, a, _ = draw_scores(np.random.default_rng(0))
    assert delong_test(labels, a, a) == (0.0, 0.0, 1.0)
    (row, everything) = compare(*2 * [make_predictions(labels, a)], num_resamples=200)
    assert (row.p_bootstrap, row.p_mcnemar, row.low, row.high) == (1, 1, 0, 0)
    assert everything.name == 'all'


def test_a_better_detector_is_found_and_both_tests_agree():
    labels, a, b = draw_scores(np.random.default_rng(0), 150, 150, lift=(0.2, 1.5))
    row, _ = compare(
        make_predictions(labels, a), make_predictions(labels, b), num_resamples=2000
    )
    assert row.auc_b > row.auc_a
    assert 0 < row.low < row.auc_b - row.auc_a < row.high
    assert row.p_bootstrap <= 2 / 2001
    assert row.p_delong < 1e-4


def test_bootstrap_and_delong_give_the_same_uncertainty():
    labels, a, b = draw_scores(np.random.default_rng(7), 150, 150, lift=(0.4, 0.7))
    row, _ = compare(
        make_predictions(labels, a), make_predictions(labels, b), num_resamples=2000
    )
    width = row.high - row.low
    assert width == pytest.approx(
        2 * 1.96 * delong_test(labels, a, b).standard_error, rel=0.08
    )
    assert row.p_bootstrap == pytest.approx(row.p_delong, abs=0.03)


def test_swapping_the_detectors_turns_the_sign():
    labels, a, b = draw_scores(np.random.default_rng(1), lift=(0.1, 0.8))
    first, second = make_predictions(labels, a), make_predictions(labels, b)
    one, other = (
        compare(*pair, num_resamples=300)[0]
        for pair in ((first, second), (second, first))
    )
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))
    assert one.p_delong == pytest.approx(other.p_delong)


def test_each_manipulation_is_compared_on_its_own_fakes():
    labels, a, b = draw_scores(np.random.default_rng(1), 20, 20)
    extra = [
        VideoPrediction(VideoKey('set', 1, 'Deepfakes', 'c40', f'{i}'), 0.9)
        for i in range(5)
    ]
    rows = compare(
        [*make_predictions(labels, a), *extra],
        [*make_predictions(labels, b), *extra],
        num_resamples=50,
    )
    counts = [(row.name, row.num_real, row.num_fake) for row in rows]
    assert counts == [('Deepfakes', 20, 5), ('FaceSwap', 20, 20), ('all', 20, 25)]


@pytest.mark.parametrize(
    ('only_a', 'only_b', 'expected'), [(0, 0, 1.0), (0, 5, 2 / 2**5), (3, 3, 1.0)]
)
def test_mcnemar_counts_the_videos_on_which_they_differ(only_a, only_b, expected):
    correct_a = np.array([True] * 7 + [True] * only_a + [False] * only_b)
    correct_b = np.array([True] * 7 + [False] * only_a + [True] * only_b)
    assert mcnemar_test(correct_a, correct_b) == pytest.approx(expected)


def test_bootstrap_p_is_never_zero_nor_above_one():
    assert bootstrap_p_value(np.full(99, 0.1)) == pytest.approx(2 / 100)
    assert bootstrap_p_value(np.zeros(99)) == 1
    assert np.isnan(bootstrap_p_value(np.array([])))


def test_other_videos_are_counted_and_named():
    labels, a, _ = draw_scores(np.random.default_rng(0), 3, 3)
    first = make_predictions(labels, a)
    with pytest.raises(
        DataError,
        match=r'\(6 and 5, 5 in both\): 1 only in the first, e\.g\. '
        r'set/real/real/c40/0\.',
    ):
        compare(first, first[1:])


def test_delong_needs_two_videos_of_each_class():
    with pytest.raises(DataError, match='1 real and 2 fake videos: DeLong needs two'):
        delong_test([0, 1, 1], [0, 1, 2], [0, 1, 2])
