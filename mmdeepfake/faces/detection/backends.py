"""Which face detectors there are, and how one is made by its name."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

from mmdeepfake.errors import ConfigError

from .detector import FaceDetector

# Each is imported when it is asked for: what it needs may not be installed.
_CLASSES = {
    'centerface': ('.centerface', 'CenterFaceDetector'),
    'dlib': ('.dlib_hog', 'DlibHogDetector'),
    'mmdet': ('.mmdetection', 'MMDetDetector'),
}
DETECTOR_NAMES = tuple(_CLASSES)


def build_detector(name: str, **options: Any) -> FaceDetector:
    """Make a face detector; a name and plain options can be sent to any worker.

    Args:
        name: one of `DETECTOR_NAMES`.
        options: the arguments of that detector's class, whose docstring explains them.

    Raises:
        ConfigError: the name or an option is unknown, or out of range, or what the
            detector needs is not installed.
    """
    if name not in _CLASSES:
        raise ConfigError(
            f'detector {name!r} is unknown; allowed are '
            + ', '.join(map(repr, DETECTOR_NAMES))
        )
    module, class_name = _CLASSES[name]
    detector_class = getattr(importlib.import_module(module, __package__), class_name)
    parameters = inspect.signature(detector_class).parameters
    for option in options:
        if option not in parameters:
            raise ConfigError(
                f'option {option!r} of detector {name!r} is unknown; allowed are '
                + ', '.join(map(repr, parameters))
            )
    for option, parameter in parameters.items():
        if parameter.default is parameter.empty and option not in options:
            raise ConfigError(f'detector {name!r} needs the option {option!r}')
    return detector_class(**options)
