"""Plot the scores of a video's faces over time."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .report_plots import (
    DPI,
    FAKE_COLOUR,
    GREY,
    REAL_COLOUR,
    UNCERTAIN_COLOUR,
    tidy,
)

# Neither orange nor blue, which mean fake and real; further faces are grey.
_FACE_STYLES = (('#009E73', 'o'), ('#CC79A7', 's'), ('#000000', '^'), ('#6A3D9A', 'D'))
# Left and right end of the time axis, as fractions of the picture's width.
PLOT_SPAN = (0.07, 0.85)
_MAX_DOTS = 2000  # of all faces; more would merge
_LABEL = dict(
    xycoords=('axes fraction', 'data'),
    xytext=(-4, 4),
    textcoords='offset points',
    ha='right',
    fontsize=9,
)


@dataclass(frozen=True)
class FaceLine:
    """The scores of one face.

    Attributes:
        name: for the legend.
        times_seconds: (N,) middle of each snippet; may be empty.
        fake_scores: (N,) its score.
        windows: (start, end, score) of each window.
    """

    name: str
    times_seconds: NDArray[np.float64]
    fake_scores: NDArray[np.float64]
    windows: Sequence[tuple[float, float, float]]


def draw_timeline(
    faces: Sequence[FaceLine],
    *,
    threshold: float | None,
    lower_threshold: float | None = None,
    duration_seconds: float,
    is_calibrated: bool = True,
) -> bytes:
    """Draw snippets as dots, windows as bars, and the thresholds; return a PNG.

    The first four faces have a colour and a shape each. Scores from `lower_threshold`
    on are uncertain; None for no such band. Without a threshold nothing is judged.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.5, 3.4))
    left, right = PLOT_SPAN
    axes = figure.add_axes((left, 0.16, right - left, 0.8))
    top = max(1.0, threshold or 0)
    if threshold is not None:
        state = '' if is_calibrated else ' (not calibrated)'
        _draw_scale(axes, threshold, lower_threshold, top=top, state=state)
    num_dots = sum(len(face.times_seconds) for face in faces)
    for index, face in reversed(list(enumerate(faces))):
        is_named = index < len(_FACE_STYLES)
        _draw_face(
            axes,
            face,
            *(_FACE_STYLES[index] if is_named else (GREY, '.')),
            name=face.name if is_named else None,
            with_dots=num_dots <= _MAX_DOTS,
        )
    axes.set(
        xlim=(0, max(duration_seconds, 1e-3)), ylim=(-0.03, top + 0.03),
        xlabel='time, seconds', ylabel='P(fake)',
    )  # fmt: skip
    tidy(axes)
    if faces:
        handles, labels = axes.get_legend_handles_labels()
        axes.legend(
            handles[::-1], labels[::-1],
            frameon=False, loc='center left', bbox_to_anchor=(1, 0.5),
        )  # fmt: skip
    buffer = io.BytesIO()
    figure.savefig(buffer, format='png', dpi=DPI)
    return buffer.getvalue()


def _draw_scale(
    axes: Any, threshold: float, lower: float | None, *, top: float, state: str
) -> None:
    """Draw the thresholds, and colour what lies below, between and above them."""
    lower = threshold if lower is None else min(lower, threshold)
    for low, high, colour in (
        (-0.03, lower, REAL_COLOUR),
        (lower, threshold, UNCERTAIN_COLOUR),
        (threshold, top + 0.03, FAKE_COLOUR),
    ):
        axes.axhspan(low, high, color=colour, alpha=0.09, linewidth=0)
    axes.axhline(threshold, color='black', linestyle='--', linewidth=1)
    if lower < threshold:
        axes.annotate(f'uncertain from {lower:.3g} on', (1, lower), **_LABEL)
    text = f'signs of manipulation from {threshold:.3g} on{state}'
    axes.annotate(text, (1, threshold), **_LABEL)


def _draw_face(
    axes: Any,
    face: FaceLine,
    colour: str,
    shape: str,
    *,
    name: str | None,
    with_dots: bool,
) -> None:
    if with_dots:
        style = dict(color=colour, alpha=0.55, markersize=3.5, markeredgewidth=0)
        axes.plot(face.times_seconds, face.fake_scores, shape, **style)
    style = dict(color=colour, linewidth=3, solid_capstyle='butt')
    for start, end, score in face.windows:
        axes.plot((start, end), (score, score), label=name, **style)
        name = None  # one legend entry per face
