"""Networks; importing this registers them."""

from . import baselines  # noqa: F401  (registers them)
from .backbones import EfficientNetLite0, RATFLite0, RATFNet, TConvLite0, TConvNet
from .data_preprocessors import FlippingDataPreprocessor
from .heads import LocalisingHead, SegmentAveragingHead
from .necks import CrossSnippetAttention
from .recognizers import SnippetRecognizer, SnippetRecognizer3D

__all__ = [
    'CrossSnippetAttention',
    'EfficientNetLite0',
    'FlippingDataPreprocessor',
    'LocalisingHead',
    'RATFLite0',
    'RATFNet',
    'SegmentAveragingHead',
    'SnippetRecognizer',
    'SnippetRecognizer3D',
    'TConvLite0',
    'TConvNet',
]
