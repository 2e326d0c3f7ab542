"""Classification heads."""

from .localising_head import LocalisingHead
from .segment_averaging_head import SegmentAveragingHead

__all__ = ['LocalisingHead', 'SegmentAveragingHead']
