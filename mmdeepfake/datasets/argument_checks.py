"""Checks of constructor arguments, in one wording."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mmdeepfake.errors import ConfigError


def check_argument(owner: object, is_allowed: bool, allowed: str, **given: Any) -> None:
    """Raise a `ConfigError` with the owner, the values and what is allowed.

    Args:
        owner: object with the arguments, or its name.
        is_allowed: result of the check.
        allowed: description of the allowed values.
        **given: arguments by name.
    """
    if not is_allowed:
        name = owner if isinstance(owner, str) else type(owner).__name__
        values = ', '.join(f'{key}={value!r}' for key, value in given.items())
        raise ConfigError(f'{name}: {values}; allowed: {allowed}')


def check_choice(owner: object, choices: Iterable[Any], **given: Any) -> None:
    """Check that every argument is one of the choices."""
    choices = list(choices)
    for name, value in given.items():
        listed = ', '.join(map(repr, choices))
        check_argument(owner, value in choices, listed, **{name: value})


def check_counts(owner: object, **given: Any) -> None:
    """Check that every argument is an integer of 1 or more."""
    for name, value in given.items():
        is_count = type(value) is int and value >= 1
        check_argument(owner, is_count, 'integers >= 1', **{name: value})


def check_probability(owner: object, **given: Any) -> None:
    """Check that every argument is within 0 and 1."""
    for name, value in given.items():
        check_argument(owner, 0 <= value <= 1, '0 to 1', **{name: value})
