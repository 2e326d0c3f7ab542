"""Reading of untrusted text and JSON within limits.

Whatever the bytes, these functions return a value or raise a `ValueError` with the
reason; the caller adds the file and its own checks.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

# Our records are a few kilobytes; the largest list of a public dataset, that of
# FaceForensics++ in DeepfakeBench, is a few hundred megabytes.
MAX_RECORD_BYTES = 64 << 20
MAX_LIST_BYTES = 512 << 20
# One box per frame of a ten-hour video is 40 MB of text.
MAX_LINE_BYTES = 64 << 20
_NUM_EXAMPLES = 5
_MAX_CHARACTERS = 100  # per example
_MAX_PATH, _MAX_NAME = 4000, 255  # limits of file systems
_SURROGATE = re.compile(r'\\u[dD][89a-fA-F]')


def load_json(
    path: str | os.PathLike[str],
    *,
    max_bytes: int = MAX_RECORD_BYTES,
    allow_nan: bool = False,
) -> Any:
    """Read a JSON file in UTF-8, with or without a byte order mark.

    Args:
        path: the file.
        max_bytes: maximum size of the file.
        allow_nan: accept NaN and infinity.

    Raises:
        OSError: the file is missing or cannot be read.
        ValueError: it is not JSON, too large, nested too deeply, or ambiguous.
    """
    return parse_json(load_text(path, max_bytes=max_bytes), allow_nan=allow_nan)


def load_text(
    path: str | os.PathLike[str], *, max_bytes: int = MAX_RECORD_BYTES
) -> str:
    """Read a text file in UTF-8, with or without a byte order mark.

    Raises:
        OSError: the file is missing or cannot be read.
        ValueError: it is too large, or not UTF-8.
    """
    with open(path, 'rb') as file:
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise ValueError(f'it is larger than the limit of {max_bytes >> 20} MiB')
    return content.decode('utf-8-sig')


def parse_json(text: str, *, allow_nan: bool = False) -> Any:
    """Parse JSON; refuse repeated fields, NaN and infinity.

    Raises:
        ValueError: with the reason; a `json.JSONDecodeError` if it is not JSON.
    """
    # Python parses 1e999 as infinity.
    strict: dict[str, Any] = {} if allow_nan else {
        'parse_constant': _refuse_constant,
        'parse_float': _parse_finite,
    }  # fmt: skip
    try:
        value = json.loads(text, object_pairs_hook=_refuse_repeats, **strict)
    except RecursionError:
        raise ValueError('it is nested too deeply') from None
    if _SURROGATE.search(text):
        _check_encodable(value)
    return value


def _refuse_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise ValueError(f'field {repeated!r} is given twice')
    return fields


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f'{text} is not a finite number')


def _parse_finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        _refuse_constant(text)
    return number


def _check_encodable(value: Any) -> None:
    """Refuse lone surrogates, which no file can hold.

    Those that stand for non-UTF-8 bytes of a file name (surrogateescape) pass.
    """
    try:
        json.dumps(value, ensure_ascii=False).encode('utf-8', 'surrogateescape')
    except RecursionError:
        raise ValueError('it is nested too deeply') from None
    except UnicodeEncodeError as error:
        raise ValueError(
            f'a string holds {error.object[error.start]!r}, not a valid character'
        ) from None


def read_lines(
    path: str | os.PathLike[str],
    *,
    max_bytes: int = MAX_LINE_BYTES,
    errors: str = 'strict',
    keep_ends: bool = False,
) -> Iterator[str]:
    r"""Yield the lines of a UTF-8 text file; only '\n' ends a line.

    Args:
        path: the file.
        max_bytes: maximum length of a line; the file may have any size.
        errors: as in `bytes.decode`.
        keep_ends: keep line breaks, as `csv.reader` expects.

    Raises:
        OSError: the file is missing or cannot be read.
        ValueError: a line is too long or not UTF-8; the message gives its number.
    """
    with open(path, 'rb') as file:
        number = 0
        while line := file.readline(max_bytes + 1):
            number += 1
            if len(line) > max_bytes:
                raise ValueError(
                    f'line {number} is longer than the limit of {max_bytes >> 20} MiB'
                )
            if number == 1:
                line = line.removeprefix(b'\xef\xbb\xbf')
            try:
                text = line.decode('utf-8', errors)
            except UnicodeDecodeError as error:
                raise ValueError(f'line {number} is not UTF-8: {error}') from None
            yield text if keep_ends else text.removesuffix('\n')


def is_inner_path(text: str) -> bool:
    """Return whether a relative path stays inside the folder it starts from.

    Only the text is checked: links on disk may lead elsewhere.
    """
    parts = re.split(r'[/\\]', text)
    is_absolute = text[:1] in ('/', '\\') or re.match(r'[A-Za-z]:[/\\]', text)
    return bool(
        text
        and '\0' not in text
        and not is_absolute
        and '..' not in parts
        and len(text) <= _MAX_PATH
        and all(len(part) <= _MAX_NAME for part in parts)
    )


def shorten(value: object, width: int = 60) -> str:
    """Return the `repr` of a value for a message, truncated to `width`."""
    if isinstance(value, str):
        return repr(value) if len(value) <= width else f'{value[:width]!r}...'
    text = repr(value)
    return text if len(text) <= width else f'{text[:width]}...'


def shorten_list(names: Sequence[object]) -> str:
    """Return the first few names of a list, for a message."""
    more = ', ...' if len(names) > _NUM_EXAMPLES else ''
    texts = map(str, names[:_NUM_EXAMPLES])
    return (
        ', '.join(
            text if len(text) <= _MAX_CHARACTERS else f'{text[:_MAX_CHARACTERS]}...'
            for text in texts
        )
        + more
    )
