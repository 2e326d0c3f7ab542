"""The configs, each read once."""

import copy
from functools import cache
from pathlib import Path

from mmengine.config import Config

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


@cache
def _read(name):
    return Config.fromfile(CONFIGS / name)


def read_config(name):
    """Return a copy of a config by its path below configs/; reading takes long."""
    return copy.deepcopy(_read(str(name)))


def datasets_of(cfg):
    """Return the training, validation and test dataset."""
    return [cfg[loader].dataset for loader in LOADERS]


def list_configs(pattern):
    """Return the paths below configs/ that match a pattern, without bases."""
    found = (path.relative_to(CONFIGS) for path in CONFIGS.glob(pattern))
    return sorted(str(path) for path in found if '_base_' not in path.parts)
