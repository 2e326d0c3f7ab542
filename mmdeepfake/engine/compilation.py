"""Compile the parts of a recognizer with `torch.compile`."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.model import is_model_wrapper
from torch import nn

from mmdeepfake.errors import ConfigError

PARTS = ('backbone', 'neck', 'cls_head')


def compile_parts(
    model: nn.Module, backend: str = 'inductor', **options: Any
) -> list[str]:
    """Compile the parts of a recognizer at their first call; return their names.

    The parts are compiled in place, so checkpoint keys do not change, and the model may
    be wrapped for distributed training. MMEngine's `compile` setting compiles a whole
    training step instead, which MMAction2's accuracy in NumPy breaks, and has no effect
    at test.

    Args:
        model: recognizer of MMAction2 or ours, possibly wrapped.
        backend: backend of `torch.compile`.
        options: other arguments of `torch.compile`, e.g. `fullgraph=True`.

    Raises:
        ConfigError: torch has no such backend.
    """
    backends = torch._dynamo.list_backends(exclude_tags=())
    if backend not in backends:
        raise ConfigError(
            f'--compile {backend}: unknown backend; torch {torch.__version__} has '
            f'{", ".join(backends)}'
        )
    inner = model.module if is_model_wrapper(model) else model
    parts = {name: getattr(inner, name, None) for name in PARTS}
    compiled = [name for name, part in parts.items() if part is not None]
    for name in compiled:
        parts[name].compile(backend=backend, **options)
    return compiled
