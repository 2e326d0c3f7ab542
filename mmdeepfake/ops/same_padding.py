"""TensorFlow's "same" padding."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn.functional import pad


def same_padding(size: int, *, kernel: int, stride: int) -> tuple[int, int]:
    """Return the zeros before and after so that ceil(size / stride) windows fit.

    size 6, kernel 3, stride 2  ->  windows 012 234 45.  ->  (0, 1)
    """
    num_windows = -(-size // stride)
    total = max((num_windows - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def pad_same(
    x: Tensor, kernel: Sequence[int], stride: Sequence[int], *, value: float = 0.0
) -> Tensor:
    """Pad all but the first two axes of (B, C, ...) by `same_padding`."""
    amounts: list[int] = []
    # Torch takes the last axis first.
    for size, width, step in reversed(
        list(zip(x.shape[2:], kernel, stride, strict=True))
    ):
        amounts += same_padding(size, kernel=width, stride=step)
    return pad(x, amounts, value=value)
