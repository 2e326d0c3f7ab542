"""Reliability curve: the fraction of fakes among videos of similar score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .report_plots import FAKE_COLOUR, GREY, save_figure

_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Reliability:
    """Videos in bins of their score, see `evaluation.calibration.reliability_curve`.

    Attributes:
        mean_scores: (B,) mean P(fake) of each non-empty bin.
        fake_shares: (B,) fraction of fakes among its videos.
        num_videos: (B,) number of its videos.
        brier: Brier score of all videos.
        ece: expected calibration error of all videos.
    """

    mean_scores: Sequence[float] | NDArray[np.float64]
    fake_shares: Sequence[float] | NDArray[np.float64]
    num_videos: Sequence[int] | NDArray[np.intp]
    brier: float
    ece: float


def share_intervals(reliability: Reliability) -> NDArray[np.float64]:
    """Return Wilson's 95% interval of each bin's fraction of fakes: (B, 2)."""
    from scipy.stats import binomtest

    intervals = []
    for share, count in zip(
        reliability.fake_shares, reliability.num_videos, strict=True
    ):
        test = binomtest(round(float(share) * int(count)), int(count))
        ends = test.proportion_ci(confidence_level=_CONFIDENCE, method='wilson')
        intervals.append((ends.low, ends.high))
    return np.array(intervals, dtype=np.float64).reshape(-1, 2)


def plot_reliability(reliability: Reliability, out_png: str | Path) -> None:
    """Draw the curve with interval and number of videos of each bin."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2, 4.8), layout='constrained')
    axes, count_axes = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1))
    scores = 100 * np.asarray(reliability.mean_scores)
    shares = 100 * np.asarray(reliability.fake_shares)
    ends = 100 * share_intervals(reliability)
    axes.plot((0, 100), (0, 100), color=GREY, linestyle=':', linewidth=1)
    # Rounding may put 0 or 1 outside their own interval by 1e-17.
    reach = np.abs(ends.T - shares).clip(min=0)
    axes.errorbar(
        scores, shares, reach, color=FAKE_COLOUR, marker='o', ms=4, linewidth=1
    )
    axes.set(ylabel='fakes among them, %', ylim=(-3, 103), xlim=(-3, 103))
    axes.set_title(
        f'Reliability: Brier {reliability.brier:.3f}, ECE {100 * reliability.ece:.1f}%',
        loc='left',
        fontsize=10,
    )
    count_axes.vlines(scores, 0, reliability.num_videos, color=GREY, linewidth=4)
    count_axes.set(ylabel='videos', xlabel='P(fake) of a bin of videos, %')
    count_axes.set_ylim(bottom=0)
    for one in (axes, count_axes):
        one.spines[['top', 'right']].set_visible(False)
    save_figure(figure, out_png)
