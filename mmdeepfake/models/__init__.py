"""Networks: importing this registers them."""

from . import baselines  # noqa: F401  (registers them)
from .backbones import RATFNet, TConvNet
from .necks import CrossSnippetAttention
from .recognizers import SnippetRecognizer

__all__ = ['CrossSnippetAttention', 'RATFNet', 'SnippetRecognizer', 'TConvNet']
