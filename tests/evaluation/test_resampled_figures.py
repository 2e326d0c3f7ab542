import time

import numpy as np
import pytest

from mmdeepfake.evaluation import calibration, ranking
from mmdeepfake.evaluation.aggregation import Stratum, resample_within_strata
from mmdeepfake.evaluation.resampled_figures import FIGURES, ResampledFigures


def figures_of(labels, scores, threshold):
    """Each figure by the function that computes it for one set."""
    return {
        'acc': ranking.accuracy(labels, scores, threshold=threshold),
        'auc': ranking.area_under_roc(labels, scores),
        'eer': ranking.equal_error_rate(labels, scores),
        'ap': ranking.average_precision(labels, scores),
        'tpr_at_1': ranking.true_positive_rate_at(
            labels, scores, max_false_positive_rate=0.01
        ),
        'tpr_at_01': ranking.true_positive_rate_at(
            labels, scores, max_false_positive_rate=0.001
        ),
        'brier': calibration.brier_score(labels, scores),
        'ece': calibration.calibration_error(labels, scores),
    }


@pytest.mark.parametrize('num_levels', [4, 30, 10**9], ids=['ties', 'some', 'none'])
@pytest.mark.parametrize('num_videos', [2, 7, 300])
def test_each_figure_is_that_of_the_videos_repeated(num_levels, num_videos):
    rng = np.random.default_rng([num_levels, num_videos])
    labels = rng.integers(2, size=num_videos)
    labels[:2] = 0, 1
    scores = np.clip(rng.integers(num_levels, size=num_videos) / num_levels, 0, 1)
    counts = np.stack(
        [
            np.bincount(rng.integers(num_videos, size=num_videos), minlength=num_videos)
            for _ in range(20)
        ]
    )
    counts[0] = 1
    found = ResampledFigures(labels, scores, threshold=0.4)(counts)
    assert list(found) == list(FIGURES)
    for index, row in enumerate(counts):
        repeated = np.repeat(np.arange(num_videos), row)
        expected = figures_of(labels[repeated], scores[repeated], 0.4)
        for name, value in expected.items():
            np.testing.assert_allclose(
                found[name][index], value, atol=1e-12, err_msg=f'{name}, {row}'
            )


def test_more_than_a_thousand_reals_reach_the_lower_rate():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 3000)
    scores = np.clip(rng.normal(0.4 + 0.2 * labels, 0.1), 0, 1)
    found = ResampledFigures(labels, scores)(np.ones((1, 6000), int))
    expected = figures_of(labels, scores, 0.5)
    assert 0 < expected['tpr_at_01'] < expected['tpr_at_1'] < 1
    for name, value in expected.items():
        assert found[name][0] == pytest.approx(value)


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
