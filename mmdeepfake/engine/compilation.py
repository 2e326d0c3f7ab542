"""Compiles a recognizer's parts with `torch.compile`, for training and testing."""

from __future__ import annotations

import argparse
from typing import Any

import torch
from mmengine.model import is_model_wrapper
from torch import nn

from mmdeepfake.errors import ConfigError

PARTS = ('backbone', 'neck', 'cls_head')
DEFAULT_BACKEND = 'inductor'


def add_compile_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--compile [BACKEND]`; absent, it is None."""
    parser.add_argument(
        '--compile',
        nargs='?',
        const=DEFAULT_BACKEND,
        metavar='BACKEND',
        help=f'run the model through torch.compile, with {DEFAULT_BACKEND} by default; '
        'the first steps then take minutes',
    )


def compile_parts(
    model: nn.Module, backend: str = DEFAULT_BACKEND, **options: Any
) -> list[str]:
    """Have the parts of a recognizer compiled at their first call; give their names.

    The parts are compiled in place, so a checkpoint's names stay as they are, and a
    wrapper for distributed training may already be around the model. Each part is a
    graph of its own, at test as in training. MMEngine's setting `compile` takes a whole
    training step instead, in which MMAction2's accuracy in numpy breaks the graph, and
    does nothing at test.

    Args:
        model: a recognizer of MMAction2 or of ours, or such a one in a wrapper.
        backend: of `torch.compile`.
        options: its further ones, `fullgraph=True` for instance.

    Raises:
        ConfigError: torch has no such backend.
    """
    backends = torch._dynamo.list_backends(exclude_tags=())
    if backend not in backends:
        raise ConfigError(
            f'--compile {backend}: torch {torch.__version__} has no such backend; it '
            f'has {", ".join(backends)}'
        )
    inner = model.module if is_model_wrapper(model) else model
    parts = {name: getattr(inner, name, None) for name in PARTS}
    compiled = [name for name, part in parts.items() if part is not None]
    for name in compiled:
        parts[name].compile(backend=backend, **options)
    return compiled
