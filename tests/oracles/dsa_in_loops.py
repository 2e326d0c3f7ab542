"""DSA written out in plain loops; shares no code with the product.

Evaluation mode: batch normalisation with its running statistics.
"""

import math

import numpy as np


def generate_kernel(pooled, weights):
    """Softmax(W_2 ReLU(BN(W_1 pooled))).

    Args:
        pooled: U numbers, a channel's mean in each snippet.
        weights: dict of first (2U, U), scale, shift, mean, variance (2U,) and second
            (3, 2U).

    Returns:
        Three numbers.
    """
    hidden = []
    for k, row in enumerate(weights['first']):
        total = sum(w * v for w, v in zip(row, pooled, strict=True))
        normed = (total - weights['mean'][k]) / math.sqrt(weights['variance'][k] + 1e-5)
        hidden.append(max(0.0, normed * weights['scale'][k] + weights['shift'][k]))
    logits = [
        sum(w * v for w, v in zip(row, hidden, strict=True))
        for row in weights['second']
    ]
    powers = [math.exp(logit) for logit in logits]
    return [power / sum(powers) for power in powers]


def aggregate(snippets, weights, *, num_chosen):
    """DSA of one video.

    Args:
        snippets: (U, C, T, H, W).
        weights: see `generate_kernel`.
        num_chosen: how many channels, the first ones, are convolved.

    Returns:
        (U, C, T, H, W).
    """
    num_snippets = len(snippets)
    out = snippets.copy()
    for c in range(num_chosen):
        pooled = [float(np.mean(snippets[u, c])) for u in range(num_snippets)]
        kernel = generate_kernel(pooled, weights)
        for u in range(num_snippets):
            out[u, c] = 0
            for d in range(3):
                if 0 <= u + d - 1 < num_snippets:
                    out[u, c] += kernel[d] * snippets[u + d - 1, c]
    return out
