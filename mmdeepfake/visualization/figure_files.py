"""Writes a figure as a picture for the screen and one for print."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mmdeepfake.files.atomic_write import replace_bytes

DPI = 200
# Nothing that changes from run to run, so that equal figures are equal files.
_METADATA = {'png': {'Software': None}, 'pdf': {'CreationDate': None}}


def save_png_and_pdf(figure: Figure, folder: str | Path, name: str) -> list[Path]:
    """Write `name`.png and `name`.pdf, each whole or not at all."""
    paths = []
    for suffix, metadata in _METADATA.items():
        buffer = io.BytesIO()
        figure.savefig(buffer, format=suffix, dpi=DPI, metadata=metadata)
        path = Path(folder, f'{name}.{suffix}')
        replace_bytes(path, buffer.getvalue())
        paths.append(path)
    return paths


def render(figure: Figure, *, dpi: int = DPI // 2) -> NDArray[np.uint8]:
    """Draw a figure as an array: (H, W, 3) uint8, RGB."""
    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
