"""Run forward passes and training steps of a config's model on noise."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from torch import Tensor, nn

from mmdeepfake.engine.compilation import compile_parts
from mmdeepfake.engine.config_checks import walk_dicts
from mmdeepfake.engine.cpu_amp import mixed_precision
from mmdeepfake.errors import ConfigError
from mmdeepfake.models.inference_folding import (
    keep_composed_kernels,
    order_channels_last_,
)
from mmdeepfake.registry import MODELS


@dataclass(frozen=True)
class SpeedSettings:
    """Settings shared by all models of one run, see `tools/speed.py`."""

    device: str = 'cpu'
    dtype: str = 'float32'
    channels_last: bool = False
    compile: str | None = None

    def __post_init__(self) -> None:
        if self.device.partition(':')[0] not in ('cpu', 'cuda'):
            raise ConfigError(
                f'--device {self.device}: allowed are cpu, cuda and cuda:INDEX'
            )
        if self.device != 'cpu' and not torch.cuda.is_available():
            raise ConfigError(
                f'--device {self.device}: torch {torch.__version__} finds no CUDA '
                'device; use --device cpu'
            )

    def __str__(self) -> str:
        layout = 'channels_last' if self.channels_last else "torch's layout"
        how = f'compiled by {self.compile}' if self.compile else 'eager'
        return f'{self.dtype}, {layout}, {how}'


class TimedModel:
    """One model with random weights, its optimizer and one batch of noise.

    Args:
        cfg: the config.
        shape: of one video, as the pipeline packs it.
        num_videos: videos in a batch.
        settings: shared by all models.
    """

    def __init__(
        self,
        cfg: Config,
        *,
        shape: Sequence[int],
        num_videos: int,
        settings: SpeedSettings,
    ) -> None:
        self._settings = settings
        self._model = build_random_model(cfg).to(settings.device)
        noise = torch.Generator().manual_seed(0)  # normalised frames, always the same
        self._inputs = torch.randn(num_videos, *shape, generator=noise)
        self._inputs = self._inputs.to(settings.device)
        if settings.channels_last:
            order_channels_last_(self._model)
            self._inputs = with_channels_last(self._inputs)
        self._samples = [
            ActionDataSample().set_gt_label(number % 2).to(settings.device)
            for number in range(num_videos)
        ]
        optimizer = cfg.optim_wrapper.to_dict()
        optimizer['type'] = 'OptimWrapper'  # autocast is entered here
        optimizer.pop('loss_scale', None)
        self._optimizer = build_optim_wrapper(self._model, optimizer)
        if settings.compile is not None:
            compile_parts(self._model, settings.compile)

    def run(self, mode: str) -> None:
        """Run one pass of a mode: 'forward' or 'train'."""
        {'forward': self.forward, 'train': self.train_step}[mode]()

    def forward(self) -> Tensor:
        """Return the logits of the batch, as at test."""
        self._set_training(False)
        with torch.no_grad(), self._autocast():
            logits, _ = self._model.extract_feat(self._inputs, stage='head')
        return logits

    def train_step(self) -> Tensor:
        """Update the weights once and return the loss."""
        self._set_training(True)
        with self._autocast():
            losses = self._model(self._inputs, self._samples, mode='loss')
        loss, _ = self._model.parse_losses(losses)
        self._optimizer.update_params(loss)
        return loss.detach()

    def _set_training(self, training: bool) -> None:
        if self._model.training == training:
            return
        self._model.train(training)
        if not training and self._settings.compile is None:
            keep_composed_kernels(self._model)  # as `DeepfakeInferencer` does

    def _autocast(self) -> contextlib.AbstractContextManager[None]:
        if self._settings.dtype == 'float32':
            return contextlib.nullcontext()
        kind = self._settings.device.partition(':')[0]
        return mixed_precision(self._model, device_type=kind, dtype=torch.bfloat16)


def build_random_model(cfg: Config) -> nn.Module:
    """Build a config's model with random weights, without downloads."""
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    settings = cfg.model.to_dict()
    for _, node in walk_dicts(settings, 'model'):
        if 'pretrained' in node:
            node['pretrained'] = None
        if (node.get('init_cfg') or {}).get('type') == 'Pretrained':
            node['init_cfg'] = None
    model = MODELS.build(settings)
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel('WARNING')  # otherwise every weight is logged
    model.init_weights()
    logger.setLevel(level)
    return model


def with_channels_last(videos: Tensor) -> Tensor:
    """Store videos so that `flatten(0, 1)` is a view in channels_last (or _3d).

    Args:
        videos: (B, N, 3, H, W), or (B, S, 3, T, H, W) for 3D networks.
    """
    folded = videos.flatten(0, 1)
    form = torch.channels_last if folded.dim() == 4 else torch.channels_last_3d
    return folded.contiguous(memory_format=form).unflatten(0, videos.shape[:2])


def count_frames(shape: Sequence[int]) -> int:
    """Count the frames of a packed video: (N, 3, H, W) or (S, 3, T, H, W)."""
    return math.prod(shape[:-2]) // 3
