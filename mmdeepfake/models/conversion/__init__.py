"""Conversion of public checkpoints: each module has the `RULES` of one public code."""

from .key_rules import ConversionReport, KeyRules, convert

__all__ = ['ConversionReport', 'KeyRules', 'convert']
