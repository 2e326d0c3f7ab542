"""Xception of FaceForensics++'s public code and those derived from it.

Covers ImageNet weights (`xception-b5690688.pth`, with matrices as point-wise kernels,
and `xception-43020ad28.pth`, with 1x1 convolutions), and the detectors of
FaceForensics++ and DeepfakeBench.
"""

from __future__ import annotations

from torch import Tensor

from .key_rules import KeyRules

_ENTRY, _MIDDLE, _EXIT = range(1, 4), range(4, 12), 12


def _block_renames(number: int, *, num_convs: int, first: int) -> list[tuple[str, str]]:
    """Return the renames of one block; `first` indexes its first convolution."""
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
    """Reshape the matrices of old point-wise kernels to 1x1 convolutions."""
    if 'pointwise_conv.conv' in name and tensor.ndim == 2:
        return tensor[:, :, None, None]
    return tensor


RULES = KeyRules(
    source='https://github.com/ondyari/FaceForensics/tree/master/classification/network',
    renames=(
        # DeepfakeBench's name of the network.
        (r'^backbone\.', ''),
        (r'^conv([12])\.', r'backbone.conv\1.conv.'),
        (r'^bn([12])\.', r'backbone.conv\1.bn.'),
        # Only block 1 does not begin with a ReLU.
        *_block_renames(1, num_convs=2, first=0),
        *(r for n in _ENTRY[1:] for r in _block_renames(n, num_convs=2, first=1)),
        *(r for n in _MIDDLE for r in _block_renames(n, num_convs=3, first=1)),
        *_block_renames(_EXIT, num_convs=2, first=1),
        (r'^conv([34])\.conv1\.', r'backbone.conv\1.depthwise_conv.conv.'),
        (r'^conv([34])\.pointwise\.', r'backbone.conv\1.pointwise_conv.conv.'),
        (r'^bn([34])\.', r'backbone.conv\1.pointwise_conv.bn.'),
        # With dropout the layer is the second of a list.
        (r'^(?:fc|last_linear)\.(?:1\.)?', 'cls_head.fc_cls.'),
    ),
    drops=((r'^(?:backbone\.)?adjust_channel\.', 'an unused layer of DeepfakeBench'),),
    transform=_as_convolution,
)
