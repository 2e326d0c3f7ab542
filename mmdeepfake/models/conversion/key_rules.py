"""Conversion of the keys of a public checkpoint to ours, with a report."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from mmdeepfake.errors import DataError

# DataParallel, DistributedDataParallel and Lightning put these before every key.
_WRAPPERS = re.compile(r'^(?:(?:module|model|net)\.)+')
# Missing in old checkpoints; MMEngine and torch fill it in.
_OPTIONAL = '.num_batches_tracked'


@dataclass(frozen=True)
class KeyRules:
    r"""How the keys of a public code map to ours.

    Patterns are regular expressions, searched for in the public key without a wrapper's
    `module.`, `model.` or `net.`.

    Attributes:
        source: URL of the public code.
        renames: (pattern, replacement) pairs for `re.sub`, applied one after another.
            The result is the key in the recognizer's `state_dict()`.
        drops: (pattern, reason) pairs of keys without a place here, e.g. `('^aux\\.',
            'auxiliary classifier')`, applied before the renames.
        transform: `transform(our name, tensor)` returns the tensor in our layout,
            without writing to its input.
        computed: patterns of our keys that the network computes, such as a table of
            positions; they keep their values if the checkpoint has none.
    """

    source: str
    renames: tuple[tuple[str, str], ...]
    drops: tuple[tuple[str, str], ...] = ()
    transform: Callable[[str, Tensor], Tensor] | None = None
    computed: tuple[str, ...] = ()


@dataclass(frozen=True)
class ConversionReport:
    """What happened to each key.

    Attributes:
        renamed: public key -> our key, of every converted tensor.
        dropped: public key -> reason.
        unexpected: public key -> its name by the rules, which is not ours.
        mismatched: our key -> (public shape, our shape); not converted.
        missing: our keys without a tensor, those of `mismatched` included.
    """

    renamed: dict[str, str]
    dropped: dict[str, str]
    unexpected: dict[str, str]
    mismatched: dict[str, tuple[tuple[int, ...], tuple[int, ...]]]
    missing: tuple[str, ...]


def convert(
    state: Mapping[str, Tensor], rules: KeyRules, target: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], ConversionReport]:
    """Rename and reshape the tensors of a public checkpoint.

    Args:
        state: public key -> tensor.
        rules: of the public code that wrote `state`.
        target: `state_dict()` of the complete recognizer.

    Returns:
        Our key -> tensor, for every one that fits; and the report.

    Raises:
        DataError: two public keys map to one of ours.
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
                f'it is not from {rules.source}'
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
