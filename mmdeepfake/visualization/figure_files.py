"""Write a matplotlib figure as PNG and PDF files or as an array."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mmdeepfake.files.atomic_write import replace_bytes

DPI = 200
# No dates or versions: equal figures are equal files.
_METADATA = {'png': {'Software': None}, 'pdf': {'CreationDate': None}}


def save_png_and_pdf(figure: Figure, folder: str | Path, name: str) -> list[Path]:
    """Write `name`.png and `name`.pdf atomically."""
    paths = []
    for suffix, metadata in _METADATA.items():
        buffer = io.BytesIO()
        figure.savefig(buffer, format=suffix, dpi=DPI, metadata=metadata)
        path = Path(folder, f'{name}.{suffix}')
        replace_bytes(path, buffer.getvalue())
        paths.append(path)
    return paths


def render(figure: Figure) -> NDArray[np.uint8]:
    """Draw a figure as an array: (H, W, 3) uint8, RGB."""
    figure.set_dpi(DPI // 2)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
