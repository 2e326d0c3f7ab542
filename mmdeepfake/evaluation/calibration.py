"""Reliability curve, decision threshold and temperature.

`labels` and `fake_scores` are as in `ranking`; scores are P(fake), in [0, 1]. Threshold
and temperature are fitted on validation videos, never on those that are reported.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mmdeepfake.errors import DataError

from .ranking import roc_curve

NUM_BINS = 15  # as is common since Guo et al., ICML 2017
# Beyond these the model itself is wrong, not its calibration.
_TEMPERATURES = (0.05, 20.0)
# Up to this logit, scores stay distinct in a double; ours.
_LARGEST_LOGIT = 30.0

Floats = NDArray[np.float64]


class ReliabilityCurve(NamedTuple):
    """Videos in bins of equal width by their score; empty bins are skipped.

    Attributes:
        mean_scores: (B,) mean P(fake) of the bin's videos.
        fake_shares: (B,) share of fakes among them.
        num_videos: (B,) number of videos.
    """

    mean_scores: Floats
    fake_shares: Floats
    num_videos: NDArray[np.intp]


def cross_entropy(labels: ArrayLike, fake_scores: ArrayLike) -> float:
    """Return the mean negative log probability of the labels, at most 16.1 a video."""
    labels, scores = np.asarray(labels), np.asarray(fake_scores, np.float64)
    right = np.where(labels == 1, scores, 1 - scores)
    # ours; 1e-7, the spacing of fp32 at 1, keeps the mean finite
    return float(-np.log(np.maximum(right, 1e-7)).mean())


def reliability_curve(
    labels: ArrayLike, fake_scores: ArrayLike, *, num_bins: int = NUM_BINS
) -> ReliabilityCurve:
    """Sort the videos into bins [k/B, (k+1)/B), 1 being in the last one."""
    labels, scores = np.asarray(labels), np.asarray(fake_scores, np.float64)
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
    """Return the bin of each score: (N,) in 0..num_bins-1."""
    return np.minimum((scores * num_bins).astype(np.intp), num_bins - 1)


def threshold_at(
    labels: ArrayLike, fake_scores: ArrayLike, *, max_false_positive_rate: float
) -> float:
    """Choose the lowest threshold that calls at most that share of reals fake.

    Returns:
        The score from which a video is called fake: half way between the last score
        called fake and the next lower one, so that rounding does not change a side. If
        none may be called fake, the next number above the highest score.

    Raises:
        DataError: a class is absent, or the share is not in [0, 1).
    """
    if not 0 <= max_false_positive_rate < 1:
        raise DataError(
            f'false positive rate {max_false_positive_rate}: allowed is 0 <= rate < 1'
        )
    labels, scores = np.asarray(labels), np.asarray(fake_scores, np.float64)
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
    """Fit T of sigmoid(logit / T) by maximum likelihood (Guo et al., ICML 2017, 4.2).

    With two classes, the logit of P(fake) is the difference of the two logits. T has a
    lower bound that keeps the highest scores distinct from 1.

    Args:
        labels: (N,), see the module.
        fake_logits: (N,), in [-inf, inf].

    Raises:
        DataError: a class is absent, so that the best temperature is 0.
    """
    from scipy.optimize import minimize_scalar

    labels, logits = np.asarray(labels), np.asarray(fake_logits, np.float64)
    if len(np.unique(labels)) < 2:
        raise DataError(
            'cannot fit a temperature: real and fake videos are needed, one is absent'
        )
    # A score of exactly 0 or 1 is beyond these, by an unknown amount.
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
    """Return sigmoid(logit(score) / T): same order, other confidence; 0 and 1 stay."""
    return to_scores(to_log_odds(fake_scores) / temperature)


# In numpy: importing scipy.special would be a noticeable part of a verdict's time.
def to_log_odds(fake_scores: ArrayLike) -> Floats:
    """Return logit(score), infinite for 0 and 1."""
    scores = np.asarray(fake_scores, np.float64)
    with np.errstate(divide='ignore'):
        log_odds: Floats = np.log(scores) - np.log1p(-scores)
    return log_odds


def to_scores(log_odds: ArrayLike) -> Floats:
    """Return sigmoid(logit)."""
    with np.errstate(over='ignore'):
        scores: Floats = 1 / (1 + np.exp(-np.asarray(log_odds, np.float64)))
    return scores
