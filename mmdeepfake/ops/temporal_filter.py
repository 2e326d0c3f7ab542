"""Region-aware temporal filtering as pure functions, Eqs. (1) to (3) of the paper.

Paper: Region-Aware Temporal Inconsistency Learning for DeepFake Video Detection,
IJCAI 2022, Sec. 3.2. Axes: B snippets, T frames of a snippet, C channels (the share
that is filtered, "gamma C" in the paper), H W rows and columns, R basis filters
(r in the paper), K filter taps (k in the paper).
"""

from __future__ import annotations

import contextlib
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def pool_to_strips(features: Tensor, *, num_bins: int) -> Tensor:
    """Average each frame's positions, in raster order, into `num_bins` bins.

    The paper's "flatten along the spatial dimension, then adaptive average pooling to
    r": bins are horizontal strips, which overlap if R does not divide HW.

    Args:
        features: (B, T, C, H, W).
        num_bins: R.

    Returns:
        (B, T, C, R).
    """
    b, t = features.shape[:2]
    pooled = F.adaptive_avg_pool1d(features.flatten(3).flatten(0, 1), num_bins)
    return pooled.reshape(b, t, *pooled.shape[1:])


def fold_alignment(
    previous: Tensor, current: Tensor, following: Tensor, aggregate: Tensor
) -> Tensor:
    """Fold the align convolution, Eq. (2), and the 1x1 after it into one kernel.

    Eq. (2), G_t = Conv1(S_{t-1}) + Conv2(S_t) + Conv3(S_{t+1}), and the 1x1 convolution
    from the stacked G_t to R maps are both linear, so their product is one 3x3
    convolution from the T*C stacked channels to R maps:
    M_s = A_{s+1} Conv1 + A_s Conv2 + A_{s-1} Conv3. It is exact, borders included,
    since the align convolutions have no bias, and costs 9 R multiplications per value
    instead of 19 C.

    Args:
        previous: (C', C, 3, 3) kernel on frame t-1, Conv1 in the paper.
        current: (C', C, 1, 1) kernel on frame t, Conv2.
        following: (C', C, 3, 3) kernel on frame t+1, Conv3.
        aggregate: (R, T, C') the 1x1 kernel, by frame.

    Returns:
        (R, T*C, 3, 3), channels ordered frame by frame.
    """

    def compose(kernel: Tensor) -> Tensor:
        return torch.einsum('rto,oihw->rtihw', aggregate, kernel)

    from_previous = compose(previous)  # at index t: from frame t-1 to G_t
    from_following = compose(following)  # at index t: from frame t+1 to G_t
    folded = F.pad(compose(current), (1, 1, 1, 1))  # (R, T, C, 3, 3)
    zeros = torch.zeros_like(folded[:, :1])
    folded = folded + torch.cat([from_previous[:, 1:], zeros], dim=1)
    folded = folded + torch.cat([zeros, from_following[:, :-1]], dim=1)
    return folded.flatten(1, 2)


def without_autocast(x: Tensor) -> contextlib.AbstractContextManager[Any]:
    """Switch autocast off on the device of x; meta tensors have none."""
    off: contextlib.AbstractContextManager[Any] = contextlib.nullcontext()
    if x.device.type != 'meta':
        off = torch.autocast(x.device.type, enabled=False)
    return off


def weigh_bases(logits: Tensor, *, temperature: float) -> Tensor:
    """Compute the share of each basis at each position from its logits, Eq. (3).

    Args:
        logits: (B, R, H, W), eta in the paper.
        temperature: tau in the paper (0.01, Sec. 4.1).

    Returns:
        (B, R, H, W) in fp32 (fp64 for fp64), alpha in the paper; sums to 1 over R.
    """
    # In fp16 logits / 0.01 overflows once |logit| > 655, so stay in fp32.
    with without_autocast(logits):
        exact = logits if logits.dtype == torch.float64 else logits.float()
        return (exact / temperature).softmax(dim=1)


def mix_basis_filters(basis: Tensor, weights: Tensor) -> Tensor:
    """Blend R basis filters into one temporal filter per position.

    Args:
        basis: (B, C, R, K) temporal filters, R bases of K taps for each channel.
        weights: (B, R, H, W) share of each basis at each position.

    Returns:
        (B, K, C, H, W): one K-tap filter for every channel and position.
    """
    return torch.einsum('bcrk,brhw->bkchw', basis, weights.to(basis.dtype))


def filter_over_time(features: Tensor, filters: Tensor) -> Tensor:
    """Convolve each position over time with its own filter, zero-padded.

    out[t] = sum_d filters[d] * features[t + d - K//2]

    Args:
        features: (B, T, C, H, W).
        filters: (B, K, C, H, W), shared by the T frames; K odd.

    Returns:
        (B, T, C, H, W).
    """
    num_frames, num_taps = features.shape[1], filters.shape[1]
    centre = num_taps // 2
    out = filters[:, centre, None] * features
    for tap in range(num_taps):
        shift = tap - centre
        if shift == 0 or abs(shift) >= num_frames:
            continue
        first, last = max(0, -shift), num_frames - max(0, shift)
        out[:, first:last] += (
            filters[:, tap, None] * features[:, first + shift : last + shift]
        )
    return out


def filter_channels_innermost(frames: Tensor, basis: Tensor, weights: Tensor) -> Tensor:
    """Mix filters and filter the first channels over time, for a compiler.

    The same as `filter_over_time` by `mix_basis_filters`, written so that it becomes
    one product and one loop: compiled convolutions keep channels innermost, another
    order of axes would be copied, and sums into slices become nested conditions.

    Args:
        frames: (B, T, H, W, C).
        basis: (B, c, R, K), c <= C; K odd.
        weights: (B, R, H, W) share of each basis at each position.

    Returns:
        (B, T, H, W, C); channels from c on are those of the frames.
    """
    num_frames, c, num_taps = frames.shape[1], basis.shape[1], basis.shape[3]
    taps = basis.permute(0, 2, 3, 1).flatten(2)  # (B, R, K*c)
    shares = weights.to(basis.dtype).permute(0, 2, 3, 1)  # (B, H, W, R)
    filters = (shares.flatten(1, 2) @ taps).view(*shares.shape[:3], num_taps, c)
    margin = num_taps // 2
    padded = F.pad(frames[..., :c], (0, 0, 0, 0, 0, 0, margin, margin))
    filtered = filters[:, None, ..., 0, :] * padded[:, :num_frames]
    for tap in range(1, num_taps):
        shifted = padded[:, tap : tap + num_frames]
        filtered = filtered + filters[:, None, ..., tap, :] * shifted
    return torch.cat([filtered.to(frames.dtype), frames[..., c:]], dim=-1)
