"""The figures of a set of videos and of its bootstrap resamples.

Videos are sorted once; a resample is how often each video is in it. Definitions:

    acc       share of videos on the right side; at or above the threshold means fake
    auc       share of (fake, real) pairs in which the fake scores higher, ties one half
    eer       FPR where FPR = 1 - TPR on the ROC curve with straight lines between its
              points; the nearest point instead would depend on the reading direction
    ap        sum over thresholds of (recall gained) x (precision), fakes as positives,
              without interpolation; depends on the share of fakes
    tpr_at_*  highest TPR over all thresholds with FPR <= the limit, not interpolated
    brier     mean squared distance of P(fake) from the label (Brier, 1950)
    ece       expected calibration error: mean of |score - share of fakes| by bin (Guo
              et al., ICML 2017, Eq. 5, for P(fake) in place of the confidence)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .calibration import NUM_BINS, bins_of

Floats = NDArray[np.float64]

# In the order of the table's columns.
RATE_LIMITS = {'tpr_at_1': 0.01, 'tpr_at_01': 0.001}
FIGURES = ('acc', 'auc', 'eer', 'ap', *RATE_LIMITS, 'brier', 'ece')


class ResampledFigures:
    """Computes the figures of one set of videos and of its resamples.

    Args:
        labels: (N,), 0 = real, 1 = fake.
        fake_scores: (N,), in [0, 1].
        threshold: of the accuracy.
        ranks: (N,) order of the videos where scores are rounded; None ranks by score.
    """

    def __init__(
        self,
        labels: ArrayLike,
        fake_scores: ArrayLike,
        *,
        threshold: float = 0.5,
        ranks: ArrayLike | None = None,
    ) -> None:
        is_fake = np.asarray(labels) == 1
        scores = np.asarray(fake_scores, np.float64)
        ranks = scores if ranks is None else np.asarray(ranks)
        self._order = np.argsort(-ranks, kind='stable')
        is_fake, scores = is_fake[self._order], scores[self._order]
        ranks = ranks[self._order]
        # Videos of equal scores are called fake together: one step of the ROC curve.
        starts = np.append(True, ranks[1:] != ranks[:-1])
        self._step_starts = None if starts.all() else np.flatnonzero(starts)
        self._is_fake = is_fake.astype(np.float64)
        # A resample's sums over its videos are products with these: (N, 2).
        self._per_video = np.stack(
            [((scores >= threshold) == is_fake), (scores - is_fake) ** 2], axis=1
        ).astype(np.float64)
        bins = bins_of(scores, num_bins=NUM_BINS)
        self._bin_of_video = np.zeros((len(scores), NUM_BINS))
        self._bin_of_video[np.arange(len(scores)), bins] = scores - is_fake

    def of_set(self) -> dict[str, float]:
        """Compute every figure of the set itself."""
        figures = self(np.ones((1, len(self._order)), np.intp))
        return {name: float(values[0]) for name, values in figures.items()}

    def areas_under_roc(self, counts: NDArray[np.integer]) -> Floats:
        """Compute 'auc' alone; see `__call__`."""
        fakes, reals = self._count_steps(counts[:, self._order].astype(np.float64))
        with np.errstate(invalid='ignore'):
            return _area_under_roc(fakes, reals, np.cumsum(fakes, axis=1))

    def __call__(self, counts: NDArray[np.integer]) -> dict[str, Floats]:
        """Compute every figure of `FIGURES`.

        Args:
            counts: (R, N) how often video n is in resample r.

        Returns:
            (R,) each; nan where a resample lacks a class, except for 'acc', 'brier'
            and 'ece'.
        """
        weights = counts[:, self._order].astype(np.float64)
        num_videos = weights.sum(axis=1)
        fakes, reals = self._count_steps(weights)
        with np.errstate(invalid='ignore', divide='ignore'):
            correct, squares = (weights @ self._per_video).T / num_videos
            gaps = np.abs(weights @ self._bin_of_video).sum(axis=1) / num_videos
            figures = _rank(fakes, reals)
        figures |= {'acc': correct, 'brier': squares, 'ece': gaps}
        return {name: figures[name] for name in FIGURES}

    def _count_steps(self, counts: Floats) -> tuple[Floats, Floats]:
        """Count the fakes and the reals of each step of the ROC curve: (R, P) each."""
        fakes = counts * self._is_fake
        reals = counts - fakes
        if self._step_starts is None:
            return fakes, reals
        return (
            np.add.reduceat(fakes, self._step_starts, axis=1),
            np.add.reduceat(reals, self._step_starts, axis=1),
        )


def _area_under_roc(fakes: Floats, reals: Floats, fakes_upto: Floats) -> Floats:
    # A fake and a real of one step are a tie, which counts one half.
    ordered = _dot(reals, fakes_upto) - _dot(reals, fakes) / 2
    area: Floats = ordered / (fakes_upto[:, -1] * reals.sum(axis=1))
    return area


def _rank(fakes: Floats, reals: Floats) -> dict[str, Floats]:
    """Compute the figures of the ROC curve from its steps' counts: (R, P) each."""
    fakes_upto, reals_upto = (np.cumsum(each, axis=1) for each in (fakes, reals))
    num_fakes, num_reals = fakes_upto[:, -1], reals_upto[:, -1]
    # Before its first video a resample calls nothing fake: any divisor will do.
    called = np.maximum(fakes_upto + reals_upto, 1)
    gained = _dot(fakes, np.divide(fakes_upto, called, out=called))
    # Where a class is absent, 0 / 0 is the nan that is wanted.
    figures = {
        'auc': _area_under_roc(fakes, reals, fakes_upto),
        'ap': gained / np.where(num_reals > 0, num_fakes, np.nan),
        'eer': _equal_error_rate(fakes_upto, reals_upto),
    }
    for name, limit in RATE_LIMITS.items():
        # Counts grow along the steps: the last one within the limit finds the most.
        within = _count_upto(reals_upto, limit * num_reals)
        found = np.where(within > 0, _take(fakes_upto, within - 1), 0)
        figures[name] = found / np.where(num_reals > 0, num_fakes, np.nan)
    return figures


