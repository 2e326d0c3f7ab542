"""From detections in some frames to one smooth box in every frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def fill_gaps(frames: NDArray, values: NDArray) -> NDArray[np.float64]:
    """Interpolate linearly between the frames that have a value.

    Args:
        frames: (N,) increasing frame indices.
        values: (N, ...) one value per frame.

    Returns:
        (F, ...), one value for every frame from the first to the last.
    """
    frames = np.asarray(frames)
    every = np.arange(frames[0], frames[-1] + 1)
    flat = np.asarray(values, float).reshape(len(frames), -1)
    filled = [np.interp(every, frames, column) for column in flat.T]
    return np.stack(filled, 1).reshape(len(every), *np.shape(values)[1:])


def smooth_over_time(values: NDArray, *, sigma_frames: float) -> NDArray[np.float64]:
    """Smooth values over time with a centred Gaussian.

    Past and future have equal weights, so nothing lags. Beyond either end the values
    are padded with their point reflection, so that uniform motion stays unchanged.

    Args:
        values: (F, ...) one value per frame.
        sigma_frames: standard deviation of the Gaussian; 0 changes nothing.
    """
    values = np.asarray(values, float)
    radius = min(round(3 * sigma_frames), len(values) - 1)
    if radius < 1:
        return values
    offsets = np.arange(-radius, radius + 1)
    weights = np.exp(-0.5 * (offsets / sigma_frames) ** 2)
    weights /= weights.sum()
    flat = values.reshape(len(values), -1)
    padded = np.pad(
        flat, ((radius, radius), (0, 0)), mode='reflect', reflect_type='odd'
    )
    smoothed = [np.convolve(column, weights, mode='valid') for column in padded.T]
    return np.stack(smoothed, 1).reshape(values.shape)


def boxes_to_shapes(boxes: NDArray) -> NDArray[np.float64]:
    """Return centres and logarithms of the sides: (F, 4) x1, y1, x2, y2 -> (F, 4).

    In logarithms a box that grows by a constant factor changes at a constant rate, and
    no average of sides is 0 or less.
    """
    boxes = np.asarray(boxes, float)
    return np.concatenate(
        ((boxes[:, :2] + boxes[:, 2:]) / 2, np.log(boxes[:, 2:] - boxes[:, :2])), 1
    )


def shapes_to_boxes(shapes: NDArray, *, height: int, width: int) -> NDArray[np.float64]:
    """Invert `boxes_to_shapes`, and clip the boxes to a frame of that size."""
    limits = np.array([width, height])
    centres = np.clip(shapes[:, :2], 0, limits)
    half_sides = np.exp(shapes[:, 2:]) / 2
    boxes = np.concatenate((centres - half_sides, centres + half_sides), 1)
    return np.clip(boxes, 0, np.tile(limits, 2))
