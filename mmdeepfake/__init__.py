"""Deepfake video detection for MMAction2; importing it registers every part."""

from . import _compat

_compat.apply()

from . import datasets, engine, evaluation, models  # noqa: E402, F401
from .version import __version__  # noqa: E402

__all__ = ['__version__']
