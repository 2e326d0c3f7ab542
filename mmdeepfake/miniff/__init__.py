"""MiniFF: rendered talking heads and their forgeries in FaceForensics++'s layout."""

from .render import RenderSummary, render_miniff
from .settings import MiniFFSettings

__all__ = ['MiniFFSettings', 'RenderSummary', 'render_miniff']
