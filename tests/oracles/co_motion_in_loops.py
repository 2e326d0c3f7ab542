"""Motions and their correlations in plain Python; shares no code with the product."""

import math


def gaussian_mean(flow, point, sigma):
    """Weighted mean of a flow [H][W][2] around a point (x, y)."""
    total, sums = 0.0, [0.0, 0.0]
    for y, row in enumerate(flow):
        for x, motion in enumerate(row):
            distance = (x - point[0]) ** 2 + (y - point[1]) ** 2
            weight = math.exp(-distance / (2 * sigma**2))
            total += weight
            for axis in (0, 1):
                sums[axis] += weight * motion[axis]
    return [value / total for value in sums]


def pearson(one, other):
    """Correlation of two lists of numbers; 0 where one does not vary."""
    mean_one, mean_other = sum(one) / len(one), sum(other) / len(other)
    together = var_one = var_other = 0.0
    for a, b in zip(one, other, strict=True):
        together += (a - mean_one) * (b - mean_other)
        var_one += (a - mean_one) ** 2
        var_other += (b - mean_other) ** 2
    if var_one == 0 or var_other == 0:
        return 0.0
    return together / math.sqrt(var_one * var_other)


def upper_triangle(series):
    """Correlations of each series with all later ones, row by row."""
    return [
        pearson(series[i], series[j])
        for i in range(len(series))
        for j in range(i + 1, len(series))
    ]
