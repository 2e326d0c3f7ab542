"""V4D of Malong's research-v4d, on ResNet-50 or ResNet-18, with `r4d_norm=False`.

In the public code R4D blocks count among the others: stage 2 of ResNet-50 has blocks
0, 1, an R4D, blocks 2, 3, an R4D.
"""

from __future__ import annotations

from torch import Tensor

from .key_rules import KeyRules


def lay_out_r4d_kernel(name: str, tensor: Tensor) -> Tensor:
    """Reshape the kernel of a 4D convolution to a 3D one over (U, T, H*W).

    The public code has three forms: (C, C, 3, 3, 1), (C, C, 3, 3, 1, 1), and
    (3, C, C, 3, 1, 1) with the taps over snippets first.
    """
    if '.r4d.' not in name or tensor.ndim != 6:
        return tensor
    if tensor.shape[0] == 3:  # C is larger than 3
        tensor = tensor.movedim(0, 2)
    return tensor.squeeze(-1)


RULES = KeyRules(
    source='https://github.com/MalongTech/research-v4d',
    renames=(
        (r'^base_model\.', 'backbone.'),
        (r'^new_fc\.', 'cls_head.fc_cls.'),
        # Here an R4D is named after the block before it and not counted.
        (r'\.layer([23])\.2\.tsa\.', r'.r4d.layer\1_1.conv.'),
        (r'\.layer2\.5\.tsa\.', '.r4d.layer2_3.conv.'),
        (r'\.layer2\.3\.', '.layer2.2.'),
        (r'\.layer2\.4\.', '.layer2.3.'),
        # Here stem and blocks have a convolution and its norm together.
        (r'^(backbone\.(?:layer\d\.\d\.)?conv\d)\.', r'\1.conv.'),
        (r'^(backbone\.(?:layer\d\.\d\.)?)bn(\d)\.', r'\1conv\2.bn.'),
        (r'\.downsample\.0\.', '.downsample.conv.'),
        (r'\.downsample\.1\.', '.downsample.bn.'),
    ),
    transform=lay_out_r4d_kernel,
)
