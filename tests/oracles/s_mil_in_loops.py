"""S-MIL's scores in plain Python; shares no code with the product."""

import math


def score_instances(instances, weights, offset):
    """l_j of each instance, given as a list of features."""
    return [
        offset + sum(w * v for w, v in zip(weights, one, strict=True))
        for one in instances
    ]


def probability(logit):
    return 1 / (1 + math.exp(-logit))


def odds_form(logits):
    """P from 1 / P - 1 = prod (1 / p - 1)."""
    product = 1.0
    for logit in logits:
        product *= 1 / probability(logit) - 1
    return 1 / (1 + product)


def noisy_or(logits):
    """P = 1 - prod (1 - p)."""
    product = 1.0
    for logit in logits:
        product *= 1 - probability(logit)
    return 1 - product


def attend(instances, logits, hidden_weights, hidden_offsets, last_weights):
    """P of the mean of the logits, weighted by a softmax of a two-layer network."""
    strengths = []
    for one in instances:
        hidden = [
            math.tanh(o + sum(w * v for w, v in zip(row, one, strict=True)))
            for row, o in zip(hidden_weights, hidden_offsets, strict=True)
        ]
        strengths.append(sum(w * h for w, h in zip(last_weights, hidden, strict=True)))
    shares = [math.exp(s) for s in strengths]
    mixed = sum(s * one for s, one in zip(shares, logits, strict=True))
    return probability(mixed / sum(shares))


def convolve(frames, kernel, offsets):
    """Runs of k frames, without padding, then ReLU.

    Args:
        frames: M lists of C numbers.
        kernel: nested list [out][C][k].
        offsets: one for each output.

    Returns:
        M - k + 1 lists.
    """
    width = len(kernel[0][0])
    runs = []
    for start in range(len(frames) - width + 1):
        run = []
        for rows, offset in zip(kernel, offsets, strict=True):
            total = offset
            for channel, taps in enumerate(rows):
                for tap, weight in enumerate(taps):
                    total += weight * frames[start + tap][channel]
            run.append(max(0.0, total))
        runs.append(run)
    return runs
