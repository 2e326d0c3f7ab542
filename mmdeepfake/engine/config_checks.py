"""Checks for contradictions in a config that would silently spoil a model.

Pure functions of a config: hooks call them before a run, tests on every config.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from mmdeepfake.errors import ConfigError
from mmdeepfake.structures import SKIP, STOP

from .config_variables import check_lines, walk

LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
DATASET_VARIABLES = ('data_root', 'methods', 'compression')
FLIPPING = 'FlippingDataPreprocessor'
# Steps that move pixels must be before the landmarks, which follow them.
MOVING_STEPS = ('CropFace', 'Resize', 'Flip', 'DrawFlip')
# What supports broken videos, see `BrokenSampleHook`.
SKIPPING_HOOK = 'BrokenSampleHook'
SKIPPING_EVALUATORS = ('DeepfakeMetric', 'DumpResults')


def check_config(cfg: Mapping) -> None:
    """Raise a `ConfigError` for the first contradiction."""
    check_batch_sizes(cfg)
    check_clip_lengths(cfg)
    check_group_sizes(cfg)
    check_input_formats(cfg)
    check_flips(cfg)
    check_landmarks(cfg)
    check_pairs(cfg)
    check_model_selection(cfg)
    check_broken_samples(cfg)
    check_scores(cfg)
    filename = getattr(cfg, 'filename', None)
    if filename and os.path.isfile(filename):
        check_lines(cfg)


def walk_dicts(node: Any, path: str) -> Iterator[tuple[str, Mapping]]:
    """Yield every dict inside a config node with its dotted path, outer ones first."""
    for where, inner in walk(node, path):
        if isinstance(inner, Mapping):
            yield where, inner


def find_transforms(cfg: Mapping, name: str) -> Iterator[tuple[str, Mapping]]:
    """Yield each transform of a type in the three dataloaders with its dotted path."""
    for loader in LOADERS:
        for path, node in walk_dicts(cfg.get(loader), loader):
            if _type_name(node) == name:
                yield path, node


def find_datasets(cfg: Mapping) -> Iterator[tuple[str, Mapping]]:
    """Yield each innermost dataset of the three dataloaders with its dotted path.

    RepeatDataset and ConcatDataset have others under `dataset` and `datasets`.
    """
    for loader in LOADERS:
        dataset = (cfg.get(loader) or {}).get('dataset')
        for path, node in walk_dicts(dataset, f'{loader}.dataset'):
            in_pipeline = '.pipeline' in path
            wraps = 'dataset' in node or 'datasets' in node
            if 'type' in node and not in_pipeline and not wraps:
                yield path, node


def check_batch_sizes(cfg: Mapping) -> None:
    """Reject a batch size that is not a positive integer."""
    for loader in LOADERS:
        size = (cfg.get(loader) or {}).get('batch_size', 1)
        if type(size) is not int or size < 1:
            raise ConfigError(f'{loader}.batch_size = {size!r}; allowed: integers >= 1')


def check_clip_lengths(cfg: Mapping) -> None:
    """Reject a sampler whose clip_len differs from the model's.

    The backbone would mix frames of different snippets.
    """
    lengths = _clip_lengths(walk_dicts(cfg.get('model'), 'model'))
    if not lengths:
        return
    lengths |= _clip_lengths(_samplers(cfg))
    if len(set(lengths.values())) > 1:
        listed = ', '.join(f'{path} = {value}' for path, value in lengths.items())
        raise ConfigError(
            f'model and sampler differ in frames per snippet: {listed}. Set one '
            'clip_len for all'
        )


def _clip_lengths(nodes: Iterable[tuple[str, Mapping]]) -> dict[str, int]:
    return {
        f'{path}.clip_len': node['clip_len']
        for path, node in nodes
        if node.get('clip_len') is not None
    }


def check_group_sizes(cfg: Mapping) -> None:
    """Reject a sampler whose frames or snippets do not fill the model's groups.

    A model with `num_segments` groups that many rows of the batch as equidistant
    frames, one with `sequence_len` as ordered frames of a video, and one with
    `num_snippets` groups clips of a video. If the number does not divide the sampler's,
    groups would mix snippets or videos.
    """
    for path, node in walk_dicts(cfg.get('model'), 'model'):
        for argument in ('num_segments', 'sequence_len', 'num_snippets'):
            group = node.get(argument)
            for sampler_path, sampler in _samplers(cfg) if group else ():
                found = _count_grouped(sampler, argument)
                if found is not None and found[0] % group:
                    count, what = found
                    raise ConfigError(
                        f'{path}.{argument} = {group}, but {sampler_path} gives '
                        f'{count} {what}, so groups would mix snippets or videos. Let '
                        f'it give a multiple of {group}'
                    )


def _count_grouped(sampler: Mapping, argument: str) -> tuple[int, str] | None:
    """Count what a model groups: consecutive frames, or snippets."""
    if 'num_snippets' not in sampler or 'clip_len' not in sampler:
        return None
    if argument == 'num_snippets':
        return sampler['num_snippets'], 'snippets per video'
    if argument == 'sequence_len':
        return sampler['num_snippets'] * sampler['clip_len'], 'frames per video'
    # Frames of two snippets are not adjacent in time, unless each is a snippet.
    if sampler['clip_len'] == 1:
        return sampler['num_snippets'], 'single frames per video'
    return sampler['clip_len'], 'frames per snippet'


def check_input_formats(cfg: Mapping) -> None:
    """Reject frames in another layout than the data preprocessor expects.

    It would confuse time and colour, silently if the sizes happen to fit.
    """
    node = (cfg.get('model') or {}).get('data_preprocessor') or {}
    if node.get('type') not in ('ActionDataPreprocessor', FLIPPING):
        return
    expected = node.get('format_shape', 'NCHW')  # MMAction2's default
    if expected == 'MIX2d3d':  # detects the layout
        return
    for path, transform in find_transforms(cfg, 'FormatShape'):
        if transform.get('input_format', expected) != expected:
            raise ConfigError(
                f"{path}.input_format = '{transform['input_format']}', but "
                f"model.data_preprocessor.format_shape = '{expected}': set both to "
                "'NCTHW' for 3D models or 'NCHW' for 2D ones"
            )


def check_flips(cfg: Mapping) -> None:
    """Reject drawn flips that are not applied, or applied twice."""
    node = (cfg.get('model') or {}).get('data_preprocessor') or {}
    on_device = node.get('type') == FLIPPING
    for path, _ in find_transforms(cfg, 'DrawFlip'):
        if not on_device:
            raise ConfigError(
                f'{path} is DrawFlip, which changes no pixel: set '
                f"model.data_preprocessor.type = '{FLIPPING}', or use Flip"
            )
    for path, _ in find_transforms(cfg, 'Flip') if on_device else ():
        raise ConfigError(
            f"{path} is Flip, and model.data_preprocessor.type = '{FLIPPING}' would "
            'flip these videos back: use DrawFlip, or ActionDataPreprocessor'
        )


def check_landmarks(cfg: Mapping) -> None:
    """Reject steps that move pixels but not the landmarks.

    Landmarks do not follow steps after `LoadFaceLandmarks`, `DrawFlip` (which flips
    later, on the device), or the first of two flips, since only the last is recorded.
    """
    for path, node in find_datasets(cfg):
        steps = [step.get('type') for step in node.get('pipeline') or ()]
        if 'LoadFaceLandmarks' not in steps:
            continue
        place = steps.index('LoadFaceLandmarks')
        late = [step for step in steps[place:] if step in MOVING_STEPS]
        late += [step for step in steps[:place] if step == 'DrawFlip']
        if late or steps.count('Flip') > 1:
            raise ConfigError(
                f'{path}.pipeline: LoadFaceLandmarks does not follow '
                f'{late[0] if late else "two Flips"}. Put CropFace, Resize and one '
                'Flip before it, and no DrawFlip'
            )


def check_pairs(cfg: Mapping) -> None:
    """Reject training batches that part real videos from their pseudo-fakes."""
    loader = cfg.get('train_dataloader') or {}
    types = {_type_name(node) for _, node in walk_dicts(loader.get('dataset'), '')}
    if 'PseudoFakeDataset' not in types:
        return
    sampler = _type_name(loader.get('sampler') or {})
    size = loader.get('batch_size', 1)
    if sampler != 'PairSampler' or size % 2:
        raise ConfigError(
            f'train_dataloader.sampler.type = {sampler!r}, batch_size = {size!r}: a '
            'PseudoFakeDataset needs PairSampler and an even batch size, or a batch '
            'holds half a pair'
        )


def check_model_selection(cfg: Mapping) -> None:
    """Reject choosing the best checkpoint on a test set."""
    hooks = cfg.get('default_hooks') or {}
    save_best = (hooks.get('checkpoint') or {}).get('save_best')
    if not save_best:
        return
    for path, node in find_datasets(cfg):
        if path.startswith('val_') and node.get('split') == 'test':
            raise ConfigError(
                f"default_hooks.checkpoint.save_best = '{save_best}' would choose the "
                f"model on a test set: {path}.split = 'test'. Set split='val' there, "
                'or save_best=None'
            )


def check_scores(cfg: Mapping) -> None:
    """Reject scores that `DeepfakeMetric` would reject after an epoch."""
    for phase in ('val', 'test'):
        if 'DeepfakeMetric' not in map(_type_name, _evaluators(cfg, phase)):
            continue
        head = (cfg.get('model') or {}).get('cls_head') or {}
        for name, needed in (('num_classes', 2), ('average_clips', 'prob')):
            if head.get(name, needed) != needed:
                raise ConfigError(
                    f'model.cls_head.{name} = {head[name]!r}, but DeepfakeMetric in '
                    f'{phase}_evaluator reads P(real) and P(fake): set {needed!r}'
                )
        for path, node in find_transforms(cfg, 'PackActionInputs'):
            if path.startswith(phase) and 'video_key' not in node.get('meta_keys', ()):
                raise ConfigError(
                    f"{path}.meta_keys has no 'video_key', which the DeepfakeMetric in "
                    f'{phase}_evaluator needs: add it'
                )


def check_broken_samples(cfg: Mapping) -> None:
    """Reject skipping broken videos where it is unsupported or would go unnoticed."""
    for path, node in find_datasets(cfg):
        if node.get('on_error') != SKIP:
            continue
        here = f"{path}.on_error = '{SKIP}'"
        hooks = [_type_name(hook) for hook in cfg.get('custom_hooks') or ()]
        if SKIPPING_HOOK not in hooks:
            raise ConfigError(
                f"{here} needs dict(type='{SKIPPING_HOOK}') in custom_hooks: add it, "
                f"or set on_error='{STOP}'"
            )
        phase = path.partition('_')[0]
        loop = cfg.get('train_cfg') or {}
        by_iter = _type_name(loop) == 'IterBasedTrainLoop' or not loop.get(
            'by_epoch', True
        )
        if phase == 'train' and by_iter:
            # It starts to read before any hook runs.
            raise ConfigError(
                f'{here} needs training by epochs: set train_cfg.type to '
                f"EpochBasedTrainLoop, or on_error='{STOP}'"
            )
        for name in map(_type_name, _evaluators(cfg, phase)):
            if name not in SKIPPING_EVALUATORS:
                raise ConfigError(
                    f'{here}, but {phase}_evaluator {name!r} does not support videos '
                    f'without a score; allowed: {", ".join(SKIPPING_EVALUATORS)}'
                )


def _evaluators(cfg: Mapping, phase: str) -> Sequence[Mapping]:
    evaluators = cfg.get(f'{phase}_evaluator') or ()
    return [evaluators] if isinstance(evaluators, Mapping) else evaluators


def _type_name(node: Mapping) -> str | None:
    kind = node.get('type')
    return getattr(kind, '__name__', kind)


def _samplers(cfg: Mapping) -> list[tuple[str, Mapping]]:
    return list(find_transforms(cfg, 'SampleSnippets'))
