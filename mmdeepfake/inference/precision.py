"""The type that a model computes in at inference: float32, or bfloat16 by autocast.

bfloat16 changes scores beyond rounding, so it is used on request alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from mmdeepfake.engine.cpu_amp import computes_bfloat16, mixed_precision
from mmdeepfake.errors import ConfigError

from .choices import AUTO, BFLOAT16, DTYPES, FLOAT32

# Ours: largest difference of a P(fake) from float32's with which 'auto' keeps bfloat16.
MAX_SCORE_DIFFERENCE = 0.02

Scores = Sequence[float]
logger = logging.getLogger(__name__)


class Precision:
    """The type that a model computes in.

    Args:
        wanted: 'float32'; 'bfloat16'; or 'auto', which is bfloat16 if the device has
            instructions for it and `check` finds its scores close to float32's.
        device: of the model.

    Raises:
        ConfigError: `wanted` is none of them.
    """

    def __init__(self, wanted: str, device: torch.device) -> None:
        if wanted not in DTYPES:
            raise ConfigError(
                f'dtype={wanted!r}; allowed: ' + ', '.join(map(repr, DTYPES))
            )
        self._wanted = wanted
        self._device = device
        self._difference: float | None = None
        has_bfloat16 = wanted == AUTO and computes_bfloat16(device)
        self.dtype = BFLOAT16 if wanted == BFLOAT16 or has_bfloat16 else FLOAT32

    @property
    def needs_check(self) -> bool:
        """Whether `check` must run before the first score."""
        is_open = self._wanted == AUTO and self.dtype == BFLOAT16
        return is_open and self._difference is None

    def check(self, score: Callable[[], Scores], model: nn.Module) -> None:
        """Compare bfloat16's scores of some snippets with float32's, or fall back.

        Args:
            score: scores them with the model.
            model: see `applied`.
        """
        exact = score()
        with self.applied(model):
            fast = score()
        pairs = zip(fast, exact, strict=True)
        self._difference = max(abs(one - other) for one, other in pairs)
        if not self._difference <= MAX_SCORE_DIFFERENCE:  # nan fails too
            self.dtype = FLOAT32
            logger.warning(
                'bfloat16 changes scores of the first snippets by %.3g, more than %g: '
                'computing in float32',
                self._difference,
                MAX_SCORE_DIFFERENCE,
            )

    @contextmanager
    def applied(self, model: nn.Module) -> Iterator[None]:
        """Run the model's forward passes in this context in `dtype`."""
        if self.dtype == FLOAT32:
            yield
            return
        with mixed_precision(model, device_type=self._device.type):
            yield

    def describe(self) -> dict[str, Any]:
        """Return the type and the outcome of its check, as plain JSON values."""
        facts: dict[str, Any] = {'dtype': self.dtype}
        if self._difference is not None:
            facts['bfloat16_check'] = {
                'max_score_difference': self._difference,
                'allowed': MAX_SCORE_DIFFERENCE,
            }
        return facts
