"""The critical-difference diagram: average ranks, with a bar under equal ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .report_plots import GREY, save_figure

_LEVEL = 0.3  # height of a line of text, in axis units


def plot_critical_difference(
    names: Sequence[str],
    ranks: Sequence[float],
    groups: Sequence[Sequence[int]],
    critical_difference: float,
    out_png: str | Path,
) -> None:
    """Draw the ranks on a line, 1 at the right, as in Demsar (2006), Fig. 1.

    Args:
        names: (K,) of the detectors.
        ranks: (K,) average ranks.
        groups: indices of detectors that do not differ, each set below one bar.
        critical_difference: drawn to scale above the line.
        out_png: the file.
    """
    from matplotlib.figure import Figure

    num_models = len(names)
    order = sorted(range(num_models), key=lambda k: ranks[k])
    num_right = (num_models + 1) // 2
    depth = _LEVEL * (len(groups) + num_right + 1)
    figure = Figure(figsize=(7, 1.2 + 0.9 * depth), layout='constrained')
    axes = figure.subplots()
    axes.set_xlim(num_models + 0.05, 0.95)  # the best at the right
    axes.set_ylim(-depth, 0.9)
    axes.set_axis_off()
    axes.plot([1, num_models], [0, 0], color='black', linewidth=1)
    for rank in range(1, num_models + 1):
        axes.plot([rank, rank], [0, 0.1], color='black', linewidth=1)
        axes.text(rank, 0.16, str(rank), ha='center', fontsize=9)
    shown = min(critical_difference, num_models - 1)
    more = ' (longer than the scale)' if shown < critical_difference else ''
    axes.plot([1, 1 + shown], [0.62, 0.62], color=GREY, linewidth=2)
    axes.text(1, 0.68, f'CD = {critical_difference:.2f}{more}', ha='right', fontsize=9)
    for level, group in enumerate(groups, start=1):
        ends = [ranks[k] for k in group]
        height = [-0.6 * _LEVEL * level] * 2
        line = [min(ends) - 0.03, max(ends) + 0.03]
        axes.plot(line, height, color='black', linewidth=4, solid_capstyle='butt')
    first = -_LEVEL * (len(groups) + 1)
    for place, k in enumerate(order):
        is_right = place < num_right
        line = place if is_right else num_models - 1 - place
        height, edge = first - _LEVEL * line, 1 if is_right else num_models
        axes.plot(
            [ranks[k], ranks[k], edge],
            [0, height, height],
            color='black',
            linewidth=0.8,
        )
        axes.text(
            edge,
            height,
            f' {names[k]} {ranks[k]:.2f} ',
            ha='left' if is_right else 'right',
            va='center',
            fontsize=10,
        )
    save_figure(figure, out_png)
