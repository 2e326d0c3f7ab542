"""Figures of a test set, from the scores of its videos."""

from .metrics import DeepfakeMetric
from .predictions import VideoPrediction, read_predictions, write_predictions
from .summarise import summarise
from .summary import RowResult, Summary

__all__ = [
    'DeepfakeMetric',
    'RowResult',
    'Summary',
    'VideoPrediction',
    'read_predictions',
    'summarise',
    'write_predictions',
]
