"""Figures of a test set, from the scores of its videos."""

from mmdeepfake.lazy_names import import_on_demand

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
# It alone needs MMEngine.
__getattr__ = import_on_demand(__name__, {'DeepfakeMetric': '.metrics'})
