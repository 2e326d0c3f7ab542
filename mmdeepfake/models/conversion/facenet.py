"""Inception-ResNet-v1 of the PyTorch port of FaceNet (VGGFace2, CASIA-WebFace)."""

from __future__ import annotations

from .key_rules import KeyRules

# Public layer -> index in our stem, of which 3 is the pooling.
_STEM = {'1a': 0, '2a': 1, '2b': 2, '3b': 4, '4a': 5, '4b': 6}

RULES = KeyRules(
    source='https://github.com/timesler/facenet-pytorch',
    renames=(
        *(
            (rf'^conv2d_{public}\.', f'backbone.stem.{ours}.')
            for public, ours in _STEM.items()
        ),
        (r'^repeat_1\.', 'backbone.stages.0.'),
        (r'^repeat_2\.', 'backbone.stages.1.'),
        (r'^repeat_3\.', 'backbone.stages.2.'),
        # The last block has its own name there.
        (r'^block8\.', 'backbone.stages.2.5.'),
        (r'^mixed_6a\.', 'backbone.reductions.0.'),
        (r'^mixed_7a\.', 'backbone.reductions.1.'),
        (r'\.branch(\d)\.(conv|bn)\.', r'.branches.\1.0.\2.'),
        (r'\.branch(\d)\.', r'.branches.\1.'),
        (r'^(backbone\.stages\..*)\.conv2d\.', r'\1.merge.'),
        (r'^last_linear\.', 'backbone.embed.'),
        (r'^last_bn\.', 'backbone.embed_norm.'),
    ),
    drops=((r'^logits\.', "a classifier of the training set's identities"),),
)
