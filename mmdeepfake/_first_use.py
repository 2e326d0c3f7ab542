"""Registers our parts when MMAction2's registries are first used."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

REGISTRIES = 'mmaction.registry'


class RegisterOnFirstUse(MetaPathFinder):
    """Adds `registration` to the modules that MMAction2's registries import.

    MMEngine's registries import their `locations` before they first look up a name;
    MMAction2 registers its own parts in this way. Ours are added right after
    `mmaction.registry` was imported, along with the fixes of `_compat`.
    """

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Find `mmaction.registry` as without this finder; leave the rest to others."""
        if fullname != REGISTRIES:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def execute_and_add(module: ModuleType) -> None:
            execute(module)
            _add_our_parts(module)

        spec.loader.exec_module = execute_and_add  # type: ignore[method-assign]
        return spec


def _add_our_parts(registries: ModuleType) -> None:
    from mmengine.registry import Registry

    from . import _compat

    _compat.apply()
    for one in vars(registries).values():
        if isinstance(one, Registry) and one.scope == 'mmaction':
            one._locations.append('mmdeepfake.registration')
