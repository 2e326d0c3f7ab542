"""AUC by level of corruption: one panel per corruption, one line per model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .report_plots import GREY, LINE_COLOURS, LINE_STYLES, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NUM_COLUMNS = 4


@dataclass(frozen=True)
class RobustnessCurve:
    """One model under one corruption.

    Attributes:
        levels: of the points; 0 is the original video.
        aucs: in 0..1, one per level; nan is skipped.
        lows: lower ends of their intervals, or nan.
        highs: upper ends.
    """

    model: str
    corruption: str
    levels: Sequence[int]
    aucs: Sequence[float]
    lows: Sequence[float]
    highs: Sequence[float]


def plot_robustness(curves: Sequence[RobustnessCurve], out_png: str | Path) -> None:
    """Draw all curves with their intervals as shaded areas."""
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(curve.corruption for curve in curves))
    models = list(dict.fromkeys(curve.model for curve in curves))
    if not names:
        return
    num_columns = min(_NUM_COLUMNS, len(names))
    num_rows = math.ceil(len(names) / num_columns)
    figure = Figure(
        figsize=(3 * num_columns + 0.5, 2.4 * num_rows + 0.8), layout='constrained'
    )
    panels = figure.subplots(
        num_rows, num_columns, sharex=True, sharey=True, squeeze=False
    ).ravel()
    for axes, name in zip(panels, names, strict=False):
        axes.set_title(name.replace('_', ' '), fontsize=10)
        axes.axhline(50, color=GREY, linewidth=0.8, linestyle=':')
        for index, model in enumerate(models):
            for curve in curves:
                if (curve.model, curve.corruption) == (model, name):
                    _draw(axes, curve, index)
        axes.spines[['top', 'right']].set_visible(False)
        axes.set_xticks(range(6))
    for axes in panels[len(names) :]:
        axes.set_visible(False)
    figure.supxlabel('level (0: as it is)', fontsize=10)
    figure.supylabel('video-level AUC, %', fontsize=10)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc='outside upper left', frameon=False, ncols=3)
    save_figure(figure, out_png)


def _draw(axes: Axes, curve: RobustnessCurve, index: int) -> None:
    colour = LINE_COLOURS[index % len(LINE_COLOURS)]
    aucs, lows, highs = (
        [100 * value for value in values]
        for values in (curve.aucs, curve.lows, curve.highs)
    )
    axes.fill_between(curve.levels, lows, highs, color=colour, alpha=0.12, linewidth=0)
    axes.plot(
        curve.levels,
        aucs,
        color=colour,
        linestyle=LINE_STYLES[index % len(LINE_STYLES)],
        marker='o',
        markersize=3,
        label=curve.model,
    )


def plot_levels(
    original: NDArray[np.uint8],
    rows: Sequence[tuple[str, Sequence[NDArray[np.uint8]]]],
    out_png: str | Path,
) -> None:
    """Draw rows of a title and frames, (H, W, 3) RGB, each after the original frame."""
    from matplotlib.figure import Figure

    num_columns = 1 + max(len(frames) for _, frames in rows)
    row_height = 1.5 * original.shape[0] / original.shape[1] + 0.3
    figure = Figure(figsize=(1.5 * num_columns, len(rows) * row_height))
    figure.subplots_adjust(0, 0, 1, 1 - 0.25 / (len(rows) * row_height), 0.02, 0.2)
    panels = figure.subplots(len(rows), num_columns, squeeze=False)
    for line, (text, frames) in zip(panels, rows, strict=True):
        for axes in line:
            axes.set_axis_off()
        for axes, frame in zip(line, (original, *frames), strict=False):
            axes.imshow(frame)
        line[0].set_title(text, fontsize=8, loc='left', pad=2)
    save_figure(figure, out_png)
