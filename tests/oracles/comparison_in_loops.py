"""DeLong's test and calibration figures, written out pair by pair and bin by bin."""

import math


def placements(labels, scores):
    """Share of the other class that each fake, and each real, is right about."""
    fakes = [s for s, label in zip(scores, labels, strict=True) if label == 1]
    reals = [s for s, label in zip(scores, labels, strict=True) if label == 0]

    def kernel(fake, real):
        return 1.0 if fake > real else 0.5 if fake == real else 0.0

    of_fakes = [sum(kernel(f, r) for r in reals) / len(reals) for f in fakes]
    of_reals = [sum(kernel(f, r) for f in fakes) / len(fakes) for r in reals]
    return of_fakes, of_reals


def covariance(xs, ys):
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    total = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True))
    return total / (len(xs) - 1)


def delong(labels, scores_a, scores_b):
    fakes_a, reals_a = placements(labels, scores_a)
    fakes_b, reals_b = placements(labels, scores_b)
    difference = sum(fakes_b) / len(fakes_b) - sum(fakes_a) / len(fakes_a)
    variance = 0.0
    for a, b in ((fakes_a, fakes_b), (reals_a, reals_b)):
        spread = covariance(a, a) + covariance(b, b) - 2 * covariance(a, b)
        variance += spread / len(a)
    error = math.sqrt(variance)
    return difference, error, math.erfc(abs(difference) / error / math.sqrt(2))


def calibration_error(labels, scores, num_bins):
    total = 0.0
    for k in range(num_bins):
        inside = [
            (s, label)
            for s, label in zip(scores, labels, strict=True)
            if k / num_bins <= s < (k + 1) / num_bins
            or (k == num_bins - 1 and s == 1.0)
        ]
        if inside:
            mean = sum(s for s, _ in inside) / len(inside)
            share = sum(label for _, label in inside) / len(inside)
            total += len(inside) * abs(mean - share)
    return total / len(labels)
