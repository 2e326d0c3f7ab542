"""RATF written out in plain loops over Python numbers; shares no code with the product.

Follows the text of the paper (Sec. 3.2) and the table of shapes: pool, two FC layers
over time, align convolution per frame, 1x1 over the stacked frames, softmax, mix,
depth-wise filter over time with zero padding.
"""

import math

import numpy as np


def strip_means(frame, num_bins):
    """Means of a flat frame over bins [floor(i n/r), ceil((i+1) n/r))."""
    n = len(frame)
    means = []
    for i in range(num_bins):
        start, stop = math.floor(i * n / num_bins), math.ceil((i + 1) * n / num_bins)
        means.append(sum(frame[j] for j in range(start, stop)) / (stop - start))
    return means


def make_basis(s1, w1, w2, b2, num_bins):
    """Eq. (1): s1 (T, c, H, W) -> [channel][basis][tap]."""
    t, c, h, w = s1.shape
    basis = []
    for channel in range(c):
        pooled = []  # [frame][bin]
        for frame in range(t):
            flat = [s1[frame, channel, i, j] for i in range(h) for j in range(w)]
            pooled.append(strip_means(flat, num_bins))
        filters = []
        for m in range(num_bins):
            hidden = [
                max(0.0, sum(w1[a][f] * pooled[f][m] for f in range(t)))
                for a in range(len(w1))
            ]
            filters.append(
                [
                    b2[k] + sum(w2[k][a] * hidden[a] for a in range(len(hidden)))
                    for k in range(len(w2))
                ]
            )
        basis.append(filters)
    return basis


def conv3x3(frame, kernel, out_channel, i, j):
    """One output value of a zero-padded 3x3 convolution; frame (c, H, W)."""
    c, h, w = frame.shape
    total = 0.0
    for channel in range(c):
        for di in (-1, 0, 1):
            for dj in (-1, 0, 1):
                if 0 <= i + di < h and 0 <= j + dj < w:
                    weight = kernel[out_channel, channel, di + 1, dj + 1]
                    total += weight * frame[channel, i + di, j + dj]
    return total


def aligned(s1, previous, current, following, frame, channel, i, j):
    """Eq. (2) at one place; a frame outside the snippet is zero."""
    t = s1.shape[0]
    total = sum(
        current[channel, c, 0, 0] * s1[frame, c, i, j] for c in range(s1.shape[1])
    )
    if frame > 0:
        total += conv3x3(s1[frame - 1], previous, channel, i, j)
    if frame < t - 1:
        total += conv3x3(s1[frame + 1], following, channel, i, j)
    return total


def filter_snippet(s, *, num_filtered, weights, temperature):
    """Whole RATF on one snippet s (T, C, H, W), NumPy float64; returns the same shape.

    `weights` holds w1, w2, b2, previous, current, following (None for RATF*),
    aggregate (R, T*c'), and scale and bias (R,) of each basis's logit: the 1x1 has the
    bias alone, and a batch norm in evaluation is both.
    """
    t, _, h, w = s.shape
    s1 = s[:, :num_filtered]
    num_bins = len(weights['bias'])
    basis = make_basis(s1, weights['w1'], weights['w2'], weights['b2'], num_bins)
    num_taps = len(weights['b2'])
    out = s.copy()
    for i in range(h):
        for j in range(w):
            stacked = []
            for frame in range(t):
                if weights['previous'] is None:
                    stacked += [s1[frame, c, i, j] for c in range(num_filtered)]
                    continue
                for channel in range(weights['previous'].shape[0]):
                    stacked.append(
                        aligned(
                            s1,
                            weights['previous'],
                            weights['current'],
                            weights['following'],
                            frame,
                            channel,
                            i,
                            j,
                        )
                    )
            eta = [
                weights['bias'][m]
                + weights['scale'][m]
                * sum(
                    weights['aggregate'][m][q] * stacked[q] for q in range(len(stacked))
                )
                for m in range(num_bins)
            ]
            top = max(eta)
            powers = [math.exp((e - top) / temperature) for e in eta]
            alpha = [p / sum(powers) for p in powers]
            for channel in range(num_filtered):
                taps = [
                    sum(alpha[m] * basis[channel][m][k] for m in range(num_bins))
                    for k in range(num_taps)
                ]
                for frame in range(t):
                    total = 0.0
                    for k in range(num_taps):
                        source = frame + k - num_taps // 2
                        if 0 <= source < t:
                            total += taps[k] * s1[source, channel, i, j]
                    out[frame, channel, i, j] = total
    return np.asarray(out)
