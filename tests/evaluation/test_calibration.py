import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.metrics import log_loss

from mmdeepfake.errors import DataError
from mmdeepfake.evaluation import calibration
from mmdeepfake.evaluation.operating_point import OperatingPoint
from mmdeepfake.evaluation.predictions import VideoPrediction, rank_predictions
from mmdeepfake.evaluation.ranking import area_under_roc
from mmdeepfake.evaluation.summarise import summarise
from mmdeepfake.structures import VideoKey


def draw(seed=0, num_videos=400, sharpness=1.0):
    """Videos whose true P(fake) is known; scores are sharper or softer than it."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=num_videos) * 2
    labels = (rng.random(num_videos) < expit(logits)).astype(int)
    return labels, expit(logits * sharpness)


def test_cross_entropy_agrees_with_scikit_learn_and_stays_finite():
    labels, scores = draw()
    found = calibration.cross_entropy(labels, scores)
    assert found == pytest.approx(log_loss(labels, scores))
    assert calibration.cross_entropy([1], [0.0]) == pytest.approx(-np.log(1e-7))


def test_reliability_curve_leaves_empty_bins_out_and_counts_every_video():
    curve = calibration.reliability_curve([0, 1, 1], [0.05, 0.95, 0.99], num_bins=10)
    np.testing.assert_allclose(curve.mean_scores, [0.05, 0.97])
    np.testing.assert_allclose(curve.fake_shares, [0, 1])
    assert curve.num_videos.tolist() == [1, 2]


@pytest.mark.parametrize('temperature', [0.5, 1.0, 3.0])
def test_the_temperature_that_spoilt_the_scores_is_found_again(temperature):
    labels, scores = draw(num_videos=20_000, sharpness=temperature)
    assert calibration.fit_temperature(labels, logit(scores)) == pytest.approx(
        temperature, rel=0.06
    )


def test_temperature_keeps_the_order_and_one_half_and_at_one_changes_nothing():
    scores = np.array([0.1, 0.5, 0.7, 0.99])
    calibrated = calibration.apply_temperature(scores, 2.5)
    assert (np.diff(calibrated) > 0).all()
    assert calibrated[1] == pytest.approx(0.5)
    np.testing.assert_allclose(calibration.apply_temperature(scores, 1.0), scores)
    assert np.isfinite(calibration.apply_temperature([0.0, 1.0], 0.1)).all()


@pytest.mark.parametrize('temperature', [0.1, 0.5, 2.5, 20.0])
def test_calibrated_figures_of_the_order_stay_however_sure_the_scores_are(temperature):
    rng = np.random.default_rng(0)
    ends = 10.0 ** -rng.uniform(3, 15, size=40)
    scores = [*ends, *(1 - ends), 0.0, 1.0, 1 - 1e-12, 1e-12, 5e-324]
    point = OperatingPoint(0.5, temperature, 0.1, 0, 0, 9, 9, 'these', '')
    before = [
        VideoPrediction(VideoKey('d', i % 2, 'real', '', str(i)), score)
        for i, score in enumerate(scores)
    ]
    after = [point.apply(one) for one in before]
    assert (rank_predictions(after) == rank_predictions(before)).all()
    first, second = (summarise(each, num_resamples=0) for each in (before, after))
    assert first.overall.auc == second.overall.auc


def test_six_sure_videos_keep_their_auc_of_one():
    tails = [3e-12, 2e-12, 1e-12]
    scores = 1 - np.array([*(np.array(tails) * 9), *tails])
    labels = [0, 0, 0, 1, 1, 1]
    for temperature in (0.9, 2.5):
        calibrated = calibration.apply_temperature(scores, temperature)
        assert area_under_roc(labels, calibrated) == 1.0


def test_the_fit_keeps_the_surest_scores_apart():
    logits = np.array([-40.0, -12.0, 12.0, 25.0, 25.5])
    temperature = calibration.fit_temperature([0, 0, 1, 1, 1], logits)
    assert (np.diff(expit(logits / temperature)) > 0).all()
    infinite = np.array([-np.inf, np.inf, 1.0])
    assert np.isfinite(calibration.fit_temperature([1, 0, 1], infinite))


@pytest.mark.parametrize('low', [0.25, 0.5, 1 - 2**-52, 1e-300, 0.0])
def test_threshold_between_neighbouring_doubles_is_above_the_lower(low):
    scores = [low, np.nextafter(low, 1)]
    threshold = calibration.threshold_at([0, 1], scores, max_false_positive_rate=0)
    assert low < threshold <= scores[1]


@pytest.mark.parametrize('rate', [0.0, 0.01, 0.1, 0.5])
def test_threshold_keeps_the_rate_and_a_lower_one_would_not(rate):
    labels, scores = draw()
    threshold = calibration.threshold_at(labels, scores, max_false_positive_rate=rate)
    reals = scores[labels == 0]
    assert (reals >= threshold).mean() <= rate
    next_lower = scores[scores < threshold].max()
    assert (reals >= next_lower).mean() > rate


def test_threshold_lies_between_scores_not_on_one():
    threshold = calibration.threshold_at(
        [0, 0, 1], [0.2, 0.4, 0.8], max_false_positive_rate=0
    )
    assert threshold == pytest.approx(0.6)


def test_where_a_real_ranks_first_nothing_may_be_called_fake():
    threshold = calibration.threshold_at([0, 1], [0.9, 0.1], max_false_positive_rate=0)
    assert threshold > 0.9


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (
            lambda: calibration.threshold_at(
                [0, 0], [0.1, 0.2], max_false_positive_rate=0
            ),
            '2 real and 0 fake videos: a threshold needs both',
        ),
        (
            lambda: calibration.threshold_at(
                [0, 1], [0.1, 0.2], max_false_positive_rate=1
            ),
            'false positive rate 1: allowed is 0 <= rate < 1',
        ),
        (lambda: calibration.fit_temperature([1], [0.5]), 'one is absent'),
    ],
)
def test_what_cannot_be_fitted_is_refused(call, message):
    with pytest.raises(DataError, match=message):
        call()
