"""Torchvision's DenseNet, whose ImageNet files name layers in two ways."""

from __future__ import annotations

from .key_rules import KeyRules

RULES = KeyRules(
    source='https://github.com/pytorch/vision (torchvision.models.densenet121)',
    renames=(
        # The released files have 'norm.1', newer code 'norm1'.
        (r'\.(norm|conv)\.([12])\.', r'.\1\2.'),
        (r'^features\.conv0\.', 'backbone.stem.0.conv.'),
        (r'^features\.norm0\.', 'backbone.stem.0.bn.'),
        *(
            (rf'^features\.denseblock{stage + 1}\.', f'backbone.blocks.{stage}.')
            for stage in range(4)
        ),
        *(
            (
                rf'^(backbone\.blocks\.\d)\.denselayer{layer + 1}\.',
                rf'\1.layers.{layer}.',
            )
            for layer in range(64)
        ),
        (r'\.layers\.(\d+)\.norm1\.', r'.layers.\1.0.bn.'),
        (r'\.layers\.(\d+)\.conv1\.', r'.layers.\1.0.conv.'),
        (r'\.layers\.(\d+)\.norm2\.', r'.layers.\1.1.bn.'),
        (r'\.layers\.(\d+)\.conv2\.', r'.layers.\1.1.conv.'),
        *(
            (rf'^features\.transition{stage + 1}\.{theirs}\.', name)
            for stage in range(3)
            for theirs, ours in (('norm', 'bn'), ('conv', 'conv'))
            for name in [f'backbone.transitions.{stage}.0.{ours}.']
        ),
        (r'^features\.norm5\.', 'backbone.norm.'),
        (r'^classifier\.', 'cls_head.fc_cls.'),
    ),
)
