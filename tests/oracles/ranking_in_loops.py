"""Ranking figures written out pair by pair and threshold by threshold."""

from itertools import pairwise


def area_under_roc(labels, scores):
    points, num_pairs = 0.0, 0
    for label_a, a in zip(labels, scores, strict=True):
        for label_b, b in zip(labels, scores, strict=True):
            if label_a == 1 and label_b == 0:
                num_pairs += 1
                points += 1.0 if a > b else 0.5 if a == b else 0.0
    return points / num_pairs


def equal_error_rate(labels, scores):
    """Walk along the ROC polyline in both coordinates until FPR = 1 - TPR."""
    num_fakes = sum(label == 1 for label in labels)
    num_reals = len(labels) - num_fakes
    points = [(0.0, 0.0)]
    for threshold in sorted(set(scores), reverse=True):
        called = [
            label for label, s in zip(labels, scores, strict=True) if s >= threshold
        ]
        found = sum(label == 1 for label in called)
        points.append(((len(called) - found) / num_reals, found / num_fakes))
    for (x0, y0), (x1, y1) in pairwise(points):
        if x0 + y0 <= 1 <= x1 + y1:
            share = (1 - x0 - y0) / ((x1 + y1) - (x0 + y0))
            return x0 + share * (x1 - x0)
    raise AssertionError('the curve ends at (1, 1), beyond the line')


def average_precision(labels, scores):
    num_fakes = sum(label == 1 for label in labels)
    total, recall_before = 0.0, 0.0
    for threshold in sorted(set(scores), reverse=True):
        called = [
            label for label, s in zip(labels, scores, strict=True) if s >= threshold
        ]
        found = sum(label == 1 for label in called)
        recall = found / num_fakes
        total += (recall - recall_before) * found / len(called)
        recall_before = recall
    return total
