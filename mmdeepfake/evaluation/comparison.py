"""Tests of the difference between two detectors on the same videos.

Their figures are correlated, so overlapping intervals say nothing. The difference of
the AUC is tested by DeLong's test and by a paired bootstrap over videos, which rest on
different assumptions and should agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mmdeepfake.errors import DataError

from .aggregation import (
    Row,
    group_by_method,
    percentile_interval,
    resample_within_strata,
)
from .predictions import VideoPrediction, order_by_key, rank_predictions
from .ranking import area_under_roc
from .resampled_figures import ResampledFigures
from .summarise import stratum_of

_NUM_EXAMPLES = 3
Floats = NDArray[np.float64]


class DeLongResult(NamedTuple):
    """The difference of two AUCs, b - a.

    Attributes:
        difference: AUC of b less AUC of a.
        standard_error: of the difference.
        p_value: two-sided; 1 if difference and error are 0.
    """

    difference: float
    standard_error: float
    p_value: float


@dataclass(frozen=True)
class Comparison:
    """Two detectors on the videos of one row of the table.

    Attributes:
        name: manipulation, or 'all'.
        num_real: real videos.
        num_fake: fake videos.
        auc_a: AUC of the first.
        auc_b: AUC of the second.
        low: lower end of the 95% interval of auc_b - auc_a, by the paired bootstrap.
        high: upper end.
        p_bootstrap: two-sided p-value of the paired bootstrap.
        p_delong: two-sided p-value of DeLong's test.
        acc_a: accuracy of the first at its threshold.
        acc_b: accuracy of the second.
        p_mcnemar: two-sided p-value of McNemar's exact test of the two accuracies.
    """

    name: str
    num_real: int
    num_fake: int
    auc_a: float
    auc_b: float
    low: float
    high: float
    p_bootstrap: float
    p_delong: float
    acc_a: float
    acc_b: float
    p_mcnemar: float


def delong_test(
    labels: ArrayLike, scores_a: ArrayLike, scores_b: ArrayLike
) -> DeLongResult:
    """Test whether two correlated AUCs differ.

    DeLong, DeLong & Clarke-Pearson, Biometrics 44 (1988), Eqs. 5 to 9, with placements
    from mid-ranks (Sun & Xu, IEEE Signal Processing Letters 21, 2014).

    Args:
        labels: (N,) 0 = real, 1 = fake; at least two of each.
        scores_a: (N,) scores of the first detector.
        scores_b: (N,) of the second.
    """
    from scipy.stats import norm, rankdata

    labels = np.asarray(labels)
    scores = np.stack([np.asarray(s, np.float64) for s in (scores_a, scores_b)])
    reals, fakes = scores[:, labels == 0], scores[:, labels == 1]
    num_real, num_fake = reals.shape[1], fakes.shape[1]
    if min(num_real, num_fake) < 2:
        raise DataError(
            f'{num_real} real and {num_fake} fake videos: DeLong needs two of each'
        )
    # Placement of a video: the share of the other class that it ranks rightly against.
    together = rankdata(np.concatenate((fakes, reals), axis=1), axis=1)
    of_fakes = (together[:, :num_fake] - rankdata(fakes, axis=1)) / num_real
    of_reals = 1 - (together[:, num_fake:] - rankdata(reals, axis=1)) / num_fake
    covariance = np.cov(of_fakes) / num_fake + np.cov(of_reals) / num_real
    difference = float(of_fakes[1].mean() - of_fakes[0].mean())
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    error = float(np.sqrt(max(variance, 0.0)))
    if error == 0:
        return DeLongResult(difference, error, 0.0 if difference else 1.0)
    return DeLongResult(difference, error, float(2 * norm.sf(abs(difference) / error)))


def mcnemar_test(correct_a: NDArray[np.bool_], correct_b: NDArray[np.bool_]) -> float:
    """Test whether two accuracies differ: exact, two-sided p-value (McNemar, 1947).

    Only videos that one gets right and the other wrong count.
    """
    from scipy.stats import binomtest

    only_a = int((correct_a & ~correct_b).sum())
    only_b = int((correct_b & ~correct_a).sum())
    if only_a + only_b == 0:
        return 1.0
    return float(binomtest(only_a, only_a + only_b).pvalue)


def compare(
    first: Sequence[VideoPrediction],
    second: Sequence[VideoPrediction],
    *,
    threshold_a: float = 0.5,
    threshold_b: float = 0.5,
    num_resamples: int = 10_000,
    seed: int = 0,
) -> list[Comparison]:
    """Compare two detectors by manipulation and over all videos.

    Args:
        first: predictions of a, in any order.
        second: predictions of b, of the same videos.
        threshold_a: score from which a calls a video fake.
        threshold_b: the same of b.
        num_resamples: of the paired bootstrap, which draws videos once for both.
        seed: of the bootstrap.

    Raises:
        DataError: the videos differ.
    """
    first, second = order_by_key(first), order_by_key(second)
    _check_same_videos(first, second)
    strata = [stratum_of(prediction) for prediction in first]
    labels = np.array([prediction.key.label for prediction in first])
    scores_a = np.array([prediction.fake_score for prediction in first])
    scores_b = np.array([prediction.fake_score for prediction in second])
    ranks = rank_predictions(first), rank_predictions(second)
    rows = [*group_by_method(strata), Row('all', np.arange(len(first)))]
    figures = [
        [
            ResampledFigures(labels[m], scores[m], ranks=order[m])
            for scores, order in zip((scores_a, scores_b), ranks, strict=True)
        ]
        for m in (row.members for row in rows)
    ]
    differences: list[list[Floats]] = [[] for _ in rows]
    for counts in resample_within_strata(
        strata, num_resamples=num_resamples, seed=seed
    ):
        for row, pair, found in zip(rows, figures, differences, strict=True):
            a, b = (one.areas_under_roc(counts[:, row.members]) for one in pair)
            found.append(b - a)
    return [
        _compare_row(
            row,
            labels,
            (scores_a, scores_b),
            ranks,
            (threshold_a, threshold_b),
            np.concatenate(found) if found else np.empty(0),
        )
        for row, found in zip(rows, differences, strict=True)
    ]


def _compare_row(
    row: Row,
    labels: NDArray[np.intp],
    scores: tuple[Floats, Floats],
    ranks: tuple[NDArray[np.intp], NDArray[np.intp]],
    thresholds: tuple[float, float],
    resampled: Floats,
) -> Comparison:
    labels = labels[row.members]
    a, b = (each[row.members] for each in ranks)
    correct_a, correct_b = (
        (each[row.members] >= threshold) == (labels == 1)
        for each, threshold in zip(scores, thresholds, strict=True)
    )
    num_fake = int(labels.sum())
    num_real = len(labels) - num_fake
    testable = min(num_real, num_fake) > 1
    nan = float('nan')
    low, high = percentile_interval(resampled) if testable else (nan, nan)
    return Comparison(
        row.name,
        num_real,
        num_fake,
        auc_a=area_under_roc(labels, a),
        auc_b=area_under_roc(labels, b),
        low=low,
        high=high,
        p_bootstrap=bootstrap_p_value(resampled) if testable else nan,
        p_delong=delong_test(labels, a, b).p_value if testable else nan,
        acc_a=float(correct_a.mean()),
        acc_b=float(correct_b.mean()),
        p_mcnemar=mcnemar_test(correct_a, correct_b),
    )


def bootstrap_p_value(differences: Floats) -> float:
    """Compute a two-sided p-value of (R,) resampled differences against 0.

    Twice the smaller share of resamples at or beyond 0, the data being one more
    resample: p is never below 2 / (R + 1).
    """
    if not len(differences) or np.isnan(differences).any():
        return float('nan')
    beyond = min((differences <= 0).sum(), (differences >= 0).sum())
    return float(min(1.0, 2 * (beyond + 1) / (len(differences) + 1)))


def _check_same_videos(
    first: Sequence[VideoPrediction], second: Sequence[VideoPrediction]
) -> None:
    keys_a, keys_b = ({p.key for p in one} for one in (first, second))
    if keys_a == keys_b:
        return
    only = [
        f'{len(missing)} only in the {name}, e.g. '
        + ', '.join(str(key) for key in sorted(missing)[:_NUM_EXAMPLES])
        for name, missing in (('first', keys_a - keys_b), ('second', keys_b - keys_a))
        if missing
    ]
    raise DataError(
        f'the two files have different videos ({len(keys_a)} and {len(keys_b)}, '
        f'{len(keys_a & keys_b)} in both): {"; ".join(only)}. Score both detectors on '
        'the same set'
    )
