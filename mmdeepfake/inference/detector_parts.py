"""Device, config and preparation settings of a detector."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmdeepfake.engine.build import apply_options, load_config
from mmdeepfake.engine.config_checks import check_config
from mmdeepfake.engine.written_config import find_config
from mmdeepfake.errors import ConfigError
from mmdeepfake.files.printable_text import count_noun
from mmdeepfake.prepare.preparation_settings import PreparationSettings

from .published_detector import SETTINGS, is_published, read_published_config


def choose_device(device: str) -> torch.device:
    """Return the device; 'auto' is a GPU if there is one.

    Raises:
        ConfigError: the device does not exist.
    """
    if device == 'auto':
        return torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise ConfigError(
            f"device {device!r}; allowed: 'auto', 'cpu', 'cuda', 'cuda:1' ..."
        ) from error
    num_gpus = torch.cuda.device_count()
    if chosen.type == 'cuda' and (chosen.index or 0) >= num_gpus:
        raise ConfigError(
            f'device {device!r}: torch sees {count_noun(num_gpus, "GPU")} here; '
            "'auto' takes a GPU if there is one"
        )
    return chosen


def read_config(
    config: str | os.PathLike[str] | Config | None,
    checkpoint: Path | None,
    cfg_options: Mapping[str, Any] | None,
) -> Config:
    """Return the config of a detector, by default the one beside its checkpoint.

    Raises:
        InputError: it is missing or contradicts itself.
    """
    if isinstance(config, Config):
        if cfg_options:
            raise ConfigError('cfg_options need the path of a config file')
        cfg = config
    elif config is not None:
        cfg = load_config(config, cfg_options)
    elif checkpoint is None:
        raise ConfigError('no config; give its path')
    elif is_published(checkpoint):
        cfg = apply_options(read_published_config(checkpoint.parent), cfg_options)
    else:
        cfg = load_config(find_config(checkpoint), cfg_options)
    check_config(cfg)
    if not cfg.get('model'):
        raise ConfigError(f'config {cfg.filename} has no model')
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    return cfg


def find_preparation(weights: Path | None) -> PreparationSettings:
    """Return the settings of a published detector's training videos, or defaults."""
    if weights is not None and is_published(weights):
        path = weights.with_name(SETTINGS)
        if path.is_file():
            return PreparationSettings.read(path)
    return PreparationSettings(layout='folder')
