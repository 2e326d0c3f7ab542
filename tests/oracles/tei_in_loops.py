"""TEI written out in plain loops; shares no code with the product."""

import math

import numpy as np


def affine(vector, weight, bias):
    """weight @ vector + bias, one sum at a time."""
    out = []
    for row, offset in zip(weight, bias, strict=True):
        total = float(offset)
        for w, v in zip(row, vector, strict=True):
            total += float(w) * float(v)
        out.append(total)
    return out


def enhance_motion(clip, current, following, expand):
    """MEM of one clip.

    Args:
        clip: (T, C, H, W).
        current: (weight, bias) on frame t, C to C'.
        following: (weight, bias) on frame t + 1, C to C'.
        expand: (weight, bias), C' to C.

    Returns:
        (T, C, H, W).
    """
    num_frames, num_channels, height, width = clip.shape
    pooled = [
        [
            sum(clip[t, c, i, j] for i in range(height) for j in range(width))
            / (height * width)
            for c in range(num_channels)
        ]
        for t in range(num_frames)
    ]
    out = clip.copy()
    for t in range(num_frames - 1):
        before = affine(pooled[t], *current)
        after = affine(pooled[t + 1], *following)
        gates = affine([b - a for a, b in zip(before, after, strict=True)], *expand)
        for c in range(num_channels):
            out[t, c] = clip[t, c] / (1 + math.exp(-gates[c]))
    return out


def convolve_over_time(clip, taps):
    """Depth-wise, three taps, zeros outside the clip; (T, C, H, W) with (C, 3)."""
    out = np.zeros_like(clip)
    for t in range(len(clip)):
        for c in range(clip.shape[1]):
            for d in range(3):
                if 0 <= t + d - 1 < len(clip):
                    out[t, c] += taps[c, d] * clip[t + d - 1, c]
    return out
