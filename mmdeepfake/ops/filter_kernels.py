"""The region-aware filter and its gradients as Triton kernels.

The same two functions as in `fused_filter`, each one pass over the map. A program takes
one snippet, some channels and some positions, over all frames and taps; filters exist
in its registers alone. Sums are in fp32 whatever the map's type; the map is addressed
by its strides, so both layouts are read as they lie. No atomic sums: what several
programs add to, each writes apart and one sum follows, so results repeat bit by bit.

`TRITON_INTERPRET=1`, set before the first import, runs them on a CPU.
"""

from __future__ import annotations

from functools import partial

import torch
import triton
import triton.language as tl
from torch import Tensor

from .temporal_filter import filter_over_time, mix_basis_filters

_TILE_SIDE = 32  # ours: channels, and positions, of a program


def filter_maps(
    x: Tensor, basis: Tensor, weights: Tensor, *, num_frames: int
) -> Tensor:
    """As `fused_filter.filter_maps`; weights in fp32."""
    out = torch.empty_like(x)
    c = basis.shape[1]
    out[:, c:] = x[:, c:]
    basis, weights, sizes = _prepare(x, basis, weights, num_frames)
    grid, tile = _launch(x, c, num_frames)
    _filter_kernel[grid](x, basis, weights, out, *_strides(x), **sizes, **tile)
    return out


def differentiate_filter(
    x: Tensor, basis: Tensor, weights: Tensor, grad: Tensor, *, num_frames: int
) -> tuple[Tensor, Tensor, Tensor]:
    """As `fused_filter.differentiate_filter`; weights in fp32."""
    grad_x = torch.empty_like(x)
    c = basis.shape[1]
    grad_x[:, c:] = grad[:, c:]
    dtype = basis.dtype
    basis, weights, sizes = _prepare(x, basis, weights, num_frames)
    grid, tile = _launch(x, c, num_frames)
    grad_basis = weights.new_empty(grid[1], *basis.shape)
    num_planes = grid[2] * basis.shape[3]
    grad_weights = weights.new_empty(num_planes, *weights.shape)
    _differentiate_kernel[grid](
        x,
        basis,
        weights,
        grad,
        grad_x,
        grad_basis,
        grad_weights,
        *_strides(x),
        **sizes,
        **tile,
    )
    return grad_x, grad_basis.sum(0).to(dtype), grad_weights.sum(0)


@torch.inference_mode(False)
@torch.enable_grad()
def measure_error(
    device: torch.device, dtype: torch.dtype, num_frames: int, num_basis: int, taps: int
) -> float:
    """Return the largest relative error of output and gradients, on random maps."""
    draw = partial(torch.randn, generator=torch.Generator().manual_seed(0))
    c = 40  # of 41: with 42 positions, several tiles, not all of them full
    maps = draw(2, 2 * num_frames, c + 1, 6, 7).to(device, dtype)
    basis = draw(2, c, num_basis, taps).to(device, dtype)
    weights = draw(2, num_basis, 6, 7).softmax(dim=1).to(device)

    inputs = [m.double().requires_grad_() for m in (maps[0], basis, weights)]
    frames = inputs[0].unflatten(0, (2, num_frames))
    filtered = filter_over_time(frames[:, :, :c], mix_basis_filters(*inputs[1:]))
    out = torch.cat([filtered.flatten(0, 1), inputs[0][:, c:]], dim=1)
    expected = [out, *torch.autograd.grad(out, inputs, maps[1].double())]

    errors = []
    for layout in (torch.contiguous_format, torch.channels_last):
        x, received = (m.contiguous(memory_format=layout) for m in maps)
        got = [
            filter_maps(x, basis, weights, num_frames=num_frames),
            *differentiate_filter(x, basis, weights, received, num_frames=num_frames),
        ]
        for one, right in zip(got, expected, strict=True):
            errors.append((one.double() - right).norm() / right.norm())
    largest: float = torch.stack(errors).max().item()
    return largest


