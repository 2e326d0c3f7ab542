"""Classification heads."""

from .segment_averaging_head import SegmentAveragingHead

__all__ = ['SegmentAveragingHead']
