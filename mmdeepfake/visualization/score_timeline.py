"""Draw the scores of a video's faces over time, as SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .html_page import render_page
from .report_plots import FAKE_COLOUR, REAL_COLOUR, UNCERTAIN_COLOUR

# Neither orange nor blue, which mean fake and real; further faces are grey. Each with
# the path of its dots: a disc, a square, a triangle and a diamond.
_FACE_STYLES = (
    ('#009E73', 'm-2.5 0a2.5 2.5 0 1 0 5 0a2.5 2.5 0 1 0-5 0'),
    ('#CC79A7', 'm-2.3-2.3h4.6v4.6h-4.6z'),
    ('#000000', 'm0-3l3 5h-6z'),
    ('#6A3D9A', 'm0-3l3 3-3 3-3-3z'),
)
_OTHER_STYLE = ('#8c8c8c', 'm-1-1h2v2h-2z')
# Left and right end of the time axis, as fractions of the picture's width.
PLOT_SPAN = (0.07, 0.85)
_WIDTH, _HEIGHT = 1050, 340
_TOP, _BOTTOM = 14, 286
_MARGIN = 0.03  # of the scores, below 0 and above the highest
_MAX_DOTS = 2000  # of all faces; more would merge
_MAX_STEPS = 8  # of the time axis


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
    """Draw snippets as dots, windows as bars, and the thresholds; return an SVG.

    The first four faces have a colour and a shape each. Scores from `lower_threshold`
    on are uncertain; None for no such band. Without a threshold nothing is judged.
    """
    left, right = (round(share * _WIDTH, 1) for share in PLOT_SPAN)
    duration = max(duration_seconds, 1e-3)
    highest = max(1.0, threshold or 0)
    bands, levels = [], []
    if threshold is not None:
        lower = threshold if lower_threshold is None else lower_threshold
        lower = min(lower, threshold)
        bands = [
            (-_MARGIN, lower, REAL_COLOUR),
            (lower, threshold, UNCERTAIN_COLOUR),
            (threshold, highest + _MARGIN, FAKE_COLOUR),
        ]
        state = '' if is_calibrated else ' (not calibrated)'
        text = f'signs of manipulation from {threshold:.3g} on{state}'
        levels = [(threshold, text, True)]
        if lower < threshold:
            levels.append((lower, f'uncertain from {lower:.3g} on', False))
    with_dots = sum(len(face.times_seconds) for face in faces) <= _MAX_DOTS
    lines = [_style(index, face, with_dots) for index, face in enumerate(faces)]
    step = _choose_step(duration)

    def y(score: float) -> float:
        share = (score + _MARGIN) / (highest + 2 * _MARGIN)
        return round(_BOTTOM - share * (_BOTTOM - _TOP), 1)

    return render_page(
        'timeline.svg',
        width=_WIDTH, height=_HEIGHT,
        left=left, right=right, top=_TOP, bottom=_BOTTOM,
        x=lambda time: round(left + min(time / duration, 1) * (right - left), 1), y=y,
        times=[step * index for index in range(int(duration / step) + 1)],
        scores=[index / 5 for index in range(6)],
        bands=bands, levels=levels, lines=lines,
    ).encode()  # fmt: skip


def _style(index: int, face: FaceLine, with_dots: bool) -> dict[str, Any]:
    is_named = index < len(_FACE_STYLES)
    colour, dot = _FACE_STYLES[index] if is_named else _OTHER_STYLE
    pairs = zip(face.times_seconds, face.fake_scores, strict=True)
    return {
        'name': face.name if is_named else '',
        'colour': colour,
        'dot': dot,
        'dots': [(float(t), float(s)) for t, s in pairs] if with_dots else [],
        'windows': face.windows,
    }


def _choose_step(duration_seconds: float) -> float:
    """Return 1, 2 or 5 times a power of ten."""
    ten = 10 ** math.floor(math.log10(duration_seconds / _MAX_STEPS))
    return next(
        ten * n for n in (1, 2, 5, 10) if duration_seconds <= ten * n * _MAX_STEPS
    )