def _prepare(
    x: Tensor, basis: Tensor, weights: Tensor, num_frames: int
) -> tuple[Tensor, Tensor, dict[str, int]]:
    sizes = dict(
        num_channels=basis.shape[1],
        num_positions=x.shape[2] * x.shape[3],
        NUM_FRAMES=num_frames,
        NUM_BASES=basis.shape[2],
        NUM_TAPS=basis.shape[3],
        FRAMES=triton.next_power_of_2(num_frames),
    )
    return basis.float().contiguous(), weights.float().contiguous(), sizes


def _strides(x: Tensor) -> tuple[int, int, int]:
    """Return the strides of an image, a channel and a position, in both layouts."""
    position = x.stride(3) if x.shape[3] > 1 else x.stride(2)
    return x.stride(0), x.stride(1), position


def _launch(
    x: Tensor, num_channels: int, num_frames: int
) -> tuple[tuple[int, int, int], dict[str, int]]:
    """Return the grid (snippets, blocks of positions, of channels) and the tile."""
    num_positions = x.shape[2] * x.shape[3]
    channels = min(_TILE_SIDE, triton.next_power_of_2(num_channels))
    positions = min(_TILE_SIDE, triton.next_power_of_2(num_positions))
    grid = (
        x.shape[0] // num_frames,
        triton.cdiv(num_positions, positions),
        triton.cdiv(num_channels, channels),
    )
    num_warps = 4 if num_frames <= 4 else 8
    return grid, dict(CHANNELS=channels, POSITIONS=positions, num_warps=num_warps)


@triton.jit
def _load_base(basis, tap, r, channel, num_channels, NUM_BASES, NUM_TAPS):
    """Load one tap of one basis filter of every channel: (CHANNELS,)."""
    at = basis + (channel * NUM_BASES + r) * NUM_TAPS + tap
    return tl.load(at, mask=channel < num_channels, other=0.0)


@triton.jit
def _load_share(weights, r, position, num_positions):
    """Load the share of one basis at every position: (POSITIONS,)."""
    at = weights + r * num_positions + position
    return tl.load(at, mask=position < num_positions, other=0.0)


@triton.jit
def _load_frames(maps, place, inside, frame, image_stride, NUM_FRAMES):
    """Load frames of all channels and positions in fp32, zero outside the snippet."""
    exists = (frame >= 0) & (frame < NUM_FRAMES)
    at = maps + frame[:, None, None] * image_stride + place[None, :, :]
    mask = exists[:, None, None] & inside[None, :, :]
    return tl.load(at, mask=mask, other=0.0).to(tl.float32)


@triton.jit
def _store_frames(maps, values, place, inside, frame, image_stride, NUM_FRAMES):
    at = maps + frame[:, None, None] * image_stride + place[None, :, :]
    mask = (frame < NUM_FRAMES)[:, None, None] & inside[None, :, :]
    tl.store(at, values.to(maps.dtype.element_ty), mask=mask)


