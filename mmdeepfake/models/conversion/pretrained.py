"""Initial weights of a backbone from a checkpoint of a public code."""

from __future__ import annotations

from torch import nn

from mmdeepfake.errors import ConfigError

from ..backbones.initial_weights import log_start, read_weights
from .key_rules import KeyRules, convert


def load_backbone(
    backbone: nn.Module, source: str, rules: KeyRules, *, may_miss: tuple[str, ...] = ()
) -> None:
    """Load public weights into all of a backbone, or raise ConfigError.

    The classifier of the checkpoint is skipped; it has other classes.

    Args:
        backbone: gets the weights.
        source: path or URL of the checkpoint.
        rules: of the public code.
        may_miss: parameters that may be missing in the checkpoint.
    """
    owner = type(backbone).__name__
    weights = read_weights(
        source, owner=owner, needed=f'a checkpoint of {rules.source}'
    )
    own = {f'backbone.{name}': value for name, value in backbone.state_dict().items()}
    converted, report = convert(weights, rules, own)
    optional = {f'backbone.{name}' for name in may_miss} - set(report.mismatched)
    wrong = [name for name in report.missing if name not in optional]
    wrong += [
        public
        for public, name in report.unexpected.items()
        if not name.startswith('cls_head.')
    ]
    if wrong:
        raise ConfigError(
            f'pretrained = {source!r} of {owner}: {len(wrong)} tensors are missing, '
            f'unknown or have another shape, first {wrong[0]!r}. Need a checkpoint of '
            f'{rules.source}'
        )
    backbone.load_state_dict(
        {name.removeprefix('backbone.'): value for name, value in converted.items()},
        # Old checkpoints have no num_batches_tracked; the rest was checked above.
        strict=False,
    )


def load_pretrained(
    backbone: nn.Module,
    rules: KeyRules,
    *,
    may_miss: tuple[str, ...] = (),
    note: str = '',
) -> None:
    """Load the `pretrained` of a backbone, if any, and log how it starts."""
    if backbone.pretrained:
        load_backbone(backbone, backbone.pretrained, rules, may_miss=may_miss)
    log_start(backbone, note)
