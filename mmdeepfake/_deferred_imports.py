"""Leave out, until it is used, what OpenMMLab imports at once and few runs use.

That is a third of the time that a tool takes to start. A deferred module is the usual
one for everybody else: only the module that imports it too early gets a stand-in.
"""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from typing import Any

from .lazy_names import import_on_demand

# Who imports which modules, and the functions that it imports by their names.
_FUNCTIONS: dict[str, dict[str, tuple[str, ...]]] = {
    'mmaction.datasets.transforms.pose_transforms': {'scipy.stats': ('mode',)},
    'mmcv.image.io': {'tifffile': ()},
    'mmengine.config.config': {'yapf': (), 'yapf.yapflib.yapf_api': ('FormatCode',)},
}
# Training on shards, by ZeRO and FSDP, imports torch's distributed tensors and sympy.
# Which package imports the module, its one class, and the registry that it is in.
_CLASSES = {
    'mmengine.optim': (
        'mmengine.optim.optimizer.zero_optimizer',
        'ZeroRedundancyOptimizer',
        'OPTIMIZERS',
    ),
    'mmengine.model': (
        'mmengine.model.wrappers.fully_sharded_distributed',
        'MMFullyShardedDataParallel',
        'MODEL_WRAPPERS',
    ),
    'mmengine._strategy': ('mmengine._strategy.fsdp', 'FSDPStrategy', 'STRATEGIES'),
}


class DeferImports(MetaPathFinder):
    """Finds the modules that import too much, to run them without."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: types.ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Find such a module in its package; leave the rest to others."""
        if fullname not in _FUNCTIONS and fullname not in _CLASSES:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def execute_without(module: types.ModuleType) -> None:
            if fullname in _CLASSES:
                _run_without_class(execute, module, *_CLASSES[fullname])
            else:
                _run_without_functions(execute, module, _FUNCTIONS[fullname])

        spec.loader.exec_module = execute_without  # type: ignore[method-assign]
        return spec


class _Deferred(types.ModuleType):
    """Stand-in for a module that makes way for it when anything is read."""

    def __getattr__(self, name: str) -> Any:
        if name == '__path__':  # read by every import from it
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)

    def add_function(self, name: str) -> None:
        """Let a function be imported by its name before the module is."""
        setattr(
            self, name, lambda *args, **kwargs: self.__getattr__(name)(*args, **kwargs)
        )


def _run_without_functions(
    execute: Callable[[types.ModuleType], None],
    module: types.ModuleType,
    deferred: dict[str, tuple[str, ...]],
) -> None:
    stand_ins = {name: _Deferred(name) for name in deferred if name not in sys.modules}
    for name, stand_in in stand_ins.items():
        for function in deferred[name]:
            stand_in.add_function(function)
    sys.modules.update(stand_ins)
    try:
        execute(module)
    finally:
        for name, stand_in in stand_ins.items():
            if sys.modules.get(name) is stand_in:
                del sys.modules[name]


def _run_without_class(
    execute: Callable[[types.ModuleType], None],
    package: types.ModuleType,
    deferred: str,
    name: str,
    registry: str,
) -> None:
    """Run a package whose modules import a class; let them find it on demand."""
    placeholder, stand_in = object(), types.ModuleType(deferred)
    setattr(stand_in, name, placeholder)
    sys.modules[deferred] = stand_in
    try:
        execute(package)
    finally:
        del sys.modules[deferred]
    holders = [
        one
        for one in tuple(sys.modules.values())  # some are None, or no modules
        if getattr(one, '__dict__', {}).get(name) is placeholder
    ]
    for holder in holders:
        delattr(holder, name)
        find = import_on_demand(holder.__name__, {name: deferred})
        holder.__getattr__ = find  # type: ignore[method-assign]
    if not holders:  # a release or fork of MMEngine without it
        return
    # A registry imports its locations before it first looks up a name.
    locations = getattr(importlib.import_module('mmengine.registry'), registry)
    locations._locations.append(deferred)
