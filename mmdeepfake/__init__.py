"""Deepfake video detection for MMAction2; importing it registers every part."""

import os

from . import _compat

# onnxruntime's wheels may send telemetry from their import on.
os.environ.setdefault('ORT_DISABLE_TELEMETRY', '1')
_compat.apply()

from . import datasets, engine, evaluation, models  # noqa: E402, F401
from .version import __version__  # noqa: E402

__all__ = ['__version__']
