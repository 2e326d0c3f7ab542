"""The region-aware temporal filter without its filters: Eq. (3), recomputed.

Paper: Region-Aware Temporal Inconsistency Learning for DeepFake Video Detection,
IJCAI 2022, Sec. 3.2. The same function as `temporal_filter`, which never holds a filter
for every channel and position of the map: they exist for one piece of it at a time, in
memory that all pieces share, and the backward pass makes them again.
Axes: see `temporal_filter`; P = H * W positions, K*c taps of the c channels, tap-major.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import Any

import torch
from mmengine.logging import print_log
from torch import Tensor
from torch.autograd.function import once_differentiable

from .temporal_filter import weigh_bases, without_autocast

_PIECE_VALUES = 2**20  # ours: smaller was slower on 2 cores, larger no faster
_KERNEL_TOLERANCE = {torch.float32: 1e-4}  # ours; 1e-2 of half precision


def filter_regions(
    x: Tensor,
    basis: Tensor,
    logits: Tensor,
    *,
    temperature: float,
    num_frames: int,
    triton: bool = False,
) -> Tensor:
    """Filter the first channels over time, each position by its own mix of bases.

    out[t] = sum_d (sum_r alpha_r basis_rd) x[t + d - K//2], zero-padded, with alpha the
    softmax of Eq. (3). Sums are in fp32 (fp64 of fp64), the output in x's own type.

    Args:
        x: (B*T, C, H, W), T innermost.
        basis: (B, c, R, K), c <= C; K odd.
        logits: (B, R, H, W), eta in the paper.
        temperature: tau in the paper.
        num_frames: T.
        triton: use the Triton kernels for maps on CUDA other than fp64, once they were
            seen to agree with plain operators there (see `find_kernels`).

    Returns:
        (B*T, C, H, W); channels from c on are those of x.

    Raises:
        RuntimeError: in the backward pass of a backward pass, which is not supported.
    """
    x, kernels = dense(x), None
    if triton and x.is_cuda and x.dtype != torch.float64:
        kernels = find_kernels(x.device, x.dtype, num_frames, *basis.shape[2:])
    return _FilterRegions.apply(x, basis, logits, temperature, num_frames, kernels)


@cache
def find_kernels(
    device: torch.device, dtype: torch.dtype, *sizes: int
) -> ModuleType | None:
    """Return `filter_kernels`, or None with a warning where they do not work.

    They are compared with plain operators once for each device, type of map and sizes
    T, R and K, of which each makes a program of its own.
    """
    try:
        from . import filter_kernels

        with torch.autocast(device.type, enabled=False):
            error = filter_kernels.measure_error(device, dtype, *sizes)
        if error <= _KERNEL_TOLERANCE.get(dtype, 1e-2):
            return filter_kernels
        problem = f'they differ from plain operators by {error:.1e}'
    except Exception as failure:  # the errors of Triton have no class in common
        problem = f'{type(failure).__name__}: {failure}'
    print_log(
        f"RATF with fused='triton' runs without its Triton kernels on {device} in "
        f'{dtype}: {problem}',
        logger='current',
        level=logging.WARNING,
    )
    return None


class _FilterRegions(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        basis: Tensor,
        logits: Tensor,
        temperature: float,
        num_frames: int,
        kernels: ModuleType | None,
    ) -> Tensor:
        weights = weigh_bases(logits, temperature=temperature)
        ctx.save_for_backward(x, basis, weights)
        ctx.temperature, ctx.num_frames = temperature, num_frames
        ctx.logits_dtype, ctx.kernels = logits.dtype, kernels
        filter_ = kernels.filter_maps if kernels else filter_maps
        with without_autocast(x):
            return filter_(x, basis, weights, num_frames=num_frames)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, basis, weights = ctx.saved_tensors
        if grad.stride() != x.stride():
            grad = torch.empty_like(x).copy_(grad)
        differentiate = differentiate_filter
        if ctx.kernels:
            differentiate = ctx.kernels.differentiate_filter
        with without_autocast(x):
            grad_x, grad_basis, grad_weights = differentiate(
                x, basis, weights, grad, num_frames=ctx.num_frames
            )
        centred = grad_weights - (grad_weights * weights).sum(dim=1, keepdim=True)
        grad_logits = (weights * centred / ctx.temperature).to(ctx.logits_dtype)
        return grad_x, grad_basis.to(basis.dtype), grad_logits, None, None, None


def dense(x: Tensor) -> Tensor:
    """Return the map in one of the two layouts whose positions have one stride."""
    if x.is_contiguous() or x.is_contiguous(memory_format=torch.channels_last):
        return x
    return x.contiguous()


def by_snippet(x: Tensor, num_frames: int) -> Tensor:
    """(B*T, C, H, W) -> (B, T, C, P): a view, if all positions have one stride."""
    return x.flatten(2).unflatten(0, (-1, num_frames))


def filter_maps(
    x: Tensor, basis: Tensor, weights: Tensor, *, num_frames: int
) -> Tensor:
    """Filter the first channels of a map, each position by its own mix of bases.

    Args:
        x: (B*T, C, H, W), T innermost, contiguous or channels_last.
        basis: (B, c, R, K).
        weights: (B, R, H, W) share of each basis, fp32 or fp64: sums are of this type.
        num_frames: T.

    Returns:
        As x, laid out as x; channels from c on are those of x.
    """
    out = torch.empty_like(x)
    source, target = by_snippet(x, num_frames), by_snippet(out, num_frames)
    taps, shares = _taps(basis, weights), weights.flatten(2)
    c, num_taps = basis.shape[1], basis.shape[3]
    target[:, :, c:] = source[:, :, c:]
    mix = _Mixer(taps, source)
    for snippets, positions in _pieces(source, c):
        here = (snippets, slice(None), slice(c), positions)
        piece = source[here].to(taps.dtype)
        filters = mix(taps[snippets], shares[snippets, :, positions])
        filters = filters.unflatten(1, (num_taps, c)).unbind(1)
        _filter_piece(piece, filters, target[here])
    return out


def differentiate_filter(
    x: Tensor, basis: Tensor, weights: Tensor, grad: Tensor, *, num_frames: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of `filter_maps` by x, basis and weights.

    Args:
        x: as there.
        basis: as there.
        weights: as there.
        grad: gradient by the output, laid out as x.
        num_frames: T.

    Returns:
        Three tensors, shaped as x, basis and weights.
    """
    grad_x = torch.empty_like(x)
    source, received, target = (by_snippet(m, num_frames) for m in (x, grad, grad_x))
    taps, shares = _taps(basis, weights), weights.flatten(2)
    # Few rows of many columns: the other way round is several times slower on a CPU.
    grad_taps = taps.new_zeros(*taps.shape[::2], taps.shape[1])  # (B, R, K*c)
    grad_shares = torch.empty_like(shares)
    c, num_taps = basis.shape[1], basis.shape[3]
    target[:, :, c:] = received[:, :, c:]
    mix = _Mixer(taps, source)
    for snippets, positions in _pieces(source, c):
        here = (snippets, slice(None), slice(c), positions)
        piece, back = source[here].to(taps.dtype), received[here].to(taps.dtype)
        share = shares[snippets, :, positions]
        mixed = mix(taps[snippets], share)  # (b, K*c, p)
        filters = mixed.unflatten(1, (num_taps, c)).unbind(1)
        # The transpose of a filter over time is the filter with its taps reversed.
        _filter_piece(back, filters[::-1], target[here])
        for tap, filter_ in enumerate(filters):  # each is used up: its place is free
            _correlate(back, piece, tap - num_taps // 2, out=filter_)
        grad_taps[snippets].baddbmm_(share, mixed.transpose(1, 2))
        grad_shares[snippets, :, positions] = torch.bmm(
            taps[snippets].transpose(1, 2), mixed
        )
    grad_basis = grad_taps.unflatten(2, (num_taps, c)).permute(0, 3, 1, 2)
    return grad_x, grad_basis, grad_shares.view_as(weights)


def _taps(basis: Tensor, weights: Tensor) -> Tensor:
    """(B, c, R, K) -> (B, K*c, R), in the type of the sums."""
    return basis.to(weights.dtype).permute(0, 3, 1, 2).flatten(1, 2)


def _pieces(features: Tensor, num_filtered: int) -> Iterator[tuple[slice, slice]]:
    """Cut (B, T, C, P) into pieces of snippets and positions, all channels whole."""
    b, t, _, num_positions = features.shape
    if features.device.type != 'cpu':
        yield slice(None), slice(None)
        return
    row = t * num_filtered
    num_cuts = -(-row * num_positions // _PIECE_VALUES)
    length = -(-num_positions // num_cuts)
    together = max(1, _PIECE_VALUES // (row * num_positions))
    for first in range(0, b, together):
        for start in range(0, num_positions, length):
            yield slice(first, first + together), slice(start, start + length)


class _Mixer:
    """Mixes filters, always in the same memory: fresh memory costs more than they do.

    Args:
        taps: (B, K*c, R).
        features: (B, T, C, P) as laid out, the filters shall be.
    """

    def __init__(self, taps: Tensor, features: Tensor) -> None:
        self._memory = taps.new_empty(0)
        self._positions_first = features.stride(3) != 1

    def __call__(self, taps: Tensor, shares: Tensor) -> Tensor:
        """(b, K*c, R) and (b, R, p) -> (b, K*c, p), valid until the next call."""
        if self._positions_first:
            taps, shares = shares.transpose(1, 2), taps.transpose(1, 2)
        shape = (taps.shape[0], taps.shape[1], shares.shape[2])
        if self._memory.numel() < shape[0] * shape[1] * shape[2]:
            self._memory = taps.new_empty(shape).flatten()
        out = self._memory[: shape[0] * shape[1] * shape[2]].view(shape)
        torch.bmm(taps, shares, out=out)
        return out.transpose(1, 2) if self._positions_first else out


def _overlap(num_frames: int, shift: int) -> tuple[slice, slice]:
    """Return frames t and t + shift, as far as both lie inside the snippet."""
    first, last = max(0, -shift), num_frames - max(0, shift)
    return slice(first, last), slice(first + shift, last + shift)


def _filter_piece(piece: Tensor, filters: tuple[Tensor, ...], target: Tensor) -> None:
    """Write sum_d filters[d] piece[t + d - K//2] to the target, (b, T, c, p)."""
    num_frames, centre = piece.shape[1], len(filters) // 2
    is_direct = target.dtype == piece.dtype
    total = torch.mul(
        piece, filters[centre][:, None], out=target if is_direct else None
    )
    for tap, filter_ in enumerate(filters):
        if tap != centre and abs(tap - centre) < num_frames:
            to, come = _overlap(num_frames, tap - centre)
            total[:, to].addcmul_(piece[:, come], filter_[:, None])
    if not is_direct:
        target.copy_(total)


def _correlate(back: Tensor, piece: Tensor, shift: int, *, out: Tensor) -> None:
    """Write sum_t back[t] piece[t + shift] to `out`, (b, c, p)."""
    num_frames = piece.shape[1]
    if abs(shift) >= num_frames:
        out.zero_()
        return
    at, source = (range(num_frames)[frames] for frames in _overlap(num_frames, shift))
    torch.mul(back[:, at[0]], piece[:, source[0]], out=out)
    for i, j in zip(at[1:], source[1:], strict=True):
        out.addcmul_(back[:, i], piece[:, j])
