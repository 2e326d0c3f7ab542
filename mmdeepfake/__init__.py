"""Deepfake video detection for MMAction2; importing it registers every part."""

import os
from typing import Any

from . import _compat

# onnxruntime's wheels may send telemetry from their import on.
os.environ.setdefault('ORT_DISABLE_TELEMETRY', '1')
_compat.apply()

from . import datasets, engine, evaluation, models  # noqa: E402, F401
from .version import __version__  # noqa: E402

__all__ = ['__version__', 'load_detector']


def __getattr__(name: str) -> Any:
    """Import the public function when it is asked for."""
    if name == 'load_detector':
        from mmdeepfake.apis import load_detector

        return load_detector
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
