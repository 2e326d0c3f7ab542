"""TAM's public code, torchvision's ResNet with wrapped blocks; MMAction2's TANet."""

from __future__ import annotations

from .key_rules import KeyRules

RULES = KeyRules(
    source='https://github.com/liu-zhy/temporal-adaptive-module',
    renames=(
        (r'^base_model\.', 'backbone.'),
        # With dropout the classifier is `new_fc`, else it is the ResNet's.
        (r'^(new_fc|backbone\.fc)\.', 'cls_head.fc_cls.'),
        (r'^(backbone\.layer\d\.\d+)\.(net|block)\.', r'\1.'),
        (r'\.tam\.', '.temporal.'),
        (r'\.downsample\.0\.', '.downsample.conv.'),
        (r'\.downsample\.1\.', '.downsample.bn.'),
        (r'\.conv(\d)\.weight$', r'.conv\1.conv.weight'),
        (r'\.bn(\d)\.', r'.conv\1.bn.'),
    ),
)
