"""Type checks of dataclass fields read from a file."""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from .bounded_reading import shorten

_MAX_WHOLE = 2**63
_WORDS = {
    float: 'a finite number',
    int: 'an integer',
    str: 'a string',
    bool: 'true or false',
    dict: 'an object',
    types.NoneType: 'null',
}


def check_fields(kind: type, values: Any, *, allow_nan: bool = False) -> dict[str, Any]:
    """Return the values if they fit the fields of a dataclass.

    Missing fields need a default of the dataclass.

    Args:
        kind: the dataclass; its fields are numbers, strings, booleans, mappings, None,
            or tuples of these.
        values: JSON object; lists stand for tuples.
        allow_nan: accept NaN and infinity.

    Raises:
        ValueError: it is not an object, or a field is unknown, missing or of another
            type.
    """
    if not isinstance(values, Mapping):
        raise ValueError(f'{shorten(values)} is not an object')
    missing = [
        field.name
        for field in fields(kind)
        if field.name not in values
        and field.default is field.default_factory is MISSING
    ]
    if missing:
        raise ValueError(f'without {", ".join(missing)}')
    kinds = typing.get_type_hints(kind)
    names = [field.name for field in fields(kind)]
    for name, value in values.items():
        if name not in names:
            raise ValueError(f'unknown field {shorten(name)}')
        if not _fits(value, kinds[name], allow_nan):
            raise ValueError(
                f'field {name!r} is {shorten(value)}; allowed is {_name(kinds[name])}'
            )
    return dict(values)


def _fits(value: Any, kind: Any, allow_nan: bool) -> bool:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, one, allow_nan) for one in inner)
    if origin is tuple:
        return _fits_tuple(value, inner, allow_nan)
    kind = origin or kind
    if kind is float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and (_is_finite(value) or (allow_nan and value != value))
    if kind is int:
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        return is_whole and abs(value) < _MAX_WHOLE
    return isinstance(value, kind)


def _fits_tuple(value: Any, inner: tuple[Any, ...], allow_nan: bool) -> bool:
    if not isinstance(value, list | tuple):
        return False
    if inner[-1] is ...:
        return all(_fits(one, inner[0], allow_nan) for one in value)
    return len(value) == len(inner) and all(
        _fits(one, kind, allow_nan) for one, kind in zip(value, inner, strict=True)
    )


def _is_finite(value: float) -> bool:
    # An integer in JSON may be too large for a float.
    return abs(value) < _MAX_WHOLE if isinstance(value, int) else math.isfinite(value)


def _name(kind: Any) -> str:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return ' or '.join(map(_name, inner))
    if origin is tuple:
        return f'a list, each {_name(inner[0])}'
    return _WORDS.get(origin or kind, str(kind))
