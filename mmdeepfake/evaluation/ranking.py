"""The ROC curve and the area under it.

`labels` is (N,) with 0 = real and 1 = fake, and `fake_scores` is (N,), higher for more
likely fake; N counts videos.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


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


def area_under_roc(labels: ArrayLike, fake_scores: ArrayLike) -> float:
    """Compute the share of (fake, real) pairs in which the fake scores higher.

    A tie counts one half (Mann-Whitney); counting in integers keeps it exact. The
    result is nan unless both classes are present.
    """
    is_fake, scores = _check(labels, fake_scores)
    reals, fakes = np.sort(scores[~is_fake]), scores[is_fake]
    if not len(reals) or not len(fakes):
        return float('nan')
    num_below = np.searchsorted(reals, fakes, side='left')
    num_not_above = np.searchsorted(reals, fakes, side='right')
    return int((num_below + num_not_above).sum()) / (2 * len(reals) * len(fakes))


def roc_curve(labels: ArrayLike, fake_scores: ArrayLike) -> RocCurve:
    """Compute all points of the ROC curve; rates of an absent class are nan."""
    is_fake, scores = _check(labels, fake_scores)
    order = np.argsort(-scores, kind='stable')
    descending = scores[order]
    # Equal scores are one step.
    is_last_of_ties = np.append(descending[1:] != descending[:-1], True)
    last = np.flatnonzero(is_last_of_ties[: len(scores)])
    num_fakes = np.cumsum(is_fake[order], dtype=np.intp)[last]
    num_reals = last + 1 - num_fakes
    return RocCurve(
        np.append(0, num_reals) / (int((~is_fake).sum()) or np.nan),
        np.append(0, num_fakes) / (int(is_fake.sum()) or np.nan),
        np.append(np.inf, descending[last]),
    )


def _check(labels: ArrayLike, fake_scores: ArrayLike) -> tuple[Bools, Floats]:
    """Return `labels == 1` and the scores in float64, or raise a ValueError."""
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
