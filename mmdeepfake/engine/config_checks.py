"""Contradictions in a config that would train or choose a model wrongly in silence.

Pure functions of a config: hooks call them before a run, tests on every config.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmdeepfake.errors import ConfigError
from mmdeepfake.structures import SKIP, STOP

from .config_variables import check_lines

LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
DATASET_VARIABLES = ('data_root', 'methods', 'compression')
FLIPPING = 'FlippingDataPreprocessor'
# Steps that move pixels: landmarks follow them, so they stand before those.
MOVING_STEPS = ('CropFace', 'Resize', 'Flip', 'DrawFlip')
# What knows of broken videos, see `BrokenSampleHook`.
SKIPPING_HOOK = 'BrokenSampleHook'
SKIPPING_EVALUATORS = ('DeepfakeMetric', 'DumpResults')


def check_config(cfg: Mapping) -> None:
    """Raise a `ConfigError` for the first contradiction found."""
    check_batch_sizes(cfg)
    check_clip_lengths(cfg)
    check_group_sizes(cfg)
    check_input_formats(cfg)
    check_flips(cfg)
    check_landmarks(cfg)
    check_model_selection(cfg)
    check_broken_samples(cfg)
    check_scores(cfg)
    filename = getattr(cfg, 'filename', None)
    if filename and os.path.isfile(filename):
        check_lines(cfg)


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


def check_batch_sizes(cfg: Mapping) -> None:
    """Refuse a batch size that is not a number of videos."""
    for loader in LOADERS:
        size = (cfg.get(loader) or {}).get('batch_size', 1)
        if type(size) is not int or size < 1:
            raise ConfigError(
                f'{loader}.batch_size = {size!r}; allowed are whole numbers >= 1'
            )


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


def check_group_sizes(cfg: Mapping) -> None:
    """Refuse a sampler whose frames or snippets the model cannot group as it would.

    A model says `num_segments` where it takes that many rows of the batch for frames at
    equal distances, `sequence_len` where they may be any frames of a video in order,
    and `num_snippets` where it takes that many clips for one video. A number that does
    not go into the sampler's would mix frames of two snippets, or of two videos;
    several groups a video are fine.
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
                        f'{count} {what}: the model would take what belongs to '
                        f'different ones for one group of {group}. Let it give {group} '
                        f'of them, or a multiple'
                    )


def _count_grouped(sampler: Mapping, argument: str) -> tuple[int, str] | None:
    """Count what a model groups: frames side by side in time, or snippets."""
    if 'num_snippets' not in sampler or 'clip_len' not in sampler:
        return None
    if argument == 'num_snippets':
        return sampler['num_snippets'], 'snippets a video'
    if argument == 'sequence_len':
        return sampler['num_snippets'] * sampler['clip_len'], 'frames a video'
    # Frames of two snippets are no neighbours in time, unless each is a snippet.
    if sampler['clip_len'] == 1:
        return sampler['num_snippets'], 'single frames a video'
    return sampler['clip_len'], 'frames a snippet'


def check_input_formats(cfg: Mapping) -> None:
    """Refuse frames packed in another layout than the data preprocessor reads.

    It would take time for colour, in silence where the numbers happen to fit.
    """
    node = (cfg.get('model') or {}).get('data_preprocessor') or {}
    if node.get('type') not in ('ActionDataPreprocessor', FLIPPING):
        return
    expected = node.get('format_shape', 'NCHW')  # MMAction2's default
    if expected == 'MIX2d3d':  # tells the layouts apart by itself
        return
    for path, transform in find_transforms(cfg, 'FormatShape'):
        if transform.get('input_format', expected) != expected:
            raise ConfigError(
                f"{path}.input_format = '{transform['input_format']}', but "
                f"model.data_preprocessor.format_shape = '{expected}': give both the "
                "same, 'NCTHW' for 3D models and 'NCHW' for 2D ones"
            )


def check_flips(cfg: Mapping) -> None:
    """Refuse drawn flips that nobody carries out, or that are carried out twice."""
    node = (cfg.get('model') or {}).get('data_preprocessor') or {}
    carries_out = node.get('type') == FLIPPING
    for path, _ in find_transforms(cfg, 'DrawFlip'):
        if not carries_out:
            raise ConfigError(
                f'{path} is DrawFlip, which touches no pixel, and nobody flips: set '
                f"model.data_preprocessor.type = '{FLIPPING}', or take Flip"
            )
    for path, _ in find_transforms(cfg, 'Flip') if carries_out else ():
        raise ConfigError(
            f"{path} is Flip, and model.data_preprocessor.type = '{FLIPPING}' would "
            'flip the same videos back: take DrawFlip, or ActionDataPreprocessor'
        )


def check_landmarks(cfg: Mapping) -> None:
    """Refuse pixels that move where the landmarks would not follow.

    A step behind `LoadFaceLandmarks` would leave them where they were, and of two flips
    only the last is recorded. `DrawFlip` moves pixels later, on the device.
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
                f'{path}.pipeline: LoadFaceLandmarks cannot follow what '
                f'{late[0] if late else "two Flips"} does to the frames. Put CropFace, '
                'Resize and one Flip before it, and no DrawFlip'
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


def check_scores(cfg: Mapping) -> None:
    """Refuse scores that `DeepfakeMetric` would refuse after a whole epoch."""
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
                    f"{path}.meta_keys has no 'video_key', by which the DeepfakeMetric "
                    f'of {phase}_evaluator knows the videos: add it'
                )


def check_broken_samples(cfg: Mapping) -> None:
    """Refuse to skip broken videos where their loss would go unseen, or not work."""
    for path, node in find_datasets(cfg):
        if node.get('on_error') != SKIP:
            continue
        here = f"{path}.on_error = '{SKIP}'"
        hooks = [_type_name(hook) for hook in cfg.get('custom_hooks') or ()]
        if SKIPPING_HOOK not in hooks:
            raise ConfigError(
                f'{here}, but nobody counts what is skipped: add '
                f"dict(type='{SKIPPING_HOOK}') to custom_hooks, or set "
                f"on_error='{STOP}'"
            )
        phase = path.partition('_')[0]
        loop = cfg.get('train_cfg') or {}
        by_iter = _type_name(loop) == 'IterBasedTrainLoop' or not loop.get(
            'by_epoch', True
        )
        if phase == 'train' and by_iter:
            # It starts to read before any hook is asked.
            raise ConfigError(
                f'{here} is for training by epochs: set train_cfg.type to '
                f"EpochBasedTrainLoop, or on_error='{STOP}'"
            )
        for name in map(_type_name, _evaluators(cfg, phase)):
            if name not in SKIPPING_EVALUATORS:
                raise ConfigError(
                    f'{here}, but {phase}_evaluator has {name!r}, which does not count '
                    f'videos without a score; allowed are '
                    f'{", ".join(SKIPPING_EVALUATORS)}'
                )


def _evaluators(cfg: Mapping, phase: str) -> Sequence[Mapping]:
    evaluators = cfg.get(f'{phase}_evaluator') or ()
    return [evaluators] if isinstance(evaluators, Mapping) else evaluators


def _type_name(node: Mapping) -> str | None:
    kind = node.get('type')
    return getattr(kind, '__name__', kind)


def _samplers(cfg: Mapping) -> list[tuple[str, Mapping]]:
    return list(find_transforms(cfg, 'SampleSnippets'))
