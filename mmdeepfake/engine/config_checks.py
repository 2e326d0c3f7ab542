"""Contradictions in a config that would train or choose a model wrongly in silence.

Pure functions of a config: hooks call them before a run, tests on every config.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmdeepfake.structures import ConfigError

LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
DATASET_VARIABLES = ('data_root', 'methods', 'compression')
# Top-level variable -> dataloaders and argument of SampleSnippets that it is for.
SAMPLER_VARIABLES = {
    'clip_len': (LOADERS, 'clip_len'),
    'num_frames': (LOADERS, 'clip_len'),
    'num_snippets': (LOADERS[:1], 'num_snippets'),
    'num_snippets_train': (LOADERS[:1], 'num_snippets'),
    'num_snippets_test': (LOADERS[2:], 'num_snippets'),
}
PIPELINE_VARIABLES = {'train_pipeline': LOADERS[:1], 'test_pipeline': LOADERS[2:]}


def check_config(cfg: Mapping) -> None:
    """Raise a `ConfigError` for the first contradiction found."""
    check_clip_lengths(cfg)
    check_model_selection(cfg)
    check_top_level_variables(cfg)


def walk_dicts(node: Any, path: str) -> Iterator[tuple[str, Mapping]]:
    """Give every dict inside a config node with its dotted path, outer ones first."""
    if isinstance(node, Mapping):
        yield path, node
        children = node.items()
    elif isinstance(node, Sequence) and not isinstance(node, str):
        children = enumerate(node)
    else:
        return
    for key, child in children:
        yield from walk_dicts(child, f'{path}.{key}')


def find_transforms(cfg: Mapping, name: str) -> Iterator[tuple[str, Mapping]]:
    """Give each transform of a type in the three dataloaders with its dotted path."""
    for loader in LOADERS:
        for path, node in walk_dicts(cfg.get(loader), loader):
            kind = node.get('type')
            if getattr(kind, '__name__', kind) == name:
                yield path, node


def find_datasets(cfg: Mapping) -> Iterator[tuple[str, Mapping]]:
    """Give each innermost dataset of the three dataloaders with its dotted path.

    RepeatDataset and ConcatDataset hold others under `dataset` and `datasets`.
    """
    for loader in LOADERS:
        dataset = (cfg.get(loader) or {}).get('dataset')
        for path, node in walk_dicts(dataset, f'{loader}.dataset'):
            in_pipeline = '.pipeline' in path
            wraps = 'dataset' in node or 'datasets' in node
            if 'type' in node and not in_pipeline and not wraps:
                yield path, node


def check_clip_lengths(cfg: Mapping) -> None:
    """Refuse a sampler whose clip_len differs from the model's.

    The backbone would fold frames of different snippets into one clip.
    """
    lengths = {
        f'{path}.clip_len': node['clip_len']
        for path, node in walk_dicts(cfg.get('model'), 'model')
        if node.get('clip_len') is not None
    }
    if not lengths:
        return
    lengths |= {
        f'{path}.clip_len': node['clip_len']
        for path, node in _samplers(cfg)
        if 'clip_len' in node
    }
    if len(set(lengths.values())) > 1:
        listed = ', '.join(f'{path} = {value}' for path, value in lengths.items())
        raise ConfigError(
            f'model and sampler disagree on the frames per snippet: {listed}. '
            'Give all of them the same clip_len'
        )


def check_model_selection(cfg: Mapping) -> None:
    """Refuse to choose the best checkpoint on a test set."""
    hooks = cfg.get('default_hooks') or {}
    save_best = (hooks.get('checkpoint') or {}).get('save_best')
    if not save_best:
        return
    for path, node in find_datasets(cfg):
        if path.startswith('val_') and node.get('split') == 'test':
            raise ConfigError(
                f"default_hooks.checkpoint.save_best = '{save_best}' would choose the "
                f"model on a test set: {path}.split = 'test'. Use split='val' there, "
                'or set save_best=None'
            )


def check_top_level_variables(cfg: Mapping) -> None:
    """Refuse a top-level variable that nothing uses any more.

    MMEngine substitutes the variables of a base config while it reads that base, so a
    leaf that sets `clip_len = 8` changes nothing in the pipeline it inherits.
    """
    datasets, samplers = list(find_datasets(cfg)), _samplers(cfg)
    for name in DATASET_VARIABLES:
        _check_variable(cfg, name, _values(datasets, name, LOADERS))
    for name, loaders in PIPELINE_VARIABLES.items():
        _check_variable(cfg, name, _values(datasets, 'pipeline', loaders))
    for name, (loaders, argument) in SAMPLER_VARIABLES.items():
        _check_variable(cfg, name, _values(samplers, argument, loaders))
    sides = {
        f'{path}.scale': node['scale'][0]
        for path, node in find_transforms(cfg, 'Resize')
        if isinstance(node.get('scale'), Sequence)
    }
    _check_variable(cfg, 'side_px', sides)


def _samplers(cfg: Mapping) -> list[tuple[str, Mapping]]:
    return list(find_transforms(cfg, 'SampleSnippets'))


def _values(
    nodes: list[tuple[str, Mapping]], argument: str, loaders: Sequence[str]
) -> dict[str, Any]:
    return {
        f'{path}.{argument}': node[argument]
        for path, node in nodes
        if argument in node and path.startswith(tuple(loaders))
    }


def _check_variable(cfg: Mapping, name: str, used: dict[str, Any]) -> None:
    if name not in cfg or not used or cfg[name] in used.values():
        return
    path, value = next(iter(used.items()))
    difference = (
        '' if 'pipeline' in name else f' = {cfg[name]!r}, but {path} = {value!r}'
    )
    raise ConfigError(
        f'the top-level {name} of the config has no effect{difference}: a base config '
        f'put its own value in there when it was read. Set {" and ".join(used)} '
        'instead (in a config file, where no single item of a list can be set, write '
        'the pipeline anew)'
    )
