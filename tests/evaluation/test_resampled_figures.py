import time

import numpy as np
import pytest
from scipy.interpolate import interp1d
from scipy.optimize import brentq
from score_sets import draw_videos, videos
from sklearn import metrics

from mmdeepfake.evaluation.aggregation import Stratum, resample_within_strata
from mmdeepfake.evaluation.resampled_figures import FIGURES, ResampledFigures
from tests.oracles import comparison_in_loops, ranking_in_loops

NUM_BINS = 15


def highest_rate(labels, scores, limit):
    """Try every threshold."""
    reals, fakes = scores[labels == 0], scores[labels == 1]
    rates = [
        (fakes >= threshold).mean()
        for threshold in scores
        if (reals >= threshold).mean() <= limit
    ]
    return max(rates, default=0.0)


def figures_of(labels, scores, threshold):
    """Compute each figure by scikit-learn, or in loops where it has none."""
    return {
        'acc': metrics.accuracy_score(labels, scores >= threshold),
        'auc': metrics.roc_auc_score(labels, scores),
        'eer': ranking_in_loops.equal_error_rate(labels, scores),
        'ap': metrics.average_precision_score(labels, scores),
        'tpr_at_1': highest_rate(labels, scores, 0.01),
        'tpr_at_01': highest_rate(labels, scores, 0.001),
        'brier': metrics.brier_score_loss(labels, scores),
        'ece': comparison_in_loops.calibration_error(labels, scores, NUM_BINS),
    }


@videos
@pytest.mark.parametrize('threshold', [0.0, 0.4, 0.9])
def test_figures_of_a_set_match_scikit_learn_and_the_loops(labels, scores, threshold):
    found = ResampledFigures(labels, scores, threshold=threshold).of_set()
    assert list(found) == list(FIGURES)
    assert found == pytest.approx(figures_of(labels, scores, threshold), abs=1e-12)
    assert found['ap'] == pytest.approx(
        ranking_in_loops.average_precision(labels, scores)
    )


def test_figures_of_five_videos_computed_by_hand():
    # Descending: 0.9 fake, 0.8 real, 0.6 fake, 0.6 real, 0.1 real.
    found = ResampledFigures([1, 0, 1, 0, 0], [0.9, 0.8, 0.6, 0.6, 0.1]).of_set()
    # Pairs: 0.9 beats three reals; 0.6 loses one, ties one, beats one.
    assert found['auc'] == (3 + 1.5) / 6
    # Recall 1/2 at precision 1, then 1 at precision 2/4.
    assert found['ap'] == 0.5 * 1 + 0.5 * 0.5
    # From (1/3, 1/2) to (2/3, 1): FPR = 1 - TPR a fifth of the way along.
    assert found['eer'] == pytest.approx(1 / 3 + 1 / 15)
    assert found['acc'] == 3 / 5


def test_eer_agrees_with_a_root_on_scikit_learns_curve():
    # Each score is shared by reals and fakes, so that the curve has no upright parts
    # and 1 - TPR is a function of FPR.
    labels = np.repeat([0, 1], 50)
    scores = np.concatenate(
        [np.repeat(np.arange(5), (20, 12, 9, 6, 3)), np.repeat(np.arange(5), 10)]
    )
    fpr, tpr, _ = metrics.roc_curve(labels, scores)
    root = brentq(lambda x: 1 - x - interp1d(fpr, tpr)(x), 0, 1)
    found = ResampledFigures(labels, scores / 4).of_set()
    assert found['eer'] == pytest.approx(root)


def test_score_at_the_threshold_means_fake():
    for label in (0, 1):
        assert ResampledFigures([label], [0.5]).of_set()['acc'] == label


@pytest.mark.parametrize('label', [0, 1])
def test_one_class_alone_has_no_ranking(label):
    found = ResampledFigures([label] * 2, [0.1, 0.9]).of_set()
    missing = {name for name, value in found.items() if np.isnan(value)}
    assert missing == set(FIGURES) - {'acc', 'brier', 'ece'}
    assert found['acc'] == 0.5
    counts = np.array([[0, 2], [1, 1]])
    areas = ResampledFigures([0, 1], [0.2, 0.8]).areas_under_roc(counts)
    np.testing.assert_array_equal(areas, [np.nan, 1.0])


@pytest.mark.parametrize('num_levels', [4, 30, 10**9], ids=['ties', 'some', 'none'])
@pytest.mark.parametrize('num_videos', [7, 60])
def test_each_figure_is_that_of_the_videos_repeated(num_levels, num_videos):
    labels, scores = draw_videos([num_levels, num_videos], num_videos, num_levels)
    draws = np.random.default_rng(0).integers(num_videos, size=(5, num_videos))
    draws[:, :2] = 0, 1
    counts = np.stack([np.bincount(row, minlength=num_videos) for row in draws])
    figures = ResampledFigures(labels, scores, threshold=0.4)
    found = figures(counts)
    np.testing.assert_array_equal(figures.areas_under_roc(counts), found['auc'])
    for index, row in enumerate(counts):
        repeated = np.repeat(np.arange(num_videos), row)
        expected = figures_of(labels[repeated], scores[repeated], 0.4)
        one = {name: values[index] for name, values in found.items()}
        assert one == pytest.approx(expected, abs=1e-12)


def test_more_than_a_thousand_reals_reach_the_lower_rate():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 1500)
    scores = np.clip(rng.normal(0.4 + 0.2 * labels, 0.1), 0, 1)
    found = ResampledFigures(labels, scores).of_set()
    assert found['tpr_at_01'] == pytest.approx(highest_rate(labels, scores, 0.001))
    assert found['tpr_at_1'] == pytest.approx(highest_rate(labels, scores, 0.01))
    assert 0 < found['tpr_at_01'] < found['tpr_at_1'] < 1


@pytest.mark.slow
def test_ten_thousand_resamples_of_ten_thousand_videos_take_five_seconds_of_a_core():
    rng = np.random.default_rng(0)
    labels = rng.integers(2, size=10_000)
    scores = np.clip(0.5 * rng.random(10_000) + 0.2 * labels, 0, 1)
    strata = [Stratum('any', 'c40', label, ('real', 'fake')[label]) for label in labels]
    resampled = ResampledFigures(labels, scores)
    started = time.process_time()
    for counts in resample_within_strata(strata, num_resamples=10_000, seed=0):
        resampled(counts)
    # 4.2 to 4.7 s on an idle core; a neighbour on the other half of the core, and its
    # share of the caches, may cost half as much again.
    assert time.process_time() - started < 7.5
