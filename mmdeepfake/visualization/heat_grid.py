"""Rows of frames with heat maps: Figs. 3 and 5 of RATF's paper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from numpy.typing import NDArray

from .overlays import HEAT_COLOURS

_CELL_INCHES = 0.95


@dataclass(frozen=True)
class ImageRow:
    """One row of images with its name.

    Attributes:
        name: written to its left; may have several lines.
        pictures: N of (H, W, 3) uint8 RGB, or (H, W) in 0..1 drawn in grey.
    """

    name: str
    pictures: Sequence[NDArray]


def plot_image_rows(
    rows: Sequence[ImageRow],
    *,
    title: str,
    column_names: Sequence[str],
    gap_after: int | None = None,
) -> Figure:
    """Draw rows of equally many images, and the colour scale of the heat.

    `gap_after` is the number of columns before a gap.
    """
    num_columns = len(rows[0].pictures)
    widths = [1.0] * num_columns
    if gap_after:
        widths.insert(gap_after, 0.12)
    figure = Figure(
        figsize=(
            1.35 + _CELL_INCHES * sum(widths),
            0.45 + 0.15 * len(title.splitlines()) + _CELL_INCHES * len(rows),
        ),
        layout='constrained',
    )
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, hspace=0.01, wspace=0.01)
    grid = figure.subplots(len(rows), len(widths), squeeze=False, width_ratios=widths)
    for index, (axes_row, row) in enumerate(zip(grid, rows, strict=True)):
        cells = list(axes_row)
        if gap_after:
            cells.pop(gap_after).axis('off')
        for column, (axes, picture) in enumerate(zip(cells, row.pictures, strict=True)):
            grey = dict(cmap='gray', vmin=0, vmax=1) if picture.ndim == 2 else {}
            axes.imshow(picture, interpolation='nearest', **grey)
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
            if index == 0:
                axes.set_title(column_names[column], fontsize=8)
        cells[0].set_ylabel(
            row.name, fontsize=8, rotation=0, ha='right', va='center', labelpad=6
        )
    bar = figure.colorbar(
        ScalarMappable(cmap=colormaps[HEAT_COLOURS]),
        ax=grid, location='right', shrink=0.6, aspect=25, pad=0.01,
    )  # fmt: skip
    bar.set_label('evidence for fake; 1: maximum of a row and video', fontsize=7)
    bar.ax.tick_params(labelsize=7)
    figure.suptitle(title, fontsize=9, x=0.01, ha='left')
    return figure


def spread(num_wanted: int, num_there: int) -> NDArray[np.int64]:
    """Return `num_wanted` evenly spaced indices below `num_there`, ends included."""
    return np.linspace(0, num_there - 1, num_wanted).round().astype(np.int64)


def find_peak_snippet(raw: NDArray[np.float32], *, clip_len: int) -> int:
    """Return the index of the snippet with the most heat in maps (S*T, h, w)."""
    by_snippet = raw.reshape(-1, clip_len, *raw.shape[1:])
    return int(by_snippet.mean(axis=(1, 2, 3)).argmax())


def scale_to_peak(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """Divide heat maps by their maximum, as the paper's figures seem to."""
    peak = maps.max()
    return maps / peak if peak > 0 else maps
