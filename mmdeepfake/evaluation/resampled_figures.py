"""All figures of many bootstrap resamples at once, sorting the videos a single time."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .calibration import NUM_BINS, bins_of

Floats = NDArray[np.float64]

# What a row of the table can hold, in its order; see `ranking` and `calibration`.
RATE_LIMITS = {'tpr_at_1': 0.01, 'tpr_at_01': 0.001}
FIGURES = ('acc', 'auc', 'eer', 'ap', *RATE_LIMITS, 'brier', 'ece')


class ResampledFigures:
    """Computes the figures of resamples of one set of videos.

    Each figure is that of `ranking` or `calibration` on the resample, which holds video
    n as often as its count says. Calling it costs about 20 passes over the counts.

    Args:
        labels: (N,), 0 = real, 1 = fake.
        fake_scores: (N,), in [0, 1].
        threshold: of the accuracy.
        ranks: (N,) what the videos are ordered by, where scores round it.
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

    def __call__(self, counts: NDArray[np.integer]) -> dict[str, Floats]:
        """Compute every figure of `FIGURES`.

        Args:
            counts: (R, N) how often resample r holds video n.

        Returns:
            (R,) each; nan where a resample lacks a class, except for 'acc', 'brier'
            and 'ece'.
        """
        counts = counts[:, self._order].astype(np.float64)
        num_videos = counts.sum(axis=1)
        fakes = counts * self._is_fake
        reals = counts - fakes
        if self._step_starts is not None:
            fakes, reals = (
                np.add.reduceat(each, self._step_starts, axis=1)
                for each in (fakes, reals)
            )
        with np.errstate(invalid='ignore', divide='ignore'):
            correct, squares = (counts @ self._per_video).T / num_videos
            gaps = np.abs(counts @ self._bin_of_video).sum(axis=1) / num_videos
            figures = _rank(fakes, reals)
        figures |= {'acc': correct, 'brier': squares, 'ece': gaps}
        return {name: figures[name] for name in FIGURES}


def _rank(fakes: Floats, reals: Floats) -> dict[str, Floats]:
    """Figures of the ROC curve from the counts at each of its steps: (R, P) each."""
    fakes_upto, reals_upto = (np.cumsum(each, axis=1) for each in (fakes, reals))
    num_fakes, num_reals = fakes_upto[:, -1], reals_upto[:, -1]
    # A fake and a real of one step are a tie, which counts one half.
    ordered = _dot(reals, fakes_upto) - _dot(reals, fakes) / 2
    # Before its first video a resample has called nobody: any divisor does.
    called = np.maximum(fakes_upto + reals_upto, 1)
    gained = _dot(fakes, np.divide(fakes_upto, called, out=called))
    # Where a class is absent, 0 / 0 is the nan that is wanted.
    figures = {
        'auc': ordered / (num_fakes * num_reals),
        'ap': gained / np.where(num_reals > 0, num_fakes, np.nan),
        'eer': _equal_error_rate(fakes_upto, reals_upto),
    }
    for name, limit in RATE_LIMITS.items():
        # Counts grow along the steps: the last one within the limit finds most.
        within = _count_upto(reals_upto, limit * num_reals)
        found = np.where(within > 0, _take(fakes_upto, within - 1), 0)
        figures[name] = found / np.where(num_reals > 0, num_fakes, np.nan)
    return figures


def _dot(a: Floats, b: Floats) -> Floats:
    products: Floats = np.einsum('rp,rp->r', a, b)
    return products


def _count_upto(rising: Floats, limits: Floats) -> NDArray[np.intp]:
    """How many values of each rising row are not above its limit: (R, P) -> (R,)."""
    pairs = zip(rising, limits, strict=True)
    return np.array(
        [np.searchsorted(row, limit, side='right') for row, limit in pairs], np.intp
    )


def _take(values: Floats, places: NDArray[np.intp]) -> Floats:
    """Take one value of each row; a place before the first gives the first."""
    taken: Floats = values[np.arange(len(values)), np.maximum(places, 0)]
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
