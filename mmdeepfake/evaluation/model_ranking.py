"""Compare several detectors: Holm's correction, and ranks with a critical difference.

Demsar, "Statistical Comparisons of Classifiers over Multiple Data Sets", JMLR 7 (2006).
A block is a manipulation of a dataset, on which each detector has an AUC. Friedman's
test asks whether the average ranks over blocks differ at all; Nemenyi's critical
difference says from where on two of them do. Our choice over Wilcoxon's test with
Holm's correction: that rejects nothing with fewer than six blocks, since its smallest
p-value is 2 / 2^N, and many test sets have four manipulations. Blocks count as
independent; those of one dataset share its reals, so the difference is optimistic.

Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
Statistics 6 (1979).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

ALPHA = 0.05
MIN_MODELS = 3  # Friedman's test is for three or more


@dataclass(frozen=True)
class Ranking:
    """Average ranks of K detectors over N blocks.

    Attributes:
        ranks: (K,) 1 is the best; equal AUCs share the mean of their ranks.
        num_blocks: N.
        p_friedman: of Friedman's test that all detectors rank alike, by chi-square.
        critical_difference: of two average ranks, at `ALPHA`.
    """

    ranks: tuple[float, ...]
    num_blocks: int
    p_friedman: float
    critical_difference: float

    def groups(self) -> list[list[int]]:
        """Return the largest sets of detectors whose ranks do not differ, best first.

        Each has at least two; a set within another one is left out.
        """
        order = sorted(range(len(self.ranks)), key=lambda k: (self.ranks[k], k))
        groups: list[list[int]] = []
        last_end = 0
        for start, first in enumerate(order):
            limit = self.ranks[first] + self.critical_difference
            end = sum(self.ranks[k] < limit for k in order)
            if end > max(last_end, start + 1):
                groups.append(order[start:end])
                last_end = end
        return groups


def correct_p_values(p_values: ArrayLike) -> NDArray[np.float64]:
    """Return Holm's step-down correction of (M,) p-values; nan stays and counts not.

    With p_1 <= ... <= p_M: p'_i = max over j <= i of min(1, (M - j + 1) p_j).
    """
    corrected = np.array(p_values, np.float64)
    known = np.flatnonzero(~np.isnan(corrected))
    order = known[np.argsort(corrected[known], kind='stable')]
    steps = corrected[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(1, np.maximum.accumulate(steps))
    return corrected


def critical_difference(num_models: int, num_blocks: int) -> float:
    """Compute Nemenyi's CD = q sqrt(K (K + 1) / (6 N)) at `ALPHA`.

    q is the upper quantile of the studentized range of K means with infinite degrees of
    freedom, over sqrt(2), as in Demsar's Table 5.
    """
    from scipy.stats import studentized_range

    q = studentized_range.ppf(1 - ALPHA, num_models, math.inf) / math.sqrt(2)
    return float(q * math.sqrt(num_models * (num_models + 1) / (6 * num_blocks)))


def rank_models(aucs: Sequence[Sequence[float]]) -> Ranking:
    """Rank K detectors over N blocks by (K, N) AUCs; K is 3 or more, N 2 or more."""
    from scipy.stats import friedmanchisquare, rankdata

    values = np.asarray(aucs, np.float64)
    num_models, num_blocks = values.shape
    ranks = rankdata(-values, axis=0)
    is_all_equal = (values == values[:1]).all()  # the statistic is then 0 / 0
    return Ranking(
        tuple(map(float, ranks.mean(axis=1))),
        num_blocks,
        1.0 if is_all_equal else float(friedmanchisquare(*values).pvalue),
        critical_difference(num_models, num_blocks),
    )
