"""Eulerian magnification of colour: amplify faint periodic changes of colour.

H.-Y. Wu et al., "Eulerian Video Magnification for Revealing Subtle Changes in the
World", SIGGRAPH 2012, https://doi.org/10.1145/2185520.2185561, in its colour form: a
Gaussian pyramid, an ideal temporal band-pass filter at its top, and the amplified band
added to the frames.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mmdeepfake.errors import DataError


def pass_band(
    signals: NDArray[np.floating], *, fps: float, low_hertz: float, high_hertz: float
) -> NDArray[np.floating]:
    """Keep the frequencies of a band, both ends included (ideal filter).

    The signals are treated as one period of a periodic signal.

    Args:
        signals: (T, ...), time first.
        fps: frames per second.
        low_hertz: lower end of the band.
        high_hertz: upper end of the band.

    Returns:
        The same shape and type, with zero mean over time.

    Raises:
        DataError: the band contains no frequency of the sampled signal.
    """
    frequencies = np.fft.rfftfreq(len(signals), d=1 / fps)
    # A rounding error must not exclude a frequency at an end of the band.
    slack = 1e-9 * fps
    inside = (frequencies >= low_hertz - slack) & (frequencies <= high_hertz + slack)
    inside[0] = False
    if not inside.any():
        raise DataError(
            f'{len(signals)} frames at {fps:g} fps contain no frequency from '
            f'{low_hertz:g} to {high_hertz:g} Hz: need {fps / high_hertz:.0f} frames '
            f'and {2 * low_hertz:g} fps or more'
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
    """Add `amplification` times the band of the blurred frames to the frames.

    A colour change within the band grows (1 + amplification)-fold, nothing else.

    Args:
        frames: (T, H, W, 3), 0 to 255.
        fps: frames per second.
        low_hertz: lower end of the band.
        high_hertz: upper end of the band.
        amplification: factor.
        num_levels: number of times that rows and columns are halved before filtering.

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
