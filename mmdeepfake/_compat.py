"""Closes gaps in the released versions of the packages below us, each in one place."""

from __future__ import annotations

import importlib.util
import sys
import types


def supply_drn() -> None:
    """Stand in for `mmaction.models.localizers.drn`, absent from the 1.2.0 wheel."""
    name = 'mmaction.models.localizers.drn'
    spec = importlib.util.find_spec('mmaction')
    if spec is None or name in sys.modules:
        return
    import pathlib

    root = pathlib.Path(spec.submodule_search_locations[0])
    if (root / 'models/localizers/drn').is_dir():
        return
    package, module = types.ModuleType(name), types.ModuleType(f'{name}.drn')
    package.__path__ = []
    module.DRN = type('DRN', (), {})
    sys.modules[name], sys.modules[f'{name}.drn'] = package, module


def apply() -> None:
    """Close every gap; safe to call twice."""
    supply_drn()
