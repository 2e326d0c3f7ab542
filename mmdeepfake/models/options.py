"""Checks of options that are looked up in a table."""

from __future__ import annotations

from collections.abc import Iterable

from mmdeepfake.errors import ConfigError


def check_choice(
    owner: str, option: str, value: object, allowed: Iterable[object]
) -> None:
    """Raise ConfigError unless an option has one of the allowed values."""
    allowed = tuple(allowed)
    if value not in allowed:
        raise ConfigError(
            f'{option} = {value!r} of {owner}: allowed are '
            + ', '.join(map(repr, allowed))
        )
