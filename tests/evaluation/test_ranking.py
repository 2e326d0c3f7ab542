import math

import numpy as np
import pytest
from scipy.interpolate import interp1d
from scipy.optimize import brentq
from sklearn import metrics as sklearn_metrics

from mmdeepfake.evaluation import ranking
from tests.oracles import ranking_in_loops

NAN = float('nan')


def draw_videos(seed, num_videos, num_levels):
    """Labels with both classes, and scores of which many are equal."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(2, size=num_videos)
    labels[:2] = 0, 1
    scores = rng.integers(num_levels, size=num_videos) / num_levels
    return labels, np.clip(scores + 0.1 * labels, 0, 1)


SETS = {
    'ties': draw_videos(0, 60, 5),
    'no ties': draw_videos(1, 60, 10**9),
    'large': draw_videos(2, 300, 40),
    'two videos': (np.array([0, 1]), np.array([0.3, 0.7])),
    'two videos, wrong way': (np.array([0, 1]), np.array([0.7, 0.3])),
    'all equal': (np.array([0, 1, 1]), np.full(3, 0.4)),
    'perfect': (np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.8, 0.9])),
    'one fake': (np.array([0, 0, 0, 1]), np.array([0.1, 0.5, 0.9, 0.5])),
}
videos = pytest.mark.parametrize(('labels', 'scores'), SETS.values(), ids=list(SETS))


@videos
def test_auc_agrees_with_scikit_learn_and_with_counting_pairs(labels, scores):
    auc = ranking.area_under_roc(labels, scores)
    assert auc == pytest.approx(sklearn_metrics.roc_auc_score(labels, scores))
    assert auc == pytest.approx(ranking_in_loops.area_under_roc(labels, scores))


@videos
def test_ap_agrees_with_scikit_learn_and_with_the_sum(labels, scores):
    ap = ranking.average_precision(labels, scores)
    assert ap == pytest.approx(sklearn_metrics.average_precision_score(labels, scores))
    assert ap == pytest.approx(ranking_in_loops.average_precision(labels, scores))


@videos
def test_eer_agrees_with_walking_along_the_curve(labels, scores):
    eer = ranking.equal_error_rate(labels, scores)
    assert eer == pytest.approx(ranking_in_loops.equal_error_rate(labels, scores))


def test_eer_agrees_with_a_root_on_scikit_learns_curve():
    # Each score is shared by reals and fakes, so that the curve has no upright parts
    # and 1 - TPR is a function of FPR.
    labels = np.repeat([0, 1], 50)
    scores = np.concatenate(
        [np.repeat(np.arange(5), (20, 12, 9, 6, 3)), np.repeat(np.arange(5), 10)]
    )
    fpr, tpr, _ = sklearn_metrics.roc_curve(labels, scores)
    root = brentq(lambda x: 1 - x - interp1d(fpr, tpr)(x), 0, 1)
    assert ranking.equal_error_rate(labels, scores) == pytest.approx(root)


@videos
def test_roc_curve_has_all_points_of_scikit_learn(labels, scores):
    expected = sklearn_metrics.roc_curve(labels, scores, drop_intermediate=False)
    for ours, theirs in zip(ranking.roc_curve(labels, scores), expected, strict=True):
        np.testing.assert_allclose(ours, theirs)


@videos
@pytest.mark.parametrize('threshold', [0.0, 0.4, 0.5, 0.9])
def test_accuracy_agrees_with_scikit_learn(labels, scores, threshold):
    expected = sklearn_metrics.accuracy_score(labels, scores >= threshold)
    ours = ranking.accuracy(labels, scores, threshold=threshold)
    assert ours == pytest.approx(expected)


def test_figures_of_five_videos_computed_by_hand():
    # Descending: 0.9 fake, 0.8 real, 0.6 fake, 0.6 real, 0.1 real.
    labels, scores = [1, 0, 1, 0, 0], [0.9, 0.8, 0.6, 0.6, 0.1]
    # Pairs: 0.9 beats three reals; 0.6 loses one, ties one, beats one.
    assert ranking.area_under_roc(labels, scores) == (3 + 1.5) / 6
    # Recall 1/2 at precision 1, then 1 at precision 2/4.
    assert ranking.average_precision(labels, scores) == 0.5 * 1 + 0.5 * 0.5
    # From (1/3, 1/2) to (2/3, 1): FPR = 1 - TPR a fifth of the way along.
    assert ranking.equal_error_rate(labels, scores) == pytest.approx(1 / 3 + 1 / 15)
    assert ranking.accuracy(labels, scores) == 3 / 5


def test_score_at_the_threshold_means_fake():
    assert ranking.accuracy([1], [0.5]) == 1
    assert ranking.accuracy([0], [0.5]) == 0


@pytest.mark.parametrize('label', [0, 1])
@pytest.mark.parametrize(
    'figure',
    [ranking.area_under_roc, ranking.average_precision, ranking.equal_error_rate],
)
def test_one_class_alone_gives_nan(figure, label):
    assert math.isnan(figure([label] * 3, [0.1, 0.2, 0.3]))


def test_one_class_alone_has_an_accuracy():
    assert ranking.accuracy([0, 0], [0.1, 0.9]) == 0.5


@pytest.mark.parametrize(
    'figure',
    [
        ranking.area_under_roc,
        ranking.average_precision,
        ranking.equal_error_rate,
        ranking.accuracy,
    ],
)
def test_no_video_gives_nan(figure):
    assert math.isnan(figure(np.array([], dtype=int), []))


def test_absent_class_has_no_rate_but_the_other_has():
    curve = ranking.roc_curve([1, 1], [0.2, 0.8])
    assert np.isnan(curve.false_positive_rate).all()
    np.testing.assert_array_equal(curve.true_positive_rate, [0, 0.5, 1])


def test_resampled_auc_is_that_of_the_repeated_videos():
    rng = np.random.default_rng(3)
    labels, scores = draw_videos(4, 12, 4)
    counts = rng.integers(1, 4, size=(6, 12))
    expected = ranking_in_loops.area_under_roc_of_resamples(labels, scores, counts)
    ours = ranking.area_under_roc_of_resamples(labels, scores, counts)
    np.testing.assert_allclose(ours, expected)


def test_resample_without_reals_gives_nan():
    counts = np.array([[0, 2], [1, 1]])
    aucs = ranking.area_under_roc_of_resamples([0, 1], [0.2, 0.8], counts)
    np.testing.assert_array_equal(aucs, [NAN, 1.0])


@pytest.mark.parametrize(
    ('labels', 'scores', 'message'),
    [
        ([0, 1], [0.5, NAN], r'fake_scores\[1\] is nan'),
        ([0, 2], [0.5, 0.5], r'labels \[0 2\]: allowed are 0 \(real\), 1 \(fake\)'),
        ([0, 1], [0.5], r'labels of shape \(2,\) and scores of shape \(1,\)'),
    ],
)
def test_odd_input_is_refused(labels, scores, message):
    with pytest.raises(ValueError, match=message):
        ranking.area_under_roc(labels, scores)


@videos
@pytest.mark.parametrize('limit', [0.0, 0.01, 0.3, 1.0])
def test_tpr_at_a_limit_agrees_with_trying_every_threshold(labels, scores, limit):
    reals, fakes = scores[labels == 0], scores[labels == 1]
    expected = max(
        [
            (fakes >= threshold).mean()
            for threshold in scores
            if (reals >= threshold).mean() <= limit
        ],
        default=0.0,
    )
    found = ranking.true_positive_rate_at(labels, scores, max_false_positive_rate=limit)
    assert found == pytest.approx(expected)


def test_tpr_at_a_limit_needs_both_classes():
    found = ranking.true_positive_rate_at([1], [0.5], max_false_positive_rate=0.1)
    assert np.isnan(found)
