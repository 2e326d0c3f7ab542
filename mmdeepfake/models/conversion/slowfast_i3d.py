"""Renames that FTCN and AltFreezing share: both build on SlowFast's I3D."""

from __future__ import annotations

import torch
from torch import Tensor

# Their first stage of blocks is called s2. A norm before a pooling is in a list.
BACKBONE_RENAMES = (
    (r'^resnet\.', ''),
    (r'^s1\.pathway0_stem\.conv\.', 'backbone.conv1.conv.'),
    (r'^s1\.pathway0_stem\.bn\.(?:0\.)?', 'backbone.conv1.bn.'),
    *(
        (rf'^s{number + 1}\.pathway0_res(\d+)\.', rf'backbone.layer{number}.\1.')
        for number in range(1, 5)
    ),
    (r'\.branch1\.', '.downsample.conv.'),
    (r'\.branch1_bn\.(?:0\.)?', '.downsample.bn.'),
    *(
        (rf'\.branch2\.{letter}\.', f'.conv{number}.conv.')
        for number, letter in enumerate('abc', start=1)
    ),
    *(
        (rf'\.branch2\.{letter}_bn\.(?:0\.)?', f'.conv{number}.bn.')
        for number, letter in enumerate('abc', start=1)
    ),
)


def make_two_classes(name: str, tensor: Tensor) -> Tensor:
    """Turn a classifier with one logit z into one with the logits (0, z)."""
    if name.startswith('cls_head.fc_cls.') and len(tensor) == 1:
        return torch.cat([torch.zeros_like(tensor), tensor])
    return tensor
