"""Deepfake video detection for MMAction2; importing it registers every part.

What registers them, `registration`, takes seconds to import. It is imported at once if
MMEngine is loaded already, as it is when a config names this package in its
custom_imports; otherwise when a registry of MMAction2 first looks up a name.
"""

import os
import sys
from typing import Any

from . import _compat
from .version import __version__

__all__ = ['__version__', 'list_models', 'load_detector']

# onnxruntime's wheels may send telemetry from their import on.
os.environ.setdefault('ORT_DISABLE_TELEMETRY', '1')
_compat.make_importable()

if 'mmengine' in sys.modules:
    from . import registration  # noqa: F401
else:
    from ._first_use import RegisterOnFirstUse

    sys.meta_path.insert(0, RegisterOnFirstUse())


def __getattr__(name: str) -> Any:
    """Import the public function when it is asked for."""
    if name in ('list_models', 'load_detector'):
        from mmdeepfake import apis

        return getattr(apis, name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
