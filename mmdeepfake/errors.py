"""The errors a user can fix: tools print their message without a traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(Exception):
    """Input is missing, broken or contradictory.

    The message states the problem, the value, what is allowed, and where.
    """


class DataNotFoundError(InputError, FileNotFoundError):
    """A file or folder that the user or a config names does not exist."""


class DataError(InputError, ValueError):
    """A file, folder or field exists but cannot be used."""


class ConfigError(InputError, ValueError):
    """A config contradicts itself or asks for something that does not exist."""


class LeakError(DataError):
    """A model would be tested on data it was trained or chosen on."""


class OutputError(InputError, OSError):
    """A file or folder cannot be written; the whole run has to stop."""


def suggest(word: str, names: Iterable[str], *, cutoff: float = 0.6) -> str:
    """Return the end of a message, '; did you mean ...?', or '' if no name is near.

    Args:
        word: what was given.
        names: what is allowed.
        cutoff: minimum similarity, 0 to 1.
    """
    near = difflib.get_close_matches(word, sorted(names), n=1, cutoff=cutoff)
    return f'; did you mean {near[0]!r}?' if near else ''
