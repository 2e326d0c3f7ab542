"""How well scores rank fakes above reals: AUC, AP, EER, accuracy, in plain NumPy.

Everywhere `labels` is (N,) with 0 = real and 1 = fake, and `fake_scores` is (N,),
higher for "more likely fake"; N counts videos. Where a figure needs both classes and
one is absent, it is nan: a validation set without fakes must not end a training run,
and no number would be right.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Integers = NDArray[np.intp]


class RocCurve(NamedTuple):
    """Points of the ROC curve, one per distinct score, from (0, 0) to (1, 1).

    Attributes:
        false_positive_rate: (P,) share of reals with score >= threshold.
        true_positive_rate: (P,) share of fakes with score >= threshold.
        thresholds: (P,) descending, the first is inf (nothing is called fake).
    """

    false_positive_rate: Floats
    true_positive_rate: Floats
    thresholds: Floats


class _Steps(NamedTuple):
    """Counts at or above each distinct score, scores descending: all (P,)."""

    num_fakes: Integers
    num_reals: Integers
    thresholds: Floats


def area_under_roc(labels: ArrayLike, fake_scores: ArrayLike) -> float:
    """Share of (fake, real) pairs in which the fake scores higher; a tie is one half.

    This is the Mann-Whitney form of the area under the ROC curve; counting in integers
    keeps it exact.

    Returns:
        A number in [0, 1]; nan unless both classes are there.
    """
    is_fake, scores = _checked(labels, fake_scores)
    reals, fakes = np.sort(scores[~is_fake]), scores[is_fake]
    if not len(reals) or not len(fakes):
        return float('nan')
    num_below = np.searchsorted(reals, fakes, side='left')
    num_not_above = np.searchsorted(reals, fakes, side='right')
    return int((num_below + num_not_above).sum()) / (2 * len(reals) * len(fakes))


def area_under_roc_of_resamples(
    labels: ArrayLike, fake_scores: ArrayLike, counts: NDArray[np.integer]
) -> Floats:
    """`area_under_roc` of many resamples of the same videos, sorting them once.

    Args:
        labels: (N,), see the module.
        fake_scores: (N,), see the module.
        counts: (R, N) how often resample r holds video n.

    Returns:
        (R,) AUC of each resample; nan where a resample lacks a class.
    """
    is_fake, scores = _checked(labels, fake_scores)
    real_index = np.flatnonzero(~is_fake)
    real_index = real_index[np.argsort(scores[real_index], kind='stable')]
    fake_index = np.flatnonzero(is_fake)
    low = np.searchsorted(scores[real_index], scores[fake_index], side='left')
    high = np.searchsorted(scores[real_index], scores[fake_index], side='right')

    fake_counts = counts[:, fake_index]
    num_reals_upto = np.zeros((len(counts), len(real_index) + 1), dtype=np.int64)
    np.cumsum(counts[:, real_index], axis=1, out=num_reals_upto[:, 1:])
    twice_below = num_reals_upto[:, low] + num_reals_upto[:, high]
    twice_ordered = np.einsum('rn,rn->r', fake_counts, twice_below)
    num_pairs = fake_counts.sum(axis=1) * num_reals_upto[:, -1]
    # Without a pair both sides are 0, and 0 / nan is the nan that is wanted.
    auc: Floats = twice_ordered / np.where(num_pairs > 0, 2.0 * num_pairs, np.nan)
    return auc


def average_precision(labels: ArrayLike, fake_scores: ArrayLike) -> float:
    """Sum over thresholds of (recall gained) x (precision there), fakes as positives.

    The step form, AP = sum_n (R_n - R_{n-1}) P_n, without interpolation; videos with
    equal scores share one threshold. Depends on the share of fakes, unlike the AUC:
    scores that tell nothing give that share.

    Returns:
        A number in [0, 1]; nan unless both classes are there.
    """
    is_fake, scores = _checked(labels, fake_scores)
    if is_fake.all() or not is_fake.any():
        return float('nan')
    steps = _count_steps(is_fake, scores)
    precision = steps.num_fakes / (steps.num_fakes + steps.num_reals)
    recall_gained = np.diff(steps.num_fakes, prepend=0) / steps.num_fakes[-1]
    return float((precision * recall_gained).sum())


def equal_error_rate(labels: ArrayLike, fake_scores: ArrayLike) -> float:
    """FPR at the point of the ROC curve where FPR = 1 - TPR.

    The curve is joined by straight lines between its points, so the point exists and
    is unique. Taking the nearest vertex instead, as some benchmarks do, gives a value
    that depends on the side from which it is read.

    Returns:
        A number in [0, 1]; nan unless both classes are there.
    """
    curve = roc_curve(labels, fake_scores)
    fpr, tpr = curve.false_positive_rate, curve.true_positive_rate
    if np.isnan(fpr).any() or np.isnan(tpr).any():
        return float('nan')
    # Grows at every vertex, from -1 at (0, 0) to 1 at (1, 1): one sign change.
    excess = fpr - (1 - tpr)
    after = int(np.argmax(excess >= 0))
    before = after - 1
    share = -excess[before] / (excess[after] - excess[before])
    return float(fpr[before] + share * (fpr[after] - fpr[before]))


def true_positive_rate_at(
    labels: ArrayLike, fake_scores: ArrayLike, *, max_false_positive_rate: float
) -> float:
    """Share of fakes found while at most that share of reals is called fake.

    The greatest TPR over all thresholds that keep FPR <= the limit, without
    interpolation: between two thresholds there is no detector. With fewer than 1 /
    limit reals, the limit means that none at all is called fake.

    Returns:
        A number in [0, 1]; nan unless both classes are there.
    """
    curve = roc_curve(labels, fake_scores)
    fpr, tpr = curve.false_positive_rate, curve.true_positive_rate
    if np.isnan(fpr).any() or np.isnan(tpr).any():
        return float('nan')
    return float(tpr[fpr <= max_false_positive_rate].max())


def accuracy(
    labels: ArrayLike, fake_scores: ArrayLike, *, threshold: float = 0.5
) -> float:
    """Share of videos on the right side, where score >= threshold means fake.

    At exactly 0.5 this says fake, whereas argmax over (real, fake) would say real.

    Returns:
        A number in [0, 1], also with one class only; nan without videos.
    """
    is_fake, scores = _checked(labels, fake_scores)
    if not len(scores):
        return float('nan')
    return float(((scores >= threshold) == is_fake).mean())


def roc_curve(labels: ArrayLike, fake_scores: ArrayLike) -> RocCurve:
    """All points of the ROC curve; rates of an absent class are nan."""
    is_fake, scores = _checked(labels, fake_scores)
    steps = _count_steps(is_fake, scores)
    num_fakes, num_reals = int(is_fake.sum()), int((~is_fake).sum())
    return RocCurve(
        np.append(0, steps.num_reals) / (num_reals or np.nan),
        np.append(0, steps.num_fakes) / (num_fakes or np.nan),
        np.append(np.inf, steps.thresholds),
    )


def _count_steps(is_fake: Bools, scores: Floats) -> _Steps:
    """Walk down the scores; equal scores are one step."""
    order = np.argsort(-scores, kind='stable')
    descending = scores[order]
    is_last_of_ties = np.append(descending[1:] != descending[:-1], True)
    last = np.flatnonzero(is_last_of_ties[: len(scores)])
    num_fakes = np.cumsum(is_fake[order], dtype=np.intp)[last]
    return _Steps(num_fakes, last + 1 - num_fakes, descending[last])


def _checked(labels: ArrayLike, fake_scores: ArrayLike) -> tuple[Bools, Floats]:
    """`labels == 1` and the scores in float64, or a ValueError."""
    labels, scores = np.asarray(labels), np.asarray(fake_scores, dtype=np.float64)
    if labels.ndim != 1 or labels.shape != scores.shape:
        raise ValueError(
            f'labels of shape {labels.shape} and scores of shape {scores.shape}: '
            'both must be (N,)'
        )
    if not np.isin(labels, (0, 1)).all():
        raise ValueError(f'labels {np.unique(labels)}: allowed are 0 (real), 1 (fake)')
    if np.isnan(scores).any():
        raise ValueError(f'fake_scores[{int(np.isnan(scores).argmax())}] is nan')
    return labels == 1, scores
