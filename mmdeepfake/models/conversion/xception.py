"""Xception of FaceForensics++'s public code, and of those that took it over.

Covers the ImageNet weights (`xception-b5690688.pth`, whose point-wise kernels are
matrices, and `xception-43020ad28.pth`, where they are 1x1 convolutions),
FaceForensics++'s trained detectors and DeepfakeBench's.
"""

from __future__ import annotations

from torch import Tensor

from .key_rules import KeyRules

_ENTRY, _MIDDLE, _EXIT = range(1, 4), range(4, 12), 12


def _block_renames(number: int, *, num_convs: int, first: int) -> list[tuple[str, str]]:
    """Rename one block; `first` is where the first convolution stands in its list.

    The list goes on as ReLU, convolution, normalisation.
    """
    ours = f'backbone.blocks.{number - 1}'
    renames = [
        (rf'^block{number}\.skip\.', f'{ours}.shortcut.conv.'),
        (rf'^block{number}\.skipbn\.', f'{ours}.shortcut.bn.'),
    ]
    for index in range(num_convs):
        theirs, conv = first + 3 * index, f'{ours}.convs.{index}'
        renames += [
            (
                rf'^block{number}\.rep\.{theirs}\.conv1\.',
                f'{conv}.depthwise_conv.conv.',
            ),
            (
                rf'^block{number}\.rep\.{theirs}\.pointwise\.',
                f'{conv}.pointwise_conv.conv.',
            ),
            (rf'^block{number}\.rep\.{theirs + 1}\.', f'{conv}.pointwise_conv.bn.'),
        ]
    return renames


def _as_convolution(name: str, tensor: Tensor) -> Tensor:
    """Give the matrices of old point-wise kernels their two axes of length 1."""
    if 'pointwise_conv.conv' in name and tensor.ndim == 2:
        return tensor[:, :, None, None]
    return tensor


RULES = KeyRules(
    source='https://github.com/ondyari/FaceForensics/tree/master/classification/network',
    renames=(
        # DeepfakeBench keeps the network under this name.
        (r'^backbone\.', ''),
        (r'^conv([12])\.', r'backbone.conv\1.conv.'),
        (r'^bn([12])\.', r'backbone.conv\1.bn.'),
        # Block 1 alone has no ReLU in front.
        *_block_renames(1, num_convs=2, first=0),
        *(r for n in _ENTRY[1:] for r in _block_renames(n, num_convs=2, first=1)),
        *(r for n in _MIDDLE for r in _block_renames(n, num_convs=3, first=1)),
        *_block_renames(_EXIT, num_convs=2, first=1),
        (r'^conv([34])\.conv1\.', r'backbone.conv\1.depthwise_conv.conv.'),
        (r'^conv([34])\.pointwise\.', r'backbone.conv\1.pointwise_conv.conv.'),
        (r'^bn([34])\.', r'backbone.conv\1.pointwise_conv.bn.'),
        # Under dropout the layer stands second in a list.
        (r'^(?:fc|last_linear)\.(?:1\.)?', 'cls_head.fc_cls.'),
    ),
    drops=(
        (
            r'^(?:backbone\.)?adjust_channel\.',
            'an extra layer of DeepfakeBench that its Xception detector does not use',
        ),
    ),
    transform=_as_convolution,
)
