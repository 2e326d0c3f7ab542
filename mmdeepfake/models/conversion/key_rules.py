"""Rewrites the keys of a public checkpoint to those of a model here, and reports."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from mmdeepfake.errors import DataError

# DataParallel, DistributedDataParallel and Lightning put these before every key.
_WRAPPERS = re.compile(r'^(?:(?:module|model|net)\.)+')
# MMEngine and torch fill this in where a checkpoint, as of old versions, has none.
_OPTIONAL = '.num_batches_tracked'


@dataclass(frozen=True)
class KeyRules:
    r"""What a public code calls its parameters, and what they are called here.

    Patterns are Python regular expressions, searched for (use `^` and `$` to anchor
    them) in the public key, without the `module.`, `model.` or `net.` of a wrapper.

    Attributes:
        source: the public code, as a URL.
        renames: (pattern, replacement) pairs. Each is applied, in this order, to what
            the one before it gave, as `re.sub` does; a key that none matches stays as
            it is. The result is the key in the whole recogniser's `state_dict()`:
            `'backbone.layer1.0.conv1.conv.weight'`, `'cls_head.fc_cls.bias'`.
        drops: (pattern, reason) pairs of keys that have no place here: `('^aux\\.',
            'auxiliary classifier, used in training alone')`. They are looked at before
            the renames.
        transform: called as `transform(name, tensor)` with our name; gives the tensor
            in our layout and must not write into the one it is given.
        computed: patterns of our keys whose tensors the network works out by itself,
            such as a fixed table of positions. Where the checkpoint has none, they stay
            as `target` has them.
    """

    source: str
    renames: tuple[tuple[str, str], ...]
    drops: tuple[tuple[str, str], ...] = ()
    transform: Callable[[str, Tensor], Tensor] | None = None
    computed: tuple[str, ...] = ()


@dataclass(frozen=True)
class ConversionReport:
    """What became of every key, public and ours.

    Attributes:
        renamed: public key -> our key, of every tensor that was taken over.
        dropped: public key -> why it has no place here.
        unexpected: public key -> the name that the rules give it, none of ours.
        mismatched: our key -> (public shape, our shape); not taken over.
        missing: our keys that got no tensor, those of `mismatched` among them.
    """

    renamed: dict[str, str]
    dropped: dict[str, str]
    unexpected: dict[str, str]
    mismatched: dict[str, tuple[tuple[int, ...], tuple[int, ...]]]
    missing: tuple[str, ...]


def convert(
    state: Mapping[str, Tensor], rules: KeyRules, target: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], ConversionReport]:
    """Rename, reshape and sort the tensors of a public checkpoint.

    Args:
        state: public key -> tensor.
        rules: of the public code that wrote `state`.
        target: our key -> tensor of its shape: `state_dict()` of the whole recogniser.

    Returns:
        Our key -> tensor, for every one that fits; and what became of each key.

    Raises:
        DataError: two public keys become one of ours.
    """
    converted: dict[str, Tensor] = {}
    origin: dict[str, str] = {}
    dropped, unexpected, mismatched = {}, {}, {}
    for key, tensor in state.items():
        bare = _WRAPPERS.sub('', key)
        reason = _reason_to_drop(bare, rules)
        if reason is not None:
            dropped[key] = reason
            continue
        name = _rename(bare, rules)
        if name not in target:
            unexpected[key] = name
            continue
        if name in origin:
            raise DataError(
                f'{origin[name]} and {key} of the checkpoint both become {name}: '
                f'it is not one of {rules.source}'
            )
        origin[name] = key
        if rules.transform is not None:
            tensor = rules.transform(name, tensor)
        if tensor.shape == target[name].shape:
            converted[name] = tensor
        else:
            mismatched[name] = (tuple(tensor.shape), tuple(target[name].shape))
    for name, tensor in target.items():
        is_computed = any(re.search(pattern, name) for pattern in rules.computed)
        if is_computed and name not in origin:
            converted[name] = tensor
    missing = tuple(
        name
        for name in target
        if name not in converted and not name.endswith(_OPTIONAL)
    )
    renamed = {origin[name]: name for name in converted if name in origin}
    return converted, ConversionReport(
        renamed, dropped, unexpected, mismatched, missing
    )


def _reason_to_drop(key: str, rules: KeyRules) -> str | None:
    for pattern, reason in rules.drops:
        if re.search(pattern, key):
            return reason
    return None


def _rename(key: str, rules: KeyRules) -> str:
    for pattern, replacement in rules.renames:
        key = re.sub(pattern, replacement, key)
    return key