@triton.jit
def _filter_kernel(
    x,
    basis,
    weights,
    out,
    image_stride,
    channel_stride,
    position_stride,
    num_channels,
    num_positions,
    NUM_FRAMES: tl.constexpr,
    NUM_BASES: tl.constexpr,
    NUM_TAPS: tl.constexpr,
    FRAMES: tl.constexpr,
    CHANNELS: tl.constexpr,
    POSITIONS: tl.constexpr,
):
    snippet = tl.program_id(0).to(tl.int64)
    position = tl.program_id(1) * POSITIONS + tl.arange(0, POSITIONS)
    channel = tl.program_id(2) * CHANNELS + tl.arange(0, CHANNELS)
    frame = tl.arange(0, FRAMES)
    inside = (channel < num_channels)[:, None] & (position < num_positions)[None, :]
    place = channel[:, None] * channel_stride + position[None, :] * position_stride
    x += snippet * NUM_FRAMES * image_stride
    out += snippet * NUM_FRAMES * image_stride
    basis += snippet * num_channels * NUM_BASES * NUM_TAPS
    weights += snippet * NUM_BASES * num_positions

    total = tl.zeros((FRAMES, CHANNELS, POSITIONS), dtype=tl.float32)
    for tap in tl.static_range(NUM_TAPS):
        filter_ = tl.zeros((CHANNELS, POSITIONS), dtype=tl.float32)
        for r in range(NUM_BASES):
            base = _load_base(basis, tap, r, channel, num_channels, NUM_BASES, NUM_TAPS)
            share = _load_share(weights, r, position, num_positions)
            filter_ += base[:, None] * share[None, :]
        source = frame + (tap - NUM_TAPS // 2)
        total += filter_[None, :, :] * _load_frames(
            x, place, inside, source, image_stride, NUM_FRAMES
        )
    _store_frames(out, total, place, inside, frame, image_stride, NUM_FRAMES)


@triton.jit
def _differentiate_kernel(
    x,
    basis,
    weights,
    grad,
    grad_x,
    grad_basis,
    grad_weights,
    image_stride,
    channel_stride,
    position_stride,
    num_channels,
    num_positions,
    NUM_FRAMES: tl.constexpr,
    NUM_BASES: tl.constexpr,
    NUM_TAPS: tl.constexpr,
    FRAMES: tl.constexpr,
    CHANNELS: tl.constexpr,
    POSITIONS: tl.constexpr,
):
    snippet, num_snippets = tl.program_id(0).to(tl.int64), tl.num_programs(0)
    channel = tl.program_id(2) * CHANNELS + tl.arange(0, CHANNELS)
    position = tl.program_id(1) * POSITIONS + tl.arange(0, POSITIONS)
    inside = (channel < num_channels)[:, None] & (position < num_positions)[None, :]
    place = channel[:, None] * channel_stride + position[None, :] * position_stride
    frame = tl.arange(0, FRAMES)
    start = snippet * NUM_FRAMES * image_stride
    bases_size = num_channels * NUM_BASES * NUM_TAPS
    shares_size = NUM_BASES * num_positions
    basis += snippet * bases_size
    weights += snippet * shares_size
    # Sums over positions, channels and taps are finished outside: one plane each.
    grad_basis += (tl.program_id(1) * num_snippets + snippet) * bases_size

    received = _load_frames(
        grad + start, place, inside, frame, image_stride, NUM_FRAMES
    )
    total = tl.zeros((FRAMES, CHANNELS, POSITIONS), dtype=tl.float32)
    for tap in tl.static_range(NUM_TAPS):
        # Frame t reaches the output at t - shift, and is reached from t + shift.
        shift = tap - NUM_TAPS // 2
        values = _load_frames(
            x + start, place, inside, frame + shift, image_stride, NUM_FRAMES
        )
        change = tl.sum(received * values, axis=0)  # gradient by this tap
        filter_ = tl.zeros((CHANNELS, POSITIONS), dtype=tl.float32)
        plane = (tl.program_id(2) * NUM_TAPS + tap) * num_snippets + snippet
        for r in range(NUM_BASES):
            base = _load_base(basis, tap, r, channel, num_channels, NUM_BASES, NUM_TAPS)
            share = _load_share(weights, r, position, num_positions)
            filter_ += base[:, None] * share[None, :]
            tl.store(
                grad_basis + (channel * NUM_BASES + r) * NUM_TAPS + tap,
                tl.sum(change * share[None, :], axis=1),
                mask=channel < num_channels,
            )
            tl.store(
                grad_weights + plane * shares_size + r * num_positions + position,
                tl.sum(change * base[:, None], axis=0),
                mask=position < num_positions,
            )
        total += filter_[None, :, :] * _load_frames(
            grad + start, place, inside, frame - shift, image_stride, NUM_FRAMES
        )
    _store_frames(grad_x + start, total, place, inside, frame, image_stride, NUM_FRAMES)
