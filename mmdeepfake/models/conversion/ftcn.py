"""FTCN's public code: SlowFast's I3D with a transformer head."""

from __future__ import annotations

from .key_rules import KeyRules
from .slowfast_i3d import BACKBONE_RENAMES, make_two_classes

_LAYER = r'^head\.time_T\.transformer\.layers\.(\d+)\.'

RULES = KeyRules(
    source='https://github.com/yinglinzheng/FTCN',
    renames=(
        *BACKBONE_RENAMES,
        (rf'{_LAYER}0\.fn\.norm\.', r'cls_head.layers.\1.norm1.'),
        (rf'{_LAYER}0\.fn\.fn\.to_qkv\.', r'cls_head.layers.\1.attention.qkv.'),
        (rf'{_LAYER}0\.fn\.fn\.to_out\.0\.', r'cls_head.layers.\1.attention.out.'),
        (rf'{_LAYER}1\.fn\.norm\.', r'cls_head.layers.\1.norm2.'),
        (rf'{_LAYER}1\.fn\.fn\.net\.', r'cls_head.layers.\1.mlp.'),
        (r'^head\.time_T\.pos_embedding$', 'cls_head.position'),
        (r'^head\.time_T\.cls_token$', 'cls_head.class_token'),
        (r'^head\.time_T\.mlp_head\.0\.', 'cls_head.norm.'),
        (r'^head\.time_T\.mlp_head\.1\.', 'cls_head.fc_cls.'),
    ),
    transform=make_two_classes,
)
