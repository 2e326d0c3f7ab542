"""Count the parameters and multiply-accumulates of a config's model."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

from mmdeepfake.engine.build import load_config
from mmdeepfake.engine.config_checks import walk_dicts
from mmdeepfake.errors import ConfigError
from mmdeepfake.models.inference_folding import plain_operators
from mmdeepfake.registry import MODELS, TRANSFORMS

from .markdown import format_table

HEADER = ('config', 'parameters', 'GMAC', 'input of one video')


@dataclass(frozen=True)
class Complexity:
    """The cost of a model.

    Attributes:
        num_parameters: trainable and frozen, without buffers.
        gmacs: 1e9 multiply-accumulates of one forward pass on one video, from frames
            to logits; as usual, of convolutions and matrix products alone.
        input_shape: of the video, as the pipeline packs it.
    """

    num_parameters: int
    gmacs: float
    input_shape: tuple[int, ...]


def run_complexity(args: argparse.Namespace) -> None:
    """Print the table for the given configs."""
    rows = []
    for path in args.configs:
        found = measure_complexity(
            load_config(path, args.cfg_options), split=args.split
        )
        rows.append(
            (
                str(path),
                f'{found.num_parameters:,}',
                f'{found.gmacs:.2f}',
                describe_shape(found.input_shape),
            )
        )
    print(format_table(HEADER, rows))


def measure_complexity(cfg: Config, *, split: str = 'test') -> Complexity:
    """Count on meta tensors, without computing anything.

    Args:
        cfg: the config; its model is built without weights.
        split: 'train' or 'test', whose pipeline gives the frames and their size.
    """
    shape = find_input_shape(cfg, split=split)
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    # Not built on the meta device: some parts read numbers off tensors.
    with _WithoutDrawsAndNorms():
        model = MODELS.build(cfg.model).to('meta')
    num_parameters = sum(parameter.numel() for parameter in model.parameters())
    model.train(False)  # not eval(): some of MMAction2's train() return None
    with count_products(model) as counter:
        model.extract_feat(torch.empty(1, *shape, device='meta'), stage='head')
    return Complexity(num_parameters, counter.get_total_flops() / 2e9, shape)


@contextmanager
def count_products(model: nn.Module) -> Iterator[FlopCounterMode]:
    """Count two operations for each product of convolutions and matrix products."""
    counter = FlopCounterMode(display=False)
    with warnings.catch_warnings(), ExitStack() as stack:
        warnings.filterwarnings('ignore', message='TF32 acceleration on top of oneDNN')
        # oneDNN runs an LSTM as one operation, which would not be counted.
        stack.enter_context(torch.backends.mkldnn.flags(enabled=False))
        # The counter does not know the operators of the fused path.
        stack.enter_context(plain_operators(model))
        stack.enter_context(_WithoutDrawsAndNorms())
        stack.enter_context(torch.no_grad())
        stack.enter_context(counter)
        yield counter


class _WithoutDrawsAndNorms(TorchFunctionMode):
    """Leaves out what has no products and takes longer than all the rest.

    Weights become zero in place of drawn, and batch norms pass their input on.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple = (),
        kwargs: dict | None = None,
    ) -> Any:
        if func in (torch.Tensor.uniform_, torch.Tensor.normal_):
            return args[0].zero_()
        if func is nn.functional.batch_norm:
            return args[0]
        return func(*args, **(kwargs or {}))


def find_input_shape(
    cfg: Mapping, *, split: str, side_px: int | None = None
) -> tuple[int, ...]:
    """Return the shape of a video as packed by a pipeline.

    A transform declares its changes: `kept_frames(clip_len)` of a snippet,
    `added_channels` of the frames, or `packed_shape(num_snippets, clip_len)` if it
    makes the whole input.

    Args:
        cfg: the config; its sampler, last resize, ThumbnailLayout and FormatShape are
            read, and the transforms above.
        split: 'train', 'val' or 'test'.
        side_px: rows and columns in place of those that the pipeline resizes to.

    Returns:
        (S*T, 3, H, W) for NCHW, or (S, 3, H, W) if snippets are laid out as pictures;
        (S, 3, T, H, W) for NCTHW; or what a transform says.
    """
    init_default_scope('mmaction')
    loader = f'{split}_dataloader'
    steps = {
        node['type']: node
        for path, node in walk_dicts(cfg.get(loader), loader)
        if '.pipeline.' in path and 'type' in node
    }
    sampler = _find_step(steps, 'SampleSnippets', loader)
    num_clips, clip_len = sampler['num_snippets'], sampler['clip_len']
    num_channels = 3
    for name, node in steps.items():
        kind = TRANSFORMS.get(name)
        if hasattr(kind, 'packed_shape'):
            step = TRANSFORMS.build(dict(node))
            return tuple(step.packed_shape(num_clips, clip_len))
        if hasattr(kind, 'kept_frames'):
            clip_len = TRANSFORMS.build(dict(node)).kept_frames(clip_len)
        num_channels += getattr(kind, 'added_channels', 0)
    width, height = _find_step(steps, 'Resize', loader)['scale']
    if side_px is not None:
        width = height = side_px
    shape = (num_clips * clip_len, height, width, num_channels)
    results = dict(
        imgs=np.zeros(shape, np.uint8), num_clips=num_clips, clip_len=clip_len
    )
    if 'ThumbnailLayout' in steps:
        results = TRANSFORMS.build(dict(steps['ThumbnailLayout']))(results)
    packer = TRANSFORMS.build(dict(_find_step(steps, 'FormatShape', loader)))
    return tuple(packer(results)['imgs'].shape)


def _find_step(steps: Mapping[str, Mapping], name: str, loader: str) -> Mapping:
    if name not in steps:
        raise ConfigError(f'{loader} has no {name}: the shape of its videos is unknown')
    return steps[name]


def describe_shape(shape: tuple[int, ...]) -> str:
    """Describe a shape as '8 x 4 frames of 224 x 224' or '32 frames of 224 x 224'."""
    frames = str(shape[0]) if len(shape) == 4 else f'{shape[0]} x {shape[2]}'
    return f'{frames} frames of {shape[-2]} x {shape[-1]}'
