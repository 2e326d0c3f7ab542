"""Reads the weights that a network starts from, and refuses those of another one.

MMAction2's and MMEngine's loaders take what fits and go on, so that a wrong file ends
in a network that is in part random, with a warning among many lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mmcv.cnn import ConvModule
from mmengine.model.weight_init import constant_init, kaiming_init
from mmengine.runner.checkpoint import _load_checkpoint
from torch import Size, Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmdeepfake.errors import ConfigError

# Under which a training script keeps the weights beside its other state.
WEIGHT_KEYS = (
    *('state_dict', 'model_state_dict', 'model', 'module', 'net', 'network', 'params'),
)


def read_weights(source: str, *, owner: str, needed: str) -> dict[str, Tensor]:
    """Read the tensors of a checkpoint.

    Args:
        source: path or URL.
        owner: the network's class, for the message.
        needed: what the file should hold, for the message: 'weights of SCNet-50'.

    Raises:
        ConfigError: there is no such file, or it cannot be read.
    """
    where = f'pretrained = {source!r} of {owner}'
    if '://' not in source and not Path(source).is_file():
        raise ConfigError(
            f'{where}: no such file. Name a file of {needed}, a URL, or None (random '
            'weights)'
        )
    try:
        loaded = _load_checkpoint(source, map_location='cpu')
    except OSError as error:
        raise ConfigError(
            f'{where}: cannot be loaded ({error}). Without access to the network, '
            'download it elsewhere and give the path: '
            '--cfg-options model.backbone.pretrained=PATH'
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
    """Refuse weights that lack a tensor of a network or have it in another shape.

    Args:
        found: name -> tensor of the file.
        shapes: name -> shape that the network needs.
        source: path or URL, for the message, as are the other two.
        owner: the network's class.
        needed: what the file should hold.

    Raises:
        ConfigError: it names the first such tensor and how many there are.
    """
    wrong = [
        name
        for name, shape in shapes.items()
        if name not in found or found[name].shape != shape
    ]
    if wrong:
        raise ConfigError(
            f'pretrained = {source!r} of {owner}: {len(wrong)} of the {len(shapes)} '
            f'tensors that it needs are missing in it or of another shape, '
            f'{wrong[0]!r} the first. Needed are {needed}'
        )


def check_inflatable(backbone: nn.Module) -> None:
    """Refuse 2D weights that do not fill a 3D ResNet of MMAction2 by inflation.

    Args:
        backbone: a `ResNet3d` or one of its kind, with its `depth` and `pretrained`.

    Raises:
        ConfigError: see `read_weights` and `check_shapes`.
    """
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
    """Draw convolutions for ReLUs behind them; norms start as the identity.

    By the number of inputs: a depth-wise filter has nine, however many channels there
    are.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d):
            kaiming_init(module, mode='fan_in')
        elif isinstance(module, _BatchNorm):
            constant_init(module, 1)
