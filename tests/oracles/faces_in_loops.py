"""Boxes, CenterFace's outputs and smoothing, written out number by number."""

import itertools
import math


def overlap(first, second):
    """Intersection over union of two boxes, by counting their whole pixels."""
    pixels = [
        {
            (x, y)
            for x in range(int(box[0]), int(box[2]))
            for y in range(int(box[1]), int(box[3]))
        }
        for box in (first, second)
    ]
    union = pixels[0] | pixels[1]
    return len(pixels[0] & pixels[1]) / len(union) if union else 0.0


def survivors(boxes, scores, max_iou):
    """Take the best box, cross out what overlaps it, begin again."""
    left = sorted(range(len(boxes)), key=lambda i: (-scores[i], i))
    kept = []
    while left:
        best = left.pop(0)
        kept.append(best)
        left = [i for i in left if overlap(boxes[best], boxes[i]) <= max_iou]
    return kept


def centerface_candidates(heat, log_size, offset, points, min_score):
    """Every cell over the threshold as (score, x1, y1, x2, y2, [(x, y), ...])."""
    found = []
    for row in range(len(heat)):
        for column in range(len(heat[0])):
            if heat[row][column] <= min_score:
                continue
            height = math.exp(log_size[0][row][column]) * 4
            width = math.exp(log_size[1][row][column]) * 4
            y1 = (row + offset[0][row][column] + 0.5) * 4 - height / 2
            x1 = (column + offset[1][row][column] + 0.5) * 4 - width / 2
            where = [
                (
                    x1 + points[2 * k + 1][row][column] * width,
                    y1 + points[2 * k][row][column] * height,
                )
                for k in range(5)
            ]
            found.append((heat[row][column], x1, y1, x1 + width, y1 + height, where))
    return found


def gaussian_mean(values, sigma):
    """Weigh all values within 3 sigma; past an end, mirror about its last value."""
    radius = min(round(3 * sigma), len(values) - 1)
    smoothed = []
    for centre in range(len(values)):
        total = weight_sum = 0.0
        for i in range(centre - radius, centre + radius + 1):
            if i < 0:
                value = 2 * values[0] - values[-i]
            elif i >= len(values):
                value = 2 * values[-1] - values[2 * (len(values) - 1) - i]
            else:
                value = values[i]
            weight = math.exp(-((i - centre) ** 2) / (2 * sigma**2))
            total += weight * value
            weight_sum += weight
        smoothed.append(total / weight_sum)
    return smoothed


def best_pairs(affinity):
    """The pairing of rows and columns with the largest sum, by trying every one."""
    num_rows, num_columns = len(affinity), len(affinity[0])
    best, best_sum = [], -1.0
    rows = range(num_rows)
    for size in range(min(num_rows, num_columns), -1, -1):
        for chosen in itertools.combinations(rows, size):
            for columns in itertools.permutations(range(num_columns), size):
                total = sum(
                    affinity[r][c] for r, c in zip(chosen, columns, strict=True)
                )
                if total > best_sum:
                    best = list(zip(chosen, columns, strict=True))
                    best_sum = total
    return [(r, c) for r, c in best if affinity[r][c] > 0]
