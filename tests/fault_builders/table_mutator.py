"""Corrupt text tables and JSON by a seed."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

# What takes the place of a value of JSON.
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 10**400, -(10**30), 1e308, 0.5),
    *(
        '',
        'x',
        '..',
        '../../etc/passwd',
        '/etc/passwd',
        'a/../../b',
        '\\\\host\\c',
        'C:/x',
    ),
    *('a\nb', 'a\0b', 'a\x1b[31m', '\u202egpm.exe', '\udce9', '\ud800', 'é' * 300),
    *([], {}, [[]], [1, 2], ['a', 'b'], {'a': 1}, [None], [[1, 2, 3]], ['../x'] * 3),
    *('<script>', '=1+1', 'real', 'fake', 'train', 'NaN', '1e999', 'x' * 100_000),
)
# What takes the place of a piece of the text itself.
PIECES = (
    *('NaN', 'Infinity', '-Infinity', '1e999', '-1e999', '1' * 5000, '0x10', "'a'"),
    *('[' * 3000, '{"a":' * 3000, '"' * 50, '\\ud800', '\\u0000', '\ufeff', '\0', '\r'),
    *('\n', ',', ';', ',,,,', '"', '//', '{}', '[]', '\u2028', '{"a": 1, "a": 2}', '='),
)


def mutate_json(content: Any, rng: random.Random) -> bytes:
    """Return the text of a JSON value with one to three things wrong in it."""
    content = json.loads(json.dumps(content))
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        holders = list(_holders(content))
        if holders and rng.random() < 0.8:
            _change_value(*rng.choice(holders), rng)
    text = json.dumps(content, ensure_ascii=rng.random() < 0.5)
    return mutate_text(text, rng) if rng.random() < 0.35 else _encode(text)


def mutate_text(text: str, rng: random.Random) -> bytes:
    """Return a text with one thing wrong in it, down to its bytes."""
    return rng.choice(_TEXT_CHANGES)(text, rng)


def _holders(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield (container, key) of every place in a JSON value."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(pairs):
        yield value, key
        if isinstance(inner, dict | list):
            yield from _holders(inner)


def _change_value(holder: Any, key: Any, rng: random.Random) -> None:
    kind = rng.randrange(6)
    if kind == 0 and isinstance(holder, dict):
        holder[rng.choice(('new', 'path', '', key + ' '))] = holder.pop(key)
    elif kind == 1 and isinstance(holder, dict):
        del holder[key]
    elif kind == 2:
        holder[key] = [copy.deepcopy(holder[key]) for _ in range(rng.choice((0, 1, 3)))]
    else:
        # A copy: later changes must not reach into the list of them.
        holder[key] = copy.deepcopy(rng.choice(VALUES))


def _encode(text: str) -> bytes:
    return text.encode('utf-8', 'surrogatepass')


def _place(text: str, rng: random.Random) -> int:
    return rng.randrange(len(text) + 1)


def _cut(text: str, rng: random.Random) -> bytes:
    return _encode(text[: _place(text, rng)])


def _insert(text: str, rng: random.Random) -> bytes:
    at = _place(text, rng)
    return _encode(text[:at] + rng.choice(PIECES) + text[at:])


def _replace_word(text: str, rng: random.Random) -> bytes:
    at = _place(text, rng)
    return _encode(text[:at] + rng.choice(PIECES) + text[at + rng.randrange(9) :])


def _flip_bytes(text: str, rng: random.Random) -> bytes:
    content = bytearray(_encode(text))
    for _ in range(rng.choice((1, 2, 20))):
        if content:
            content[rng.randrange(len(content))] = rng.randrange(256)
    return bytes(content)


def _other_encoding(text: str, rng: random.Random) -> bytes:
    name = rng.choice(('utf-16', 'utf-32', 'utf-8-sig', 'utf-7', 'latin-1'))
    return text.encode(name, 'replace')


def _repeat(text: str, rng: random.Random) -> bytes:
    return _encode(rng.choice(('', '\n', '\r\n', ',')).join([text] * 2))


_TEXT_CHANGES: tuple[Callable[[str, random.Random], bytes], ...] = (
    *(_cut, _insert, _replace_word, _flip_bytes, _other_encoding, _repeat),
)
