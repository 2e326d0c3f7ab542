"""Regions of positions that share a basis filter, and the taps of the filters.

Fig. 4 of RATF's paper shows the regions; the taps are ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from .evidence import BasisRegions
from .overlays import overlay_regions, region_colours

_WIDTHS = (1.0, 1.0, 1.7)  # of frame, regions and taps


@dataclass(frozen=True)
class RegionImage:
    """One snippet with the regions of one RATF.

    Attributes:
        frame: (H, W, 3) uint8, one frame of the snippet.
        regions: of its video.
    """

    name: str
    frame: NDArray[np.uint8]
    regions: BasisRegions
    snippet_index: int

    def paint(self) -> NDArray[np.uint8]:
        """Colour the frame by region: (H, W, 3) uint8."""
        chosen = self.regions.chosen_at_frame_size()[self.snippet_index]
        return overlay_regions(
            self.frame[None], chosen[None], num_regions=self.regions.weights.shape[1]
        )[0]

    def shares(self) -> NDArray[np.float64]:
        """Return the fraction of positions with each filter: (R,)."""
        chosen = self.regions.chosen[self.snippet_index]
        num_regions = self.regions.weights.shape[1]
        return np.bincount(chosen.ravel(), minlength=num_regions) / chosen.size


def plot_regions(blocks: Mapping[str, Sequence[RegionImage]], *, title: str) -> Figure:
    """Draw named blocks of equally many rows: a frame, its regions and the taps."""
    num_rows = max(map(len, blocks.values()))
    figure = Figure(
        figsize=(0.7 + 3.9 * len(blocks), 0.9 + 1.12 * num_rows), layout='constrained'
    )
    parts = figure.subfigures(1, len(blocks), squeeze=False)[0]
    for part, (name, rows) in zip(parts, blocks.items(), strict=True):
        part.suptitle(name, fontsize=8, weight='bold')
        grid = part.subplots(num_rows, 3, squeeze=False, width_ratios=_WIDTHS)
        for (left, middle, right), row in zip(grid, rows, strict=True):
            left.imshow(row.frame)
            middle.imshow(row.paint())
            for axes in (left, middle):
                axes.set(xticks=[], yticks=[])
                axes.spines[:].set_visible(False)
            left.set_ylabel(row.name, fontsize=8)
            draw_taps(right, row)
            right.set_ylabel('tap', fontsize=6.5, labelpad=1)
        for axes, text in zip(grid[0], ('one frame', 'regions', 'taps'), strict=True):
            axes.set_title(text, fontsize=7)
        reach = rows[0].regions.taps.shape[-1] // 2
        grid[-1][2].set_xlabel(
            'filter and its share of the positions;\n'
            f'bars: its taps on the frames t-{reach} to t+{reach}',
            fontsize=6.5,
        )
    figure.suptitle(title, fontsize=9, x=0.01, ha='left')
    return figure


def draw_taps(axes: Axes, row: RegionImage) -> None:
    """Draw each filter's K taps as bars: mean and standard deviation over channels."""
    taps = row.regions.taps[row.snippet_index]  # (C, R, K)
    means, deviations, shares = taps.mean(axis=0), taps.std(axis=0), row.shares()
    num_filters, num_taps = means.shape
    colours = region_colours(num_filters)
    offsets = 0.8 * ((np.arange(num_taps) + 0.5) / num_taps - 0.5)
    for index, colour in enumerate(colours):
        axes.bar(
            index + offsets,
            means[index],
            width=0.72 / num_taps,
            color=colour,
            # A filter without positions is drawn pale.
            alpha=1 if shares[index] else 0.3,
            yerr=deviations[index],
            error_kw=dict(linewidth=0.5, ecolor='0.3'),
        )
    axes.axhline(0, color='0.3', linewidth=0.6)
    percent = [f'{index}\n{100 * share:.0f}%' for index, share in enumerate(shares)]
    axes.set_xticks(range(num_filters), percent, fontsize=6)
    axes.tick_params(axis='y', labelsize=6)
    axes.spines[['top', 'right']].set_visible(False)
