"""Starts a backbone from a checkpoint of a public code."""

from __future__ import annotations

from torch import nn

from mmdeepfake.errors import ConfigError

from ..backbones.initial_weights import read_weights
from .key_rules import KeyRules, convert


def load_backbone(
    backbone: nn.Module,
    source: str,
    rules: KeyRules,
    *,
    may_miss: tuple[str, ...] = (),
) -> None:
    """Load public weights into a backbone, all of it or nothing.

    The classifier of the checkpoint is left out; it has other classes.

    Args:
        backbone: gets the weights.
        source: path or URL of the checkpoint.
        rules: of the public code.
        may_miss: parameters that stay as they are where the checkpoint has none.

    Raises:
        ConfigError: there is no such file, or it does not fill the backbone exactly.
    """
    owner = type(backbone).__name__
    weights = read_weights(
        source, owner=owner, needed=f'a checkpoint of {rules.source}'
    )
    own = {f'backbone.{name}': value for name, value in backbone.state_dict().items()}
    converted, report = convert(weights, rules, own)
    spared = {f'backbone.{name}' for name in may_miss} - set(report.mismatched)
    wrong = [name for name in report.missing if name not in spared]
    wrong += [
        public
        for public, name in report.unexpected.items()
        if not name.startswith('cls_head.')
    ]
    if wrong:
        raise ConfigError(
            f'pretrained = {source!r} of {owner}: it does not fill this network, '
            f'{wrong[0]!r} is missing, of another shape or not a part of it '
            f'({len(wrong)} such in all). Needed is a checkpoint of {rules.source}'
        )
    backbone.load_state_dict(
        {name.removeprefix('backbone.'): value for name, value in converted.items()},
        # Old checkpoints have no num_batches_tracked; all else was checked above.
        strict=False,
    )
