"""Cross-snippet attention as pure functions, Eqs. (4) to (6) of the paper.

Paper: Region-Aware Temporal Inconsistency Learning for DeepFake Video Detection,
IJCAI 2022, Sec. 3.3. Axes: B videos, S snippets (N in the paper), L = T*h*w positions
of a snippet, D channels after the reduction W_I.
"""

from __future__ import annotations

import math

from torch import Tensor


def relate_positions(reduced: Tensor) -> Tensor:
    """Relate each snippet's positions to those of the mean snippet, Eq. (4).

    A_n = 1/S sum_i X_i X_n^T = (mean_i X_i) X_n^T: linear in the number of snippets.

    Args:
        reduced: (B, S, L, D), S_n^in W_I of each snippet.

    Returns:
        (B, S, L, L); row: position of the mean snippet, column: of snippet n.
    """
    mean = reduced.mean(dim=1, keepdim=True)
    return mean @ reduced.transpose(2, 3)


def relate_channels(reduced: Tensor) -> Tensor:
    """Relate each snippet's channels to those of the mean snippet.

    Eq. (4) read with channels as rows: A_n = 1/S sum_i X_i^T X_n.

    Args:
        reduced: (B, S, L, D).

    Returns:
        (B, S, D, D); row: channel of the mean snippet, column: of snippet n.
    """
    mean = reduced.mean(dim=1, keepdim=True)
    return mean.transpose(2, 3) @ reduced


def normalise_affinity(affinity: Tensor, *, num_positions: int) -> Tensor:
    """Apply the scaled softmax of Eq. (5) over snippet n's positions or channels.

    Args:
        affinity: (B, S, rows, columns).
        num_positions: L = T*h*w; the scale is its root, as printed.

    Returns:
        (B, S, rows, columns); every row sums to 1.
    """
    return (affinity / math.sqrt(num_positions)).softmax(dim=-1)


def pool_gathered_positions(attention: Tensor, reduced: Tensor) -> Tensor:
    """Compute the mean over all positions of E_n, Eq. (5), without E_n.

    The average pooling of Eq. (6) is linear, so the rows of A_n in E_n = A_n X_n are
    averaged first: one row to multiply instead of L.

    Args:
        attention: (B, S, L, L).
        reduced: (B, S, L, D).

    Returns:
        (B, S, D).
    """
    return (attention.mean(dim=2, keepdim=True) @ reduced).squeeze(2)


def pool_gathered_channels(attention: Tensor, reduced: Tensor) -> Tensor:
    """Do the same with channels as rows of Eq. (5): E_n = X_n A_n^T.

    Args:
        attention: (B, S, D, D).
        reduced: (B, S, L, D).

    Returns:
        (B, S, D).
    """
    mean = reduced.mean(dim=2, keepdim=True)
    return (mean @ attention.transpose(2, 3)).squeeze(2)
