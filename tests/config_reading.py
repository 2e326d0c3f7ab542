"""The configs, each read once."""

import copy
import os
from functools import cache
from pathlib import Path

from mmengine.config import Config

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = ROOT / 'configs'
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def read_each_file_once():
    """Let MMEngine keep what it read of our configs: leaves share most of their bases.

    Reading one takes up to 0.2 s otherwise.
    """
    read, kept = Config._file2dict, {}
    folders = (f'{CONFIGS}{os.sep}', f'{ROOT / "tests/stubs"}{os.sep}')

    def read_once(filename, *options, **more):
        path = os.path.abspath(filename)
        if not path.startswith(folders):
            return read(filename, *options, **more)
        key = path, options, tuple(sorted(more.items()))
        if key not in kept:
            kept[key] = read(filename, *options, **more)
        return copy.deepcopy(kept[key])

    Config._file2dict = staticmethod(read_once)


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
