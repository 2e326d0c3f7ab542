"""The region-aware filter and its gradients in PyTorch, piece by piece of the map.

One home for what `fused_filter` runs wherever no Triton kernel does. Filters exist for
one piece at a time, in memory that all pieces share.
Axes: see `temporal_filter`; P = H * W positions, K*c taps of the c channels, tap-major.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

_PIECE_VALUES = 2**20  # ours: smaller was slower on 2 cores, larger no faster


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
    """Gradients of `filter_maps` by x, basis and weights.

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
    grad_taps, grad_shares = torch.zeros_like(taps), torch.empty_like(shares)
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
        grad_taps[snippets].baddbmm_(mixed, share.transpose(1, 2))
        grad_shares[snippets, :, positions] = torch.bmm(
            taps[snippets].transpose(1, 2), mixed
        )
    grad_basis = grad_taps.unflatten(1, (num_taps, c)).permute(0, 2, 3, 1)
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
    """Frames t, and frames t + shift, for which both lie inside the snippet."""
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
