"""Messages for names in a config that MMEngine finds to be wrong when it builds."""

from __future__ import annotations

import inspect
import re

from mmdeepfake.errors import suggest

_TYPE = re.compile(r'([^\s"\']+) is not in the (?:\S+::)?(\S+) registry')
_ARGUMENT = re.compile(r"(\w+)\.__init__\(\) (.* keyword argument '(\w+)'|missing .*)")


def describe_config_error(error: KeyError | TypeError) -> str | None:
    """Return the message of an unknown type or argument; None for other errors."""
    if isinstance(error, KeyError):
        return _describe_type(str(error))
    return _describe_argument(error)


def _describe_type(text: str) -> str | None:
    found = _TYPE.search(text)
    if found is None:
        return None
    from mmengine import registry

    known: set[str] = set()
    for one in vars(registry).values():
        if isinstance(one, registry.Registry) and one.name == found[2]:
            for part in (one, *one.children.values()):
                known |= set(part.module_dict)
    hint = suggest(found[1], known) or '; is custom_imports missing?'
    return f'the config has an unknown {found[2]} type, {found[1]!r}{hint}'


def _describe_argument(error: TypeError) -> str | None:
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    found = _ARGUMENT.search(str(error))
    # Raised by the call in the registry itself, and not by a fault inside of a class.
    built = place and place.tb_frame.f_locals.get('obj_cls')
    if found is None or not inspect.isclass(built) or built.__name__ != found[1]:
        return None
    names = list(inspect.signature(built).parameters)
    hint = suggest(found[3] or '', names) or f'; it takes {", ".join(names)}'
    return f'arguments of {found[1]} in the config: {found[2]}{hint}'
