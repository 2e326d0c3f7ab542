"""What RATF reads off a snippet: the logits of Eq. (2) and the bins of Eq. (1).

One pass over the map for both, on a CPU; see `fused_filter` for what follows.
Axes: see `temporal_filter`; P = H * W positions.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from .fused_filter import by_snippet, dense
from .temporal_filter import without_autocast


def can_summarise(x: Tensor) -> bool:
    """Return whether `summarise_snippets` supports this map.

    Half precision and accelerators are left to the library's convolution, which sums
    in fp32: sums over frames and offsets rounded to 8 bits would blur the logits.
    """
    return x.device.type == 'cpu' and x.dtype in (torch.float32, torch.float64)


def summarise_snippets(
    x: Tensor, kernel: Tensor, pooling: Tensor, *, num_frames: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Reduce each snippet to its logits, Eq. (2), and its pooled bins, for Eq. (1).

    The convolution is one matrix product a frame, read in place, from c channels to R
    maps for each of the kernel's offsets, which are then moved and added: no copy of
    the filtered channels is made or kept. The map is handed through, and must be used
    once, as the map of `filter_regions`: its gradient arrives here and the two others
    are added to it in place, since a sum of its own would cost a pass over memory.

    Args:
        x: (B*T, C, H, W), T innermost; the first c channels count.
        kernel: (R, T*c, 3, 3) or (R, T*c, 1, 1), channels frame by frame, as
            `fold_alignment` gives.
        pooling: (P, R) share of each position in each bin.
        num_frames: T.

    Returns:
        x; logits (B, R, H, W); bins (B, T, c, R).
    """
    # With a map that needs no gradient, handing it through would make it need one.
    passed, logits, bins = _SummariseSnippets.apply(
        dense(x), kernel, pooling, num_frames
    )
    return (passed if x.requires_grad else dense(x)), logits, bins


def pooling_matrix(
    height: int, width: int, num_bins: int, dtype: torch.dtype
) -> Tensor:
    """Return the share of each position in each bin of an adaptive average pooling.

    Args:
        height: H.
        width: W.
        num_bins: R.
        dtype: of the result, float32 or float64.

    Returns:
        (H*W, R) on the CPU; every column sums to 1.
    """
    is_double = dtype == torch.float64
    return torch.from_numpy(_bin_shares(height * width, num_bins, is_double))


# Arrays are kept over calls, not tensors: a tensor that was made while a fake mode or
# inference mode was on is of that mode, and spoils every later call without a word.
@lru_cache(maxsize=64)
def _bin_shares(length: int, num_bins: int, is_double: bool) -> NDArray[np.floating]:
    """(length, num_bins): bin i is [floor(i n / bins), ceil((i + 1) n / bins))."""
    index = np.arange(num_bins)
    starts = index * length // num_bins
    stops = -(-(index + 1) * length // num_bins)
    position = np.arange(length)[:, None]
    inside = (position >= starts) & (position < stops)
    shares: NDArray[np.floating] = inside / (stops - starts)
    return shares.astype(np.float64 if is_double else np.float32)


def _matrices_by_frame(kernel: Tensor, num_frames: int) -> Tensor:
    """(R, T*c, h, w) -> (T, h*w*R, c)."""
    by_frame = kernel.unflatten(1, (num_frames, -1))  # (R, T, c, h, w)
    return by_frame.permute(1, 3, 4, 0, 2).flatten(1, 3)


def _offsets(size: int) -> list[tuple[int, int]]:
    """Return rows and columns from the centre of a kernel, in its own order."""
    return [(i - size // 2, j - size // 2) for i in range(size) for j in range(size)]


def _overlap(
    maps: Tensor, moved: Tensor, offset: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """Return views of maps, and of moved by the offset, where both are inside."""
    for dim, shift in zip((-2, -1), offset, strict=True):
        length = max(0, maps.shape[dim] - abs(shift))
        maps = maps.narrow(dim, min(max(0, -shift), maps.shape[dim]), length)
        moved = moved.narrow(dim, min(max(0, shift), moved.shape[dim]), length)
    return maps, moved


class _SummariseSnippets(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, kernel: Tensor, pooling: Tensor, num_frames: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        ctx.save_for_backward(x, kernel, pooling)
        ctx.num_frames = num_frames
        ctx.set_materialize_grads(False)
        height, width = x.shape[2:]
        matrices = _matrices_by_frame(kernel, num_frames)  # (T, R*k*k, c)
        features = by_snippet(x, num_frames)[:, :, : matrices.shape[2]]
        b = features.shape[0]
        with without_autocast(x):
            products = torch.bmm(matrices[0].expand(b, -1, -1), features[:, 0])
            for i in range(1, num_frames):
                products.baddbmm_(matrices[i].expand(b, -1, -1), features[:, i])
            by_offset = products.unflatten(2, (height, width))
            by_offset = by_offset.unflatten(1, (-1, kernel.shape[0]))
            logits = x.new_zeros(b, kernel.shape[0], height, width)
            for i, offset in enumerate(_offsets(kernel.shape[-1])):
                at, moved = _overlap(logits, by_offset[:, i], offset)
                at += moved
            # R rows of c columns: c rows of R take three times as long on a CPU.
            bins = torch.bmm(
                pooling.t().expand(b * num_frames, -1, -1),
                features.flatten(0, 1).transpose(1, 2),
            )
        return x, logits, bins.transpose(1, 2).unflatten(0, (b, num_frames))

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any,
        grad_x: Tensor | None,
        grad_logits: Tensor | None,
        grad_bins: Tensor | None,
    ) -> tuple[Tensor | None, ...]:
        x, kernel, pooling = ctx.saved_tensors
        t = ctx.num_frames
        matrices = _matrices_by_frame(kernel, t)
        features = by_snippet(x, t)[:, :, : matrices.shape[2]]
        b, c = features.shape[0], features.shape[2]
        if grad_x is None and ctx.needs_input_grad[0]:
            grad_x = torch.zeros_like(x)
        if grad_logits is None:
            grad_logits = x.new_zeros(b, kernel.shape[0], *x.shape[2:])
        if grad_bins is None:
            grad_bins = x.new_zeros(b, t, c, pooling.shape[1])
        num_basis, size = kernel.shape[0], kernel.shape[-1]
        # Rows: what the logits spread over each offset, then the bins' shares.
        sources = x.new_zeros(b, (size * size + 1) * num_basis, *x.shape[2:])
        by_offset = sources.unflatten(1, (-1, num_basis))
        for i, offset in enumerate(_offsets(size)):
            received, to = _overlap(grad_logits, by_offset[:, i], offset)
            to.copy_(received)
        by_offset[:, -1] = pooling.t().unflatten(1, x.shape[2:])
        sources = sources.flatten(2)
        spread = sources[:, : size * size * num_basis]
        with without_autocast(x):
            grad_matrices = [
                torch.bmm(spread, features[:, i].transpose(1, 2)).sum(0)
                for i in range(t)
            ]
            if grad_x is not None:
                target = by_snippet(grad_x, t)[:, :, :c]
                for i in range(t):
                    ways = torch.cat(
                        [matrices[i].t().expand(b, -1, -1), grad_bins[:, i]], dim=2
                    )
                    target[:, i].baddbmm_(ways, sources)
        shape = (t, size, size, num_basis, c)
        grad_kernel = torch.stack(grad_matrices).view(shape).permute(3, 0, 4, 1, 2)
        return grad_x, grad_kernel.flatten(1, 2), None, None
