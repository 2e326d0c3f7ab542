"""Changes of two face regions from frame to frame, in a fake and its original.

Fig. 1 of RATF's paper: "the absolute change value of the region between adjacent
frames".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from .overlays import OKABE_ITO
from .report_plots import FAKE_COLOUR, REAL_COLOUR, tidy

_BOX_COLOURS = (OKABE_ITO[2], OKABE_ITO[3])


class Region(NamedTuple):
    """A box within the face, as fractions of its width and height."""

    left: float
    top: float
    right: float
    bottom: float

    def cut(self, frames: NDArray) -> NDArray:
        """Crop the box from frames, (F, H, W, 3)."""
        height, width = frames.shape[1:3]
        rows = slice(round(self.top * height), round(self.bottom * height))
        columns = slice(round(self.left * width), round(self.right * width))
        return frames[:, rows, columns]


def measure_changes(frames: NDArray[np.uint8], region: Region) -> NDArray[np.float64]:
    """Return the mean absolute difference of adjacent frames in a region: (F - 1,).

    It is an intensity, 0 to 255, averaged over the region's pixels and channels.
    """
    values = region.cut(frames).astype(np.float64)
    return np.abs(values[1:] - values[:-1]).mean(axis=(1, 2, 3))


def plot_changes(
    fake: NDArray[np.uint8],
    real: NDArray[np.uint8],
    regions: Mapping[str, Region],
    *,
    title: str,
    first_frame: int = 0,
) -> Figure:
    """Draw both videos with boxes, and each region's changes over time.

    Args:
        fake: (F, H, W, 3) uint8 consecutive frames.
        real: the same frames of its original.
        regions: two boxes by name.
        title: of the figure.
        first_frame: its index in the video.
    """
    figure = Figure(figsize=(7.2, 3.3), layout='constrained')
    images, curves = figure.subfigures(1, 2, width_ratios=(1, 2.4))
    for axes, (name, frames) in zip(
        images.subplots(2, 1), (('fake', fake), ('original', real)), strict=True
    ):
        _draw_boxed(axes, frames[len(frames) // 2], regions)
        axes.set_ylabel(name, fontsize=9)
    panels = curves.subplots(len(regions), 1, sharex=True, sharey=True)
    steps = first_frame + 1 + np.arange(len(fake) - 1)
    for axes, colour, (name, region) in zip(
        panels, _BOX_COLOURS, regions.items(), strict=True
    ):
        for frames, line_colour, style, label in (
            (fake, FAKE_COLOUR, '-', 'fake'),
            (real, REAL_COLOUR, '--', 'original'),
        ):
            changes = measure_changes(frames, region)
            axes.plot(steps, changes, style, c=line_colour, linewidth=1.3, label=label)
        axes.set_title(name, loc='left', fontsize=9, color=colour, weight='bold')
        tidy(axes)
        axes.tick_params(labelsize=8)
    panels[0].legend(
        frameon=False,
        fontsize=8,
        ncols=2,
        loc='lower right',
        bbox_to_anchor=(1, 0.97),  # above the panel
    )
    panels[0].set_ylim(bottom=0)
    panels[-1].set_xlabel('frame', fontsize=9)
    curves.supylabel('mean absolute difference\nto the frame before (of 255)', size=8.5)
    figure.suptitle(title, fontsize=10, x=0.01, ha='left')
    return figure


def _draw_boxed(
    axes: Axes, image: NDArray[np.uint8], regions: Mapping[str, Region]
) -> None:
    height, width = image.shape[:2]
    axes.imshow(image)
    axes.set(xticks=[], yticks=[])
    for (name, box), colour in zip(regions.items(), _BOX_COLOURS, strict=True):
        left, top = box.left * width - 0.5, box.top * height - 0.5
        size = ((box.right - box.left) * width, (box.bottom - box.top) * height)
        # White below the colour, so that the box shows on any image.
        for edge, line in (('white', 2.6), (colour, 1.4)):
            axes.add_patch(
                Rectangle((left, top), *size, fill=False, ec=edge, linewidth=line)
            )
        axes.text(
            left + size[0] + 1, top, name, color='white', fontsize=6, va='top',
            bbox=dict(facecolor=colour, edgecolor='none', pad=1),
        )  # fmt: skip
