"""AltFreezing's public code: SlowFast's I3D with one logit."""

from __future__ import annotations

from .key_rules import KeyRules
from .slowfast_i3d import BACKBONE_RENAMES, make_two_classes

RULES = KeyRules(
    source='https://github.com/ZhendongWang6/AltFreezing',
    renames=(*BACKBONE_RENAMES, (r'^head\.projection\.', 'cls_head.fc_cls.')),
    transform=make_two_classes,
)
