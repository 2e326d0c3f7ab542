"""Checks for variables of a config that are overridden without effect.

MMEngine evaluates a base before the config that inherits it. If that config, or an
option of the command line, changes a variable of the base, settings that the base
computed from it do not change.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmdeepfake.errors import ConfigError, suggest

# Keys that MMEngine's Runner reads.
RUNNER_KEYS = {
    'activation_checkpointing', 'auto_scale_lr', 'compile', 'custom_hooks',
    'custom_imports', 'default_hooks', 'default_scope', 'efficient_conv_bn_eval',
    'env_cfg', 'experiment_name', 'find_unused_parameters', 'launcher', 'load_from',
    'log_level', 'log_processor', 'model', 'model_wrapper_cfg', 'optim_wrapper',
    'param_scheduler', 'randomness', 'resume', 'runner_type', 'sync_bn', 'test_cfg',
    'test_dataloader', 'test_evaluator', 'train_cfg', 'train_dataloader', 'val_cfg',
    'val_dataloader', 'val_evaluator', 'visualizer', 'work_dir',
}  # fmt: skip
_NUM_LISTED = 6


def check_options(cfg: Mapping, options: Mapping[str, Any]) -> None:
    """Reject options that change a variable, which is no longer read.

    Args:
        cfg: the config without the options.
        options: dotted key -> value, for existing keys.
    """
    for key, value in options.items():
        name, *inside = key.split('.')
        if name in RUNNER_KEYS:
            continue
        old: Any = cfg[name]
        for word in inside:
            old = old[int(word)] if isinstance(old, list | tuple) else old.get(word)
        arguments = {inside[-1]} if inside else {name}
        if not inside and getattr(cfg, 'filename', None):
            arguments |= _find_arguments(Path(cfg.filename), name) or set()
        raise ConfigError(
            f'--cfg-options {key}={value!r} has no effect: {name} is a variable of the '
            'config, already evaluated when the file was read. '
            f'{_advise(cfg, old, value, arguments)}'
        )


def check_lines(cfg: Mapping) -> None:
    """Reject lines of a config file that override a variable without effect."""
    path = Path(cfg.filename)
    for name in sorted(find_idle_variables(path) - RUNNER_KEYS - {'_base_'}):
        if name not in cfg:  # the file has changed since
            continue
        arguments = _find_arguments(path, name)
        near = suggest(name, RUNNER_KEYS, cutoff=0.85)
        if arguments is None and near:
            raise ConfigError(f'config {path}: nothing reads {name}{near}')
        if arguments and not _find_places(cfg, cfg[name], arguments):
            raise ConfigError(
                f'config {path}: {name} = {cfg[name]!r} has no effect: a base config '
                'has already used its own value. '
                f'{_advise(cfg, _base_value(path, name), cfg[name], arguments)} (a '
                'config file cannot set one item of a list: repeat the list)'
            )


def find_idle_variables(path: Path) -> set[str]:
    """Find the variables of bases that a config overrides and never reads."""
    tree = _parse(path)
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    read = {node.id for node in names if isinstance(node.ctx, ast.Load)}
    set_here = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    bases = _base_files(tree, path.parent)
    inherited = set().union(*map(find_idle_variables, bases))
    return (set_here - read if bases else set()) | (inherited - set_here)


def _advise(cfg: Mapping, old: Any, new: Any, arguments: Collection[str]) -> str:
    """Return the settings that have the old value of a variable."""
    found = _find_places(cfg, old, arguments)
    if not found:
        return f'No setting has its value {old!r}'
    lines = [f'{path}={new!r}' if one == old else path for path, one in found]
    more = f' (and {len(lines) - _NUM_LISTED} more)' if lines[_NUM_LISTED:] else ''
    return f'Set {" ".join(lines[:_NUM_LISTED])}{more} instead'


def _find_places(
    cfg: Mapping, value: Any, arguments: Collection[str]
) -> list[tuple[str, Any]]:
    """List the dotted paths of the Runner's settings with a value, and these settings.

    A dict or list counts anywhere if no argument of the given names has it.
    """
    found = [
        (path, node)
        for key in sorted(RUNNER_KEYS)
        for path, node in walk(cfg.get(key), key)
        if _holds(node, value)
    ]
    named = [one for one in found if one[0].rpartition('.')[2] in arguments]
    return named or (found if isinstance(value, Mapping | list | tuple) else [])


def walk(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield a config node and all nodes inside it with their dotted paths."""
    yield path, node
    children: Iterable = ()
    if isinstance(node, Mapping):
        children = node.items()
    elif isinstance(node, list | tuple):
        children = enumerate(node)
    for key, child in children:
        yield from walk(child, f'{path}.{key}')


def _holds(node: Any, value: Any) -> bool:
    """Return whether a node equals a value or contains all of its items."""
    if isinstance(node, Mapping) and isinstance(value, Mapping):
        return all(key in node and node[key] == one for key, one in value.items())
    if isinstance(node, list | tuple):
        items = value if isinstance(value, list | tuple) else [value]
        return all(item in node for item in items)
    return isinstance(node, bool) == isinstance(value, bool) and node == value


def _base_value(path: Path, name: str) -> Any:
    """Return the value of a variable in the bases of a config."""
    for base in _base_files(_parse(path), path.parent):
        cfg = Config.fromfile(str(base))
        if name in cfg:
            is_idle = name in find_idle_variables(base)
            return _base_value(base, name) if is_idle else cfg[name]
    return None


def _find_arguments(path: Path, name: str) -> set[str] | None:
    """Find the keyword arguments that a config and its bases set from a variable.

    Returns:
        Their names, or None if nothing reads the variable.
    """
    nodes = [node for tree in _chain(path) for node in ast.walk(tree)]
    arguments: set[str] = set()
    followed: list[str] = [name]
    for one in followed:  # grows: variables may depend on each other
        for node in nodes:
            if isinstance(node, ast.keyword) and _reads(node.value, one):
                arguments.add(str(node.arg))
            if isinstance(node, ast.Assign) and _reads(node.value, one):
                targets = {n.id for n in ast.walk(node) if _is_name(n, ast.Store)}
                followed += sorted(targets - {*followed})
    return arguments if followed[1:] else None


def _reads(node: ast.AST, name: str) -> bool:
    return any(
        (_is_name(one, ast.Load) and one.id == name)
        or (isinstance(one, ast.Attribute) and one.attr == name)
        for one in ast.walk(node)
    )


def _is_name(node: ast.AST, context: type) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, context)


def _chain(path: Path) -> Iterator[ast.Module]:
    """Yield the syntax trees of a config and of its bases."""
    tree = _parse(path)
    yield tree
    for base in _base_files(tree, path.parent):
        yield from _chain(base)


def _parse(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_text(encoding='utf-8'))
    except (OSError, SyntaxError):  # reported by MMEngine
        return ast.Module([], [])


def _base_files(tree: ast.Module, folder: Path) -> list[Path]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == '_base_':
            try:
                value = ast.literal_eval(node.value)
            except ValueError:
                return []
            names = [value] if isinstance(value, str) else value
            return [folder / name for name in names]
    return []
