"""Plot the scores of a video's faces over time."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .report_plots import DPI, FAKE_COLOUR, GREY, LINE_COLOURS, tidy

_FACE_COLOURS = LINE_COLOURS[1:]  # the first one means fake
_NUM_COLOURED = len(_FACE_COLOURS)  # further faces are grey
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
    threshold: float,
    lower_threshold: float | None = None,
    duration_seconds: float,
    is_calibrated: bool = True,
) -> bytes:
    """Draw snippets as dots, windows as bars, and the thresholds; return a PNG.

    The first five faces have a colour each. Scores from `lower_threshold` on are
    uncertain; None for no such band.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.5, 3.4), layout='constrained')
    axes = figure.subplots()
    top = max(1.0, threshold)
    axes.axhspan(threshold, top + 0.03, color=FAKE_COLOUR, alpha=0.07, linewidth=0)
    axes.axhline(threshold, color='black', linestyle='--', linewidth=1)
    if lower_threshold is not None and lower_threshold < threshold:
        axes.axhspan(lower_threshold, threshold, color=GREY, alpha=0.15, linewidth=0)
        axes.annotate(
            f'uncertain from {lower_threshold:.3g} on', (1, lower_threshold), **_LABEL
        )
    state = '' if is_calibrated else ' (not calibrated)'
    axes.annotate(
        f'signs of manipulation from {threshold:.3g} on{state}',
        (1, threshold),
        **_LABEL,
    )
    num_dots = sum(len(face.times_seconds) for face in faces)
    for index, face in reversed(list(enumerate(faces))):
        is_named = index < _NUM_COLOURED
        _draw_face(
            axes,
            face,
            _FACE_COLOURS[index] if is_named else GREY,
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


def _draw_face(
    axes: object, face: FaceLine, colour: str, *, name: str | None, with_dots: bool
) -> None:
    if with_dots:
        style = dict(color=colour, alpha=0.55, markersize=3.5, markeredgewidth=0)
        axes.plot(face.times_seconds, face.fake_scores, 'o', **style)
    style = dict(color=colour, linewidth=3, solid_capstyle='butt')
    for start, end, score in face.windows:
        axes.plot((start, end), (score, score), label=name, **style)
        name = None  # one legend entry per face
