"""Whether scores are probabilities: Brier score, calibration error, temperature.

`labels` and `fake_scores` are as in `ranking`; scores are P(fake), in [0, 1]. What is
fitted here (a threshold, a temperature) is fitted on validation videos, never on those
that are reported.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit

from mmdeepfake.errors import DataError

from .ranking import roc_curve

NUM_BINS = 15  # as is common since Guo et al., ICML 2017
# A sharper or softer model than this is no matter of calibration any more.
_TEMPERATURES = (0.05, 20.0)
# Up to this logit scores stay apart in a double; ours.
_LARGEST_LOGIT = 30.0

Floats = NDArray[np.float64]


class ReliabilityCurve(NamedTuple):
    """Videos sorted into bins of equal width by their score; empty bins are left out.

    Attributes:
        mean_scores: (B,) mean P(fake) of the bin's videos.
        fake_shares: (B,) share of fakes among them.
        num_videos: (B,) how many they are.
    """

    mean_scores: Floats
    fake_shares: Floats
    num_videos: NDArray[np.intp]


def brier_score(labels: ArrayLike, fake_scores: ArrayLike) -> float:
    """Mean squared distance of P(fake) from the label (Brier, 1950).

    0 is perfect; 0.25 is what a score of 0.5 for every video gives.
    """
    labels, scores = _checked(labels, fake_scores)
    return float(np.mean((scores - labels) ** 2)) if len(scores) else float('nan')


def cross_entropy(labels: ArrayLike, fake_scores: ArrayLike) -> float:
    """Mean negative logarithm of each label's probability; at most 16.1 a video."""
    labels, scores = _checked(labels, fake_scores)
    right = np.where(labels == 1, scores, 1 - scores)
    # ours; 1e-7, the spacing of fp32 at 1, keeps the mean finite
    return float(-np.log(np.maximum(right, 1e-7)).mean())


def reliability_curve(
    labels: ArrayLike, fake_scores: ArrayLike, *, num_bins: int = NUM_BINS
) -> ReliabilityCurve:
    """Sort the videos into bins [k/B, (k+1)/B), the last one with 1."""
    labels, scores = _checked(labels, fake_scores)
    bins = bins_of(scores, num_bins=num_bins)
    num_videos = np.bincount(bins, minlength=num_bins)
    held = num_videos > 0
    score_sums = np.bincount(bins, weights=scores, minlength=num_bins)
    fake_sums = np.bincount(bins, weights=labels, minlength=num_bins)
    return ReliabilityCurve(
        score_sums[held] / num_videos[held],
        fake_sums[held] / num_videos[held],
        num_videos[held],
    )


def bins_of(scores: Floats, *, num_bins: int = NUM_BINS) -> NDArray[np.intp]:
    """Give the bin of each score: (N,) in 0..num_bins-1."""
    return np.minimum((scores * num_bins).astype(np.intp), num_bins - 1)


def calibration_error(
    labels: ArrayLike, fake_scores: ArrayLike, *, num_bins: int = NUM_BINS
) -> float:
    """Expected calibration error of P(fake): mean over videos of |score - share| a bin.

    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, Eq. 5, for the
    probability of the fake class in place of the confidence. It depends on the share of
    fakes in the set, which is a choice of the benchmark.
    """
    curve = reliability_curve(labels, fake_scores, num_bins=num_bins)
    if not len(curve.num_videos):
        return float('nan')
    gaps = np.abs(curve.mean_scores - curve.fake_shares)
    return float(np.average(gaps, weights=curve.num_videos))


def threshold_at(
    labels: ArrayLike, fake_scores: ArrayLike, *, max_false_positive_rate: float
) -> float:
    """Choose the lowest threshold that calls at most that share of reals fake.

    Returns:
        A score; a video is called fake from it on. It lies half way between the last
        score that is called fake and the next lower one, and above that one, so that
        scores which differ in rounding alone fall on the same side. Where no score at
        all may be called fake, the next number above the highest score.

    Raises:
        DataError: a class is absent, or the share is not in [0, 1).
    """
    if not 0 <= max_false_positive_rate < 1:
        raise DataError(
            f'false positive rate {max_false_positive_rate}: allowed is 0 <= rate < 1'
        )
    labels, scores = _checked(labels, fake_scores)
    if len(np.unique(labels)) < 2:
        raise DataError(
            f'{int((labels == 0).sum())} real and {int(labels.sum())} fake videos: a '
            'threshold needs both classes'
        )
    curve = roc_curve(labels, scores)
    last = np.flatnonzero(curve.false_positive_rate <= max_false_positive_rate)[-1]
    if last == 0:
        return float(np.nextafter(scores.max(), np.inf))
    if last + 1 == len(curve.thresholds):
        return float(curve.thresholds[last] / 2)
    lower = curve.thresholds[last + 1]
    # Half way between neighbouring doubles may be rounded to the lower one.
    middle = (curve.thresholds[last] + lower) / 2
    return float(max(middle, np.nextafter(lower, np.inf)))


def fit_temperature(labels: ArrayLike, fake_logits: ArrayLike) -> float:
    """Find the temperature T under which sigmoid(logit / T) fits best.

    Minimises the mean negative log-likelihood (Guo et al., ICML 2017, Sec. 4.2). With
    two classes, the logit of P(fake) is the difference of the two logits. T is no
    smaller than what keeps the scores of the surest fakes apart from 1.

    Args:
        labels: (N,), see the module.
        fake_logits: (N,), in [-inf, inf].

    Raises:
        DataError: a class is absent, so that the best temperature is 0.
    """
    labels, logits = np.asarray(labels), np.asarray(fake_logits, np.float64)
    if len(np.unique(labels)) < 2:
        raise DataError(
            'a temperature is fitted on real and fake videos; one is absent'
        )
    # A score of exactly 0 or 1 says no more than that it is beyond these.
    logits = np.nan_to_num(logits, posinf=_LARGEST_LOGIT, neginf=-_LARGEST_LOGIT)
    signed = np.where(labels == 1, 1.0, -1.0) * logits

    def loss(log_temperature: float) -> float:
        return float(np.logaddexp(0, -signed / np.exp(log_temperature)).mean())

    low, high = _TEMPERATURES
    low = min(max(low, logits.max() / _LARGEST_LOGIT), high)
    if low == high:
        return high
    bounds = (np.log(low), np.log(high))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method='bounded').x))


def apply_temperature(fake_scores: ArrayLike, temperature: float) -> Floats:
    """Give sigmoid(logit(score) / T): same order, other confidence; 0 and 1 stay."""
    calibrated: Floats = expit(logit(np.asarray(fake_scores, np.float64)) / temperature)
    return calibrated


def _checked(labels: ArrayLike, fake_scores: ArrayLike) -> tuple[Floats, Floats]:
    labels, scores = np.asarray(labels), np.asarray(fake_scores, np.float64)
    if labels.shape != scores.shape or labels.ndim != 1:
        raise ValueError(
            f'labels of shape {labels.shape} and scores of shape {scores.shape}: '
            'both must be (N,)'
        )
    if not ((scores >= 0) & (scores <= 1)).all():  # nan fails too
        raise ValueError('fake_scores must be probabilities in [0, 1]')
    return labels.astype(np.float64), scores
