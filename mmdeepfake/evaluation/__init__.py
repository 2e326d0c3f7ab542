"""From the scores of videos to figures that can be trusted."""

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
