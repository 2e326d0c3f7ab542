import numpy as np
import pytest
from score_sets import videos
from sklearn import metrics as sklearn_metrics

from mmdeepfake.evaluation import ranking
from tests.oracles import ranking_in_loops

NAN = float('nan')


@videos
def test_auc_agrees_with_scikit_learn_and_with_counting_pairs(labels, scores):
    auc = ranking.area_under_roc(labels, scores)
    assert auc == pytest.approx(sklearn_metrics.roc_auc_score(labels, scores))
    assert auc == pytest.approx(ranking_in_loops.area_under_roc(labels, scores))


@videos
def test_roc_curve_has_all_points_of_scikit_learn(labels, scores):
    expected = sklearn_metrics.roc_curve(labels, scores, drop_intermediate=False)
    for ours, theirs in zip(ranking.roc_curve(labels, scores), expected, strict=True):
        np.testing.assert_allclose(ours, theirs)


def test_area_needs_both_classes():
    for labels in ([], [0, 0], [1, 1]):
        assert np.isnan(ranking.area_under_roc(labels, [0.1, 0.2][: len(labels)]))


def test_absent_class_has_no_rate_but_the_other_has():
    curve = ranking.roc_curve([1, 1], [0.2, 0.8])
    assert np.isnan(curve.false_positive_rate).all()
    np.testing.assert_array_equal(curve.true_positive_rate, [0, 0.5, 1])


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
