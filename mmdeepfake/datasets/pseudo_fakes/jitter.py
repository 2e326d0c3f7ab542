"""What differs from frame to frame in the output of a forger's tool."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PATTERNS = ('independent', 'held', 'drift')


def draw_jitter(
    rng: np.random.Generator, *, num_frames: int, clip_len: int, num_quantities: int
) -> NDArray[np.float64]:
    """Draw quantities that jitter from frame to frame with one pattern.

    The patterns: a draw for every frame (a detector's noise), one held for two frames,
    or steps that add up within a snippet (an estimate that lags).

    Returns:
        (F, num_quantities), zero mean, standard deviation about 1.
    """
    draws = rng.normal(size=(num_frames // clip_len, clip_len, num_quantities))
    pattern = rng.choice(PATTERNS, p=[0.6, 0.2, 0.2])
    if pattern == 'held':
        first = int(rng.integers(2))
        draws = draws[:, (np.arange(clip_len) + first) // 2]
    elif pattern == 'drift':
        draws = draws.cumsum(axis=1) / np.sqrt(np.arange(1, clip_len + 1))[:, None]
    return draws.reshape(num_frames, num_quantities)


def similarity_about(
    centres: NDArray[np.floating],
    *,
    shifts_px: NDArray[np.floating],
    degrees: NDArray[np.floating],
    scales: NDArray[np.floating],
) -> NDArray[np.float64]:
    """Return maps that scale and turn about a centre, then shift: (F, 2, 3).

    Args:
        centres: (F, 2) pixels.
        shifts_px: (F, 2).
        degrees: (F,).
        scales: (F,).
    """
    angles = np.deg2rad(degrees)
    cosine, sine = scales * np.cos(angles), scales * np.sin(angles)
    linear = np.stack([[cosine, -sine], [sine, cosine]]).transpose(2, 0, 1)
    offsets = centres + shifts_px - np.einsum('fij,fj->fi', linear, centres)
    return np.concatenate([linear, offsets[..., None]], axis=2)
