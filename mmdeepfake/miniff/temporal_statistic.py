"""A statistic that shows MiniFF's temporal evidence without training.

A point of a drifting face moves almost evenly over three frames, so the second temporal
difference of its brightness is small; for a jittering face it is large.
"""

from __future__ import annotations

import cv2
import numpy as np

SIZE_PX = 64  # input size of a small network
WINDOW_PX = 7  # about the mouth, the smallest region that a method changes
FLOOR = 0.1  # grey levels; keeps the logarithm finite


def measure_jitter(frames: np.ndarray) -> float:
    """Compute the log of the strongest sustained jitter anywhere in a video.

    `log max_xy box(median_t |g[t-1] - 2 g[t] + g[t+1]|)` of the grey frames `g`. The
    median ignores blinks and cuts, the box filter the noise of single pixels.

    Args:
        frames: (T, H, W, 3) uint8 RGB, at least 3 frames.

    Returns:
        The statistic; larger for jitter, without unit.
    """
    if frames.ndim != 4 or len(frames) < 3:
        raise ValueError(
            f'frames of shape {frames.shape}: expected is (T, H, W, 3), T >= 3'
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
