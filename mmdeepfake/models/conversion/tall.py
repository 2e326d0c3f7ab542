"""TALL-Swin's public code, and the Swin that it starts from."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import torch.nn.functional as F
from torch import Tensor

from .key_rules import KeyRules


def resize_position_table(table: Tensor, *, window_size: int) -> Tensor:
    """Resize a table of relative position biases bilinearly.

    Args:
        table: ((2v - 1)^2, heads) of windows of v x v tokens.
        window_size: w.

    Returns:
        ((2w - 1)^2, heads).
    """
    old, new = round(len(table) ** 0.5), 2 * window_size - 1
    if old == new:
        return table
    grid = table.T.unflatten(1, (old, old)).unsqueeze(0)  # (1, heads, 2v-1, 2v-1)
    grid = F.interpolate(grid, size=(new, new), mode='bilinear', align_corners=False)
    return grid.flatten(2)[0].T


def _make_transform(window_sizes: Sequence[int]) -> Callable[[str, Tensor], Tensor]:
    def transform(name: str, tensor: Tensor) -> Tensor:
        found = re.search(r'\.layers\.(\d+)\..*\.relative_position_bias_table$', name)
        if found is None:
            return tensor
        window_size = window_sizes[int(found.group(1))]
        return resize_position_table(tensor, window_size=window_size)

    return transform


def make_rules(window_sizes: Sequence[int]) -> KeyRules:
    """Return the rules of a network with these window sizes in its stages."""
    return KeyRules(
        source='https://github.com/rainy-xu/TALL4Deepfake or '
        'https://github.com/microsoft/Swin-Transformer',
        renames=(
            (r'^head\.', 'cls_head.fc_cls.'),
            (r'^frame_pos_embed$', 'frame_position'),
            (r'^(patch_embed|layers|norm|frame_position)\b', r'backbone.\1'),
        ),
        drops=(
            (r'\.relative_position_index$', 'computed from the window size'),
            (r'\.attn_mask$', 'computed from the window size'),
        ),
        transform=_make_transform(window_sizes),
        computed=(r'\.relative_position_index$',),
    )


RULES = make_rules((14, 14, 14, 7))
