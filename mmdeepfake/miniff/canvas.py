"""The plane on which a head is painted once per video."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

EXTENT = 2.2  # head units from the centre to each border
UNIT_PX = 32.0  # one head unit in a 128 px frame
OVERSAMPLING = 1.6  # canvas pixels per frame pixel; ours, sharp enough for a soft lens


@dataclass(frozen=True)
class Canvas:
    """Pixel grid in head units.

    Attributes:
        unit_px: canvas pixels per head unit.
        x: (H, W) float32, position of each pixel, positive to the right.
        y: (H, W) float32, positive downwards.
    """

    unit_px: float
    x: np.ndarray = field(init=False)
    y: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        num_px = 2 * round(EXTENT * self.unit_px)
        axis = (np.arange(num_px, dtype=np.float32) - (num_px - 1) / 2) / self.unit_px
        x, y = np.meshgrid(axis, axis)
        object.__setattr__(self, 'x', x)
        object.__setattr__(self, 'y', y)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.x.shape

    def to_px(self, position: np.ndarray) -> np.ndarray:
        """Convert head units to canvas pixels along either axis."""
        return position * np.float32(self.unit_px) + np.float32((self.shape[0] - 1) / 2)

    def window(
        self, x_range: tuple[float, float], y_range: tuple[float, float]
    ) -> tuple[slice, slice]:
        """Return rows and columns of a rectangle given in head units."""
        rows = self.to_px(np.array(y_range)).round().astype(int)
        columns = self.to_px(np.array(x_range)).round().astype(int)
        return slice(rows[0], rows[1] + 1), slice(columns[0], columns[1] + 1)
