"""V4D as Malong's research-v4d publishes it, on ResNet-50 or ResNet-18.

In the public code the R4D blocks stand among the others of a stage, so that they shift
the numbers of those behind them: stage 2 of ResNet-50 holds blocks 0, 1, an R4D, blocks
2, 3, an R4D. They have no norm: the model here needs `r4d_norm=False`.
"""

from __future__ import annotations

from torch import Tensor

from .key_rules import KeyRules


def lay_out_r4d_kernel(name: str, tensor: Tensor) -> Tensor:
    """Bring the kernel of a 4D convolution to that of a 3D one over (U, T, H*W).

    The public code has three forms of it: (C, C, 3, 3, 1) already, of its "fast
    implementation"; (3, C, C, 3, 1, 1), with the taps over snippets in front; and
    (C, C, 3, 3, 1, 1).
    """
    if '.r4d.' not in name or tensor.ndim != 6:
        return tensor
    if tensor.shape[0] == 3:  # the taps over snippets: there are more channels
        tensor = tensor.movedim(0, 2)
    return tensor.squeeze(-1)


RULES = KeyRules(
    source='https://github.com/MalongTech/research-v4d',
    renames=(
        (r'^base_model\.', 'backbone.'),
        (r'^new_fc\.', 'cls_head.fc_cls.'),
        # An R4D is named after the block before it, and blocks count without R4Ds.
        (r'\.layer([23])\.2\.tsa\.', r'.r4d.layer\1_1.conv.'),
        (r'\.layer2\.5\.tsa\.', '.r4d.layer2_3.conv.'),
        (r'\.layer2\.3\.', '.layer2.2.'),
        (r'\.layer2\.4\.', '.layer2.3.'),
        # The stem and blocks hold a convolution and its norm together.
        (r'^(backbone\.(?:layer\d\.\d\.)?conv\d)\.', r'\1.conv.'),
        (r'^(backbone\.(?:layer\d\.\d\.)?)bn(\d)\.', r'\1conv\2.bn.'),
        (r'\.downsample\.0\.', '.downsample.conv.'),
        (r'\.downsample\.1\.', '.downsample.bn.'),
    ),
    transform=lay_out_r4d_kernel,
)