def _dot(a: Floats, b: Floats) -> Floats:
    products: Floats = np.einsum('rp,rp->r', a, b)
    return products


def _count_upto(rising: Floats, limits: Floats) -> NDArray[np.intp]:
    """Count the values of each rising row up to its limit: (R, P) -> (R,)."""
    pairs = zip(rising, limits, strict=True)
    return np.array(
        [np.searchsorted(row, limit, side='right') for row, limit in pairs], np.intp
    )


def _take(values: Floats, indices: NDArray[np.intp]) -> Floats:
    """Take one value of each row; a negative index takes the first."""
    taken: Floats = values[np.arange(len(values)), np.maximum(indices, 0)]
    return taken


def _equal_error_rate(fakes_upto: Floats, reals_upto: Floats) -> Floats:
    """Walk each curve, from (0, 0) on, to where FPR = 1 - TPR; (R, P) -> (R,)."""
    num_fakes, num_reals = fakes_upto[:, -1], reals_upto[:, -1]
    # FPR + TPR, times the number of pairs: it rises along the curve from 0 to twice it.
    risen = fakes_upto * num_reals[:, None]
    risen += reals_upto * num_fakes[:, None]
    pairs = num_fakes * num_reals
    after = _count_upto(risen, np.nextafter(pairs, 0))
    after = np.minimum(after, fakes_upto.shape[1] - 1)
    before = after - 1
    x1, y1 = _take(reals_upto, after) / num_reals, _take(fakes_upto, after) / num_fakes
    x0 = np.where(before < 0, 0, _take(reals_upto, before)) / num_reals
    y0 = np.where(before < 0, 0, _take(fakes_upto, before)) / num_fakes
    share = (1 - x0 - y0) / ((x1 + y1) - (x0 + y0))
    rates: Floats = x0 + share * (x1 - x0)
    return rates
