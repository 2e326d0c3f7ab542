"""A hand-made statistic that shows MiniFF's temporal evidence, without any training.

A point of a drifting face moves almost evenly over three frames, so the second
difference of its brightness over time is small; a jittering one leaves a large one.
"""

from __future__ import annotations

import cv2
import numpy as np

SIZE_PX = 64  # what a small network sees
WINDOW_PX = 7  # about the mouth, the smallest region that a method changes
FLOOR = 0.1  # grey levels; keeps the logarithm finite


def measure_jitter(frames: np.ndarray) -> float:
    """Log of the strongest lasting jitter anywhere in a video.

    `log max_xy box(median_t |g[t-1] - 2 g[t] + g[t+1]|)` of the grey frames `g`. The
    median over time passes over blinks and cuts, the box over single pixels' noise.

    Args:
        frames: (T, H, W, 3) uint8 RGB, at least 3 frames.

    Returns:
        The statistic; larger for jitter, without unit.
    """
    if frames.ndim != 4 or len(frames) < 3:
        raise ValueError(
            f'frames of shape {frames.shape} in measure_jitter: need (T, H, W, 3) '
            'with T of 3 or more'
        )
    small = [
        cv2.resize(
            cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY),
            (SIZE_PX, SIZE_PX),
            interpolation=cv2.INTER_AREA,
        )
        for frame in frames
    ]
    grey = np.stack(small).astype(np.float32)
    lasting = np.median(np.abs(grey[:-2] - 2 * grey[1:-1] + grey[2:]), axis=0)
    return float(np.log(cv2.blur(lasting, (WINDOW_PX, WINDOW_PX)).max() + FLOOR))
