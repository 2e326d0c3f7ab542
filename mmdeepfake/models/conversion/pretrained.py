"""Starts a backbone from a checkpoint of a public code."""

from __future__ import annotations

from pathlib import Path

from mmengine.runner.checkpoint import _load_checkpoint
from torch import nn

from mmdeepfake.structures import ConfigError

from .key_rules import KeyRules, convert


def load_backbone(backbone: nn.Module, source: str, rules: KeyRules) -> None:
    """Load public weights into a backbone, all of it or nothing.

    The classifier of the checkpoint is left out; it has other classes.

    Args:
        backbone: gets the weights.
        source: path or URL of the checkpoint.
        rules: of the public code.

    Raises:
        ConfigError: there is no such file, or it does not fill the backbone exactly.
    """
    where = f'pretrained = {source!r} of {type(backbone).__name__}'
    if '://' not in source and not Path(source).is_file():
        raise ConfigError(
            f'{where}: no such file. Name a checkpoint of {rules.source}, a URL, or '
            'None (random weights)'
        )
    try:
        loaded = _load_checkpoint(source, map_location='cpu')
    except OSError as error:
        raise ConfigError(
            f'{where}: cannot be loaded ({error}). Without access to the network, '
            'download it elsewhere and give the path: '
            '--cfg-options model.backbone.pretrained=PATH'
        ) from error
    own = {f'backbone.{name}': value for name, value in backbone.state_dict().items()}
    converted, report = convert(loaded.get('state_dict', loaded), rules, own)
    wrong = [*report.missing, *report.mismatched]
    wrong += [
        public
        for public, name in report.unexpected.items()
        if not name.startswith('cls_head.')
    ]
    if wrong:
        raise ConfigError(
            f'{where}: it does not fill this network, {wrong[0]!r} is missing, of '
            f'another shape or not a part of it ({len(wrong)} such in all). Needed is '
            f'a checkpoint of {rules.source}'
        )
    backbone.load_state_dict(
        {name.removeprefix('backbone.'): value for name, value in converted.items()},
        # Old checkpoints have no num_batches_tracked; all else was checked above.
        strict=False,
    )
