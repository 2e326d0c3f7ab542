"""The plots of a run's report: its training, and its scores of videos.

Drawn without a display or global state of matplotlib. Colours are Okabe and Ito's, for
colour-blind readers; lines also differ in their dashes.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmdeepfake.errors import DataError
from mmdeepfake.files.atomic_write import replace_bytes

from .training_log import METRIC_PREFIX, TrainingLog, read_training_log

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]

REAL_COLOUR = '#0072B2'
FAKE_COLOUR = '#D55E00'
UNCERTAIN_COLOUR = '#7A6A00'
LINE_COLOURS = ('#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#000000')
LINE_STYLES = ('-', '--', '-.', ':')
GREY = '0.55'
DPI = 120
_NUM_BINS = 20  # an edge is at the usual threshold, 0.5
_MAX_TICKS = 500  # more scores would merge into one bar


@dataclass(frozen=True)
class ScoreRow:
    """Scores of one kind of video for the histogram, (M,) P(fake)."""

    name: str
    is_fake: bool
    fake_scores: Floats


@dataclass(frozen=True)
class RocLine:
    """One ROC curve: its name, AUC and points (P,), as fractions."""

    name: str
    auc: float
    false_positive_rate: Floats
    true_positive_rate: Floats


def plot_training_curve(
    scalars_json: str | Path | Sequence[str | Path], out_png: str | Path
) -> None:
    """Draw training loss, validation metrics and learning rate over iterations.

    The logs are those of MMEngine's `LocalVisBackend`, see `read_training_log`.
    """
    from matplotlib.figure import Figure

    paths = [scalars_json] if isinstance(scalars_json, str | Path) else scalars_json
    log = read_training_log(paths)
    if not log.train:
        raise DataError(
            f'{", ".join(map(str, paths))}: no training iteration; was the run shorter '
            'than the logger interval?'
        )
    figure = Figure(figsize=(8, 6.5), layout='constrained')
    loss_axes, val_axes, lr_axes = figure.subplots(
        3, 1, sharex=True, height_ratios=(3, 3, 1.2)
    )
    _draw_loss(loss_axes, log)
    _draw_validation(val_axes, log)
    steps, rates = _series(log.train, 'lr')
    lr_axes.plot(steps, rates, color=GREY, drawstyle='steps-post')
    lr_axes.set(ylabel='learning rate', xlabel='training iteration')
    lr_axes.set_ylim(bottom=0)
    for axes in (loss_axes, val_axes, lr_axes):
        tidy(axes)
    save_figure(figure, out_png)


def plot_scores(
    rows: Sequence[ScoreRow],
    curves: Sequence[RocLine],
    out_png: str | Path,
    *,
    threshold: float = 0.5,
) -> None:
    """Draw histograms of the scores, and the ROC curves.

    Videos with a score of at least `threshold` are called fake.
    """
    from matplotlib.figure import Figure

    height = max(4.2, 1.2 + 0.75 * len(rows))
    figure = Figure(figsize=(10.5, height), layout='constrained')
    score_axes, roc_axes = figure.subplots(1, 2, width_ratios=(1.35, 1))
    _draw_histograms(score_axes, rows, threshold)
    _draw_roc(roc_axes, curves)
    save_figure(figure, out_png)


def _series(
    points: Iterable[tuple[int, dict[str, float]]], name: str
) -> tuple[Floats, Floats]:
    """Return steps and values of one scalar where it is logged and finite."""
    pairs = [
        (step, scalars[name])
        for step, scalars in points
        if np.isfinite(scalars.get(name, np.nan))
    ]
    array = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    return array[:, 0], array[:, 1]


def _draw_loss(axes: Axes, log: TrainingLog) -> None:
    steps, losses = _series(log.train, 'loss')
    window = max(1, len(losses) // 20)
    marker = '.' if len(losses) < 30 else ''
    axes.plot(steps, losses, c=GREY, linewidth=0.8, marker=marker, label='as logged')
    if window > 1:
        smooth = np.convolve(losses, np.ones(window) / window, mode='valid')
        label = f'mean of the last {window} points'
        axes.plot(steps[window - 1 :], smooth, c=REAL_COLOUR, label=label)
        axes.legend(frameon=False)
    axes.set(ylabel='training loss', ylim=(0, 1.05 * losses.max(initial=1e-9)))


def _draw_validation(axes: Axes, log: TrainingLog) -> None:
    axes.set(ylabel='validation, %')
    steps, aucs = _series(log.val, METRIC_PREFIX + 'auc')
    if not len(aucs):
        axes.text(
            0.5, 0.5, 'no validation was logged', transform=axes.transAxes, ha='center'
        )
        axes.set_yticks([])
        return
    axes.axhline(50, color=GREY, linestyle=':', linewidth=1)
    low_steps, low = _series(log.val, METRIC_PREFIX + 'auc_low')
    _, high = _series(log.val, METRIC_PREFIX + 'auc_high')
    if len(low) == len(high):
        label = '95% interval of the AUC'
        style = dict(color=FAKE_COLOUR, alpha=0.15, linewidth=0, label=label)
        axes.fill_between(low_steps, 100 * low, 100 * high, **style)
    axes.plot(steps, 100 * aucs, 'o-', c=FAKE_COLOUR, ms=4, label='AUC of all videos')
    steps_of_acc, accs = _series(log.val, METRIC_PREFIX + 'acc')
    label = 'ACC of all videos'
    axes.plot(steps_of_acc, 100 * accs, 's--', c=REAL_COLOUR, ms=3, label=label)
    _, entropies = _series(log.val, METRIC_PREFIX + 'cross_entropy')
    best = find_best(aucs, entropies)
    axes.plot(
        steps[best],
        100 * aucs[best],
        marker='*',
        ms=14,
        color=FAKE_COLOUR,
        markeredgecolor='white',
        linestyle='none',
        label=f'best AUC {100 * aucs[best]:.1f} at iteration {steps[best]:.0f}',
    )
    axes.legend(edgecolor='none', framealpha=0.85, ncols=2)


def find_best(aucs: Floats, entropies: Floats) -> int:
    """Return the place of the best AUC, among equals that which a run keeps.

    Args:
        aucs: (n,) of the validations.
        entropies: (n,) cross-entropies, the lowest of which wins, then the last;
            another length counts as none.
    """
    ties = -entropies if len(entropies) == len(aucs) else np.zeros(len(aucs))
    return int(np.lexsort([np.arange(len(aucs)), ties, aucs])[-1])


def _draw_histograms(axes: Axes, rows: Sequence[ScoreRow], threshold: float) -> None:
    """Draw one ridge per row, each scaled to its highest bin."""
    edges = np.linspace(0, 1, _NUM_BINS + 1)
    for index, row in enumerate(rows):
        floor = len(rows) - 1 - index
        colour = FAKE_COLOUR if row.is_fake else REAL_COLOUR
        counts, _ = np.histogram(row.fake_scores, bins=edges)
        heights = floor + 0.72 * counts / max(1, counts.max())
        axes.stairs(heights, edges, baseline=floor, fill=True, color=colour, alpha=0.35)
        axes.stairs(heights, edges, baseline=floor, color=colour, linewidth=1)
        if len(row.fake_scores) <= _MAX_TICKS:
            ticks = np.full(len(row.fake_scores), floor - 0.07)
            axes.plot(row.fake_scores, ticks, '|', color=colour, ms=5, alpha=0.5)
        called_fake = row.fake_scores >= threshold
        right = called_fake.mean() if row.is_fake else 1 - called_fake.mean()
        # Of this row's videos only; the ACC of a table includes the real ones.
        called = f'{100 * right:.0f}% called {"fake" if row.is_fake else "real"}'
        axes.text(1.02, floor + 0.25, called, va='center')
    axes.axvline(threshold, color='black', linestyle='--', linewidth=1)
    axes.text(threshold, len(rows) - 0.1, f' fake from {threshold:g} on', va='bottom')
    axes.set_yticks(
        [len(rows) - 1 - index + 0.25 for index in range(len(rows))],
        [f'{row.name}\n({len(row.fake_scores)} videos)' for row in rows],
    )
    axes.set(xlim=(-0.02, 1.32), ylim=(-0.2, len(rows) + 0.15), xlabel='P(fake)')
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.set_title('Scores of the videos', loc='left')
    axes.tick_params(axis='y', length=0)
    axes.spines[['left', 'top', 'right']].set_visible(False)


def _draw_roc(axes: Axes, curves: Sequence[RocLine]) -> None:
    axes.plot((0, 100), (0, 100), color=GREY, linewidth=1, linestyle=':')
    for index, curve in enumerate(curves):
        axes.plot(
            100 * curve.false_positive_rate,
            100 * curve.true_positive_rate,
            color=LINE_COLOURS[index % len(LINE_COLOURS)],
            linestyle=LINE_STYLES[index % len(LINE_STYLES)],
            label=f'{curve.name}, AUC {100 * curve.auc:.1f}',
        )
    axes.set(
        xlabel='reals called fake, %', ylabel='fakes found, %',
        xlim=(-2, 102), ylim=(-2, 102), aspect='equal',
    )  # fmt: skip
    axes.set_title('ROC', loc='left')
    if curves:
        axes.legend(frameon=False, loc='lower right')
    tidy(axes)


def tidy(axes: Axes) -> None:
    """Draw a grid behind the curves and no top and right spine."""
    axes.grid(color='0.9', linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[['top', 'right']].set_visible(False)


def save_figure(figure: Figure, out_png: str | Path) -> None:
    """Write the figure as PNG atomically."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format='png', dpi=DPI)
    replace_bytes(out_png, buffer.getvalue())
