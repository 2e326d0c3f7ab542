"""CSA written out in plain loops; shares no code with the product.

Eq. (4) as printed, with its sum over snippets; Eq. (5) with the softmax over the
positions of snippet n; Eq. (6) with W_O applied at each position before the pooling.
"""

import numpy as np


def attend(snippets, w_in, w_out):
    """Eqs. (4) to (6).

    Args:
        snippets: (S, L, C) features of one video's snippets.
        w_in: (C, D).
        w_out: (D, C).

    Returns:
        (S, L, C) or (S, L, D).
    """
    num_snippets, length, _ = snippets.shape
    x = [snippets[n] @ w_in for n in range(num_snippets)]
    out = []
    for n in range(num_snippets):
        affinity = np.zeros((length, length))
        for i in range(num_snippets):
            for p in range(length):
                for q in range(length):
                    affinity[p, q] += float(np.dot(x[i][p], x[n][q])) / num_snippets
        gathered = np.zeros_like(x[n])
        for p in range(length):
            row = np.exp(
                affinity[p] / np.sqrt(length) - (affinity[p] / np.sqrt(length)).max()
            )
            row /= row.sum()
            for q in range(length):
                gathered[p] += row[q] * x[n][q]
        pooled = np.zeros(w_out.shape[1])
        for p in range(length):
            pooled += gathered[p] @ w_out / length
        gate = 1 / (1 + np.exp(-pooled))
        out.append(gate * snippets[n])
    return np.stack(out)
