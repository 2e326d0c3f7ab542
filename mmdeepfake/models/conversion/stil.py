"""STIL of Tencent's TFace; SCNet's names stay, see `baselines.stil`."""

from __future__ import annotations

from .key_rules import KeyRules

RULES = KeyRules(
    source='https://github.com/Tencent/TFace/tree/master/security/tasks/'
    'Face-Forgery-Detection/STIL',
    renames=(
        # The complete model has the network as `base_model`, a bare SCNet does not.
        (r'^base_model\.', ''),
        (r'^(conv1|bn1|layer\d)\.', r'backbone.\1.'),
        (r'^fc\.', 'cls_head.fc_cls.'),
        (r'\.tim\.conv1\.', '.tim.reduce.0.'),
        (r'\.tim\.bn1\.', '.tim.reduce.1.'),
        (r'\.tim\.conv_ht\.', '.tim.height.match.'),
        (r'\.tim\.conv_tw\.', '.tim.width.match.'),
        (r'\.tim\.htie_conv1\.', '.tim.height.coarse.'),
        (r'\.tim\.vtie_conv1\.', '.tim.width.coarse.'),
        (r'\.tim\.htie_conv2\.', '.tim.height.fine.'),
        (r'\.tim\.vtie_conv2\.', '.tim.width.fine.'),
        (r'\.tim\.ht_up_conv\.', '.tim.height.expand.'),
        (r'\.tim\.tw_up_conv\.', '.tim.width.expand.'),
        # Their first gate counts its pooling.
        (r'\.scconv\.f_w\.1\.', '.scconv.gate_row.0.'),
        (r'\.scconv\.f_w\.2\.', '.scconv.gate_row.1.'),
        (r'\.scconv\.f_h\.', '.scconv.gate_column.'),
    ),
)
