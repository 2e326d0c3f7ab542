"""Build a Runner from a config file and command-line options."""

from __future__ import annotations

import pathlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from mmengine.config import Config
from mmengine.runner import Runner

from mmdeepfake.errors import ConfigError, DataNotFoundError, suggest
from mmdeepfake.files.package_folders import CONFIGS
from mmdeepfake.registry import DATASETS

from .config_checks import DATASET_VARIABLES, LOADERS, check_config, find_datasets
from .config_variables import RUNNER_KEYS, check_options
from .run_folder import RunFolderRunner

CONFIG_SUFFIXES = ('.py', '.json', '.yaml', '.yml')


def load_config(
    path: str | pathlib.Path, cfg_options: Mapping[str, Any] | None = None
) -> Config:
    """Read a config and apply options to it.

    Args:
        path: config file.
        cfg_options: dotted key -> value, as from `--cfg-options`. The plain keys
            `data_root`, `methods` and `compression` set the datasets of all three
            dataloaders.
    """
    return apply_options(_read_config(pathlib.Path(path)), cfg_options)


def apply_options(cfg: Config, cfg_options: Mapping[str, Any] | None) -> Config:
    """Apply options to a config, in place; see `load_config`."""
    options = dict(cfg_options or {})
    for name in DATASET_VARIABLES:
        if name in options:
            value = options.pop(name)
            spread_over_datasets(cfg, name, value)
    for key in options:
        check_option_key(cfg, key)
    check_options(cfg, options)
    cfg.merge_from_dict(options)
    for loader in LOADERS:
        # torch rejects these settings without workers.
        if cfg.get(loader) and not cfg[loader].get('num_workers'):
            cfg[loader]['persistent_workers'] = False
            cfg[loader].pop('timeout', None)
    return cfg


def _read_config(path: pathlib.Path) -> Config:
    if not path.is_file():
        hint = suggest(path.name, (p.name for p in path.parent.glob('*.py')))
        ours = CONFIGS / path.with_suffix('.py')  # named as by `list_models`
        if ours.is_file():
            hint = f'; the package has one of this name: {ours}'
        elif path.is_dir():
            hint = '; this is a folder, name the files in it'
        raise DataNotFoundError(f'no such config file: {path}{hint}')
    if path.suffix not in CONFIG_SUFFIXES:
        raise ConfigError(
            f'{str(path)!r} is not a config ({", ".join(CONFIG_SUFFIXES)}); were '
            'config and checkpoint swapped?'
        )
    try:
        return Config.fromfile(str(path))
    except FileNotFoundError as error:
        raise ConfigError(f'a _base_ of config {path} is missing: {error}') from error
    except SyntaxError as error:
        # MMEngine parses the bases along with the leaf; any of them may have the error.
        raise ConfigError(
            f'config {path} or one of its bases is not valid Python: {error.msg}, '
            f'line {error.lineno}: {(error.text or "").strip()}'
        ) from error
    except (KeyError, TypeError, AttributeError, NameError) as error:
        raise ConfigError(
            f'cannot read config {path}: {type(error).__name__}: {error}'
        ) from error


def spread_over_datasets(cfg: Config, name: str, value: Any) -> None:
    """Set `name` in every dataset that had the config's common value.

    A dataset with another value (e.g. a cross-dataset test set) keeps it.
    """
    datasets = dict(find_datasets(cfg))
    if not datasets:
        raise ConfigError(f'{name}={value!r}: the config has no dataset')
    present = [node[name] for node in datasets.values() if name in node]
    if isinstance(value, str) and any(isinstance(old, list) for old in present):
        value = [value]
    if name in cfg:
        old = cfg[name]
    elif all(one == present[0] for one in present[1:]):
        old = present[0] if present else None
    else:
        listed = ', '.join(f'{path}.{name}' for path in datasets)
        raise ConfigError(
            f'{name}={value!r}: the datasets of this config differ in {name}; set one '
            f'of {listed}'
        )
    targets = [node for node in datasets.values() if node.get(name, old) == old]
    if not targets:
        listed = ', '.join(f'{path}.{name}' for path in datasets)
        raise ConfigError(f'{name}={value!r} applies to no dataset; set {listed}')
    for node in targets:
        node[name] = value
    cfg[name] = value


def check_option_key(cfg: Config, key: str) -> None:
    """Raise an error for a mistyped dotted key, with the closest existing ones.

    A new key in an existing dict may be intended (an argument with a default), so it
    passes unless it is similar to an existing one.
    """
    node: Any = dict(cfg.items())  # a Config is not a Mapping; its values are
    walked: list[str] = []
    for word in key.split('.'):
        place = '.'.join(walked) or 'the top level of the config'
        if isinstance(node, Mapping):
            if word not in node:
                _check_new_key(key, word, place, list(node), top=not walked)
                return
            node = node[word]
        elif isinstance(node, Sequence) and not isinstance(node, str):
            if not word.isdigit() or int(word) >= len(node):
                raise ConfigError(
                    f'--cfg-options {key}: {place} is a list; {word!r} is not an index '
                    f'from 0 to {len(node) - 1}'
                )
            node = node[int(word)]
        elif node is None:
            return
        else:
            raise ConfigError(
                f'--cfg-options {key}: {place} is {node!r} and has no keys'
            )
        walked.append(word)


def _check_new_key(
    key: str, word: str, place: str, existing: list[str], *, top: bool
) -> None:
    if top and word in RUNNER_KEYS:
        return
    known = set(existing) | (RUNNER_KEYS if top else set())
    hint = suggest(word, known, cutoff=0.6 if top else 0.8)
    if top and not hint:
        hint = f'; existing keys: {", ".join(sorted(existing))}'
    if hint:
        raise ConfigError(f'--cfg-options {key}: no {word!r} in {place}{hint}')


def check_data(cfg: Config, phases: Collection[str]) -> None:
    """Raise an error for missing data, before a Runner starts to log.

    Args:
        cfg: the config.
        phases: some of 'train', 'val' and 'test'.
    """
    for path, node in find_datasets(cfg):
        kind = node['type']
        kind = DATASETS.get(kind) if isinstance(kind, str) else kind
        if path.partition('_')[0] in phases and hasattr(kind, 'check_data'):
            kind.check_data(node)


def build_runner(cfg: Config) -> Runner:
    """Check a config and build its Runner; ours unless it names another one."""
    check_config(cfg)
    if 'runner_type' in cfg:
        from mmengine.registry import RUNNERS

        return RUNNERS.build(cfg)
    return RunFolderRunner.from_cfg(cfg)
