"""Eulerian magnification of colour: faint periodic changes of colour made strong.

Method: H.-Y. Wu et al., "Eulerian Video Magnification for Revealing Subtle Changes in
the World", SIGGRAPH 2012, https://doi.org/10.1145/2185520.2185561, in the form for
colour: a Gaussian pyramid, an ideal band-pass filter over time at its top, and the
amplified band added to the frames.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mmdeepfake.errors import DataError


def pass_band(
    signals: NDArray[np.floating],
    *,
    fps: float,
    low_hertz: float,
    high_hertz: float,
) -> NDArray[np.floating]:
    """Keep the frequencies of a band, its ends among them, and drop the rest.

    An ideal filter: the signals are taken for one period of a periodic one.

    Args:
        signals: (T, ...), time first.
        fps: frames per second.
        low_hertz: end of the band.
        high_hertz: the other.

    Returns:
        The same shape and type; its mean over time is zero.

    Raises:
        DataError: the frames are too few, or too far apart, to have a frequency there.
    """
    frequencies = np.fft.rfftfreq(len(signals), d=1 / fps)
    # A rounding error must not lose a frequency that is an end of the band.
    slack = 1e-9 * fps
    inside = (frequencies >= low_hertz - slack) & (frequencies <= high_hertz + slack)
    inside[0] = False
    if not inside.any():
        raise DataError(
            f'{len(signals)} frames at {fps:g} frames a second hold no frequency of '
            f'{low_hertz:g} to {high_hertz:g} Hz: need {fps / high_hertz:.0f} frames '
            f'or more, and {2 * low_hertz:g} frames a second or more'
        )
    spectrum = np.fft.rfft(signals, axis=0)
    spectrum[~inside] = 0
    return np.fft.irfft(spectrum, n=len(signals), axis=0).astype(signals.dtype)


def magnify_colour(
    frames: NDArray,
    *,
    fps: float,
    low_hertz: float,
    high_hertz: float,
    amplification: float,
    num_levels: int = 1,
) -> NDArray[np.float32]:
    """Add `amplification` times the band of each blurred place to the frames.

    A change of colour within the band grows (1 + amplification)-fold; outside it, and
    in what the pyramid has blurred away, nothing changes.

    Args:
        frames: (T, H, W, 3), 0 to 255.
        fps: frames per second.
        low_hertz: end of the band.
        high_hertz: the other.
        amplification: factor.
        num_levels: how often rows and columns are halved before the filter.

    Returns:
        (T, H, W, 3), clipped to 0 .. 255.
    """
    frames = frames.astype(np.float32)
    sizes, top = [], frames
    for _ in range(num_levels):
        sizes.append((top.shape[2], top.shape[1]))
        top = np.stack([cv2.pyrDown(frame) for frame in top])
    band = pass_band(top, fps=fps, low_hertz=low_hertz, high_hertz=high_hertz)
    for size in reversed(sizes):
        band = np.stack([cv2.pyrUp(frame, dstsize=size) for frame in band])
    return np.clip(frames + amplification * band, 0, 255)
