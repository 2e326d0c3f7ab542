"""Networks; importing this registers them."""

from . import baselines  # noqa: F401  (registers them)
from .backbones import RATFNet, TConvNet
from .data_preprocessors import FlippingDataPreprocessor
from .heads import SegmentAveragingHead
from .necks import CrossSnippetAttention
from .recognizers import SnippetRecognizer, SnippetRecognizer3D

__all__ = [
    'CrossSnippetAttention',
    'FlippingDataPreprocessor',
    'RATFNet',
    'SegmentAveragingHead',
    'SnippetRecognizer',
    'SnippetRecognizer3D',
    'TConvNet',
]
