"""Names of parameters in public checkpoints, and what they are called here.

Each module but `key_rules` holds the `RULES` of one public code and is named after it.
"""

from .key_rules import ConversionReport, KeyRules, convert

__all__ = ['ConversionReport', 'KeyRules', 'convert']
