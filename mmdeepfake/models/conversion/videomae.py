"""VideoMAE's public code, self-supervised or fine-tuned; MMAction2 has our names."""

from __future__ import annotations

from .key_rules import KeyRules

RULES = KeyRules(
    source='https://github.com/MCG-NJU/VideoMAE',
    renames=(
        (r'^encoder\.', ''),
        (r'^(patch_embed|blocks|fc_norm)\.', r'backbone.\1.'),
        (r'\.patch_embed\.proj\.', '.patch_embed.projection.'),
        (r'\.mlp\.fc1\.', '.mlp.layers.0.0.'),
        (r'\.mlp\.fc2\.', '.mlp.layers.1.'),
        (r'^head\.', 'cls_head.fc_cls.'),
    ),
    drops=(
        (r'^(decoder\.|encoder_to_decoder\.|mask_token$)', 'used in pre-training'),
        (r'^encoder\.norm\.', 'used in pre-training; fine-tuning has fc_norm'),
    ),
    computed=(r'^backbone\.pos_embed$',),
)
