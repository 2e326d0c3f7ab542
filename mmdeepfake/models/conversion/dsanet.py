"""DSANet's public code, in which blocks with a DSA are wrapped."""

from __future__ import annotations

from .key_rules import KeyRules

RULES = KeyRules(
    source='https://github.com/whwu95/DSANet',
    renames=(
        (r'^(backbone\.layer\d\.\d+)\.block\.', r'\1.'),
        (r'\.downsample\.0\.', '.downsample.conv.'),
        (r'\.downsample\.1\.', '.downsample.bn.'),
        (r'\.conv(\d)\.weight$', r'.conv\1.conv.weight'),
        (r'\.bn(\d)\.', r'.conv\1.bn.'),
    ),
)
