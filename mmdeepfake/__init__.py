"""Deepfake video detection for MMAction2; importing it registers every part."""

from . import _compat

_compat.apply()

from .version import __version__  # noqa: E402

__all__ = ['__version__']
