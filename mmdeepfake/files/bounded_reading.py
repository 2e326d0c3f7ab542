"""Text and JSON that others made: read within limits, or refused with a reason.

Whatever the bytes, these functions give a value or raise a `ValueError` that says what
is wrong, so that a reader names its file and goes on with its own checks.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

# A record of ours is some kilobytes; the largest list of a public set that is read,
# DeepfakeBench's of FaceForensics++, some hundred megabytes.
MAX_RECORD_BYTES = 64 << 20
MAX_LIST_BYTES = 512 << 20
# The boxes of a video of ten hours, one a frame, are 40 MB of text.
MAX_LINE_BYTES = 64 << 20
_NUM_EXAMPLES = 5
_MAX_CHARACTERS = 100  # of one of them
_MAX_PATH, _MAX_NAME = 4000, 255  # file systems take no longer ones
_SURROGATE = re.compile(r'\\u[dD][89a-fA-F]')


def load_json(
    path: str | os.PathLike[str],
    *,
    max_bytes: int = MAX_RECORD_BYTES,
    allow_nan: bool = False,
) -> Any:
    """Read a JSON file in UTF-8, with or without a byte order mark.

    Args:
        path: of the file.
        max_bytes: a larger file is not read.
        allow_nan: take NaN and infinite numbers, which figures may be.

    Raises:
        OSError: there is no such file, or it cannot be read.
        ValueError: it is no JSON, too large, nested too deeply, or ambiguous.
    """
    return parse_json(load_text(path, max_bytes=max_bytes), allow_nan=allow_nan)


def load_text(
    path: str | os.PathLike[str], *, max_bytes: int = MAX_RECORD_BYTES
) -> str:
    """Read a text file in UTF-8, with or without a byte order mark.

    Raises:
        OSError: there is no such file, or it cannot be read.
        ValueError: it is too large, or no UTF-8.
    """
    with open(path, 'rb') as file:
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise ValueError(f'it is larger than {max_bytes >> 20} MiB, the most allowed')
    return content.decode('utf-8-sig')


def parse_json(text: str, *, allow_nan: bool = False) -> Any:
    """Read JSON; a field twice, NaN and infinite numbers are refused.

    Raises:
        ValueError: with the reason; a `json.JSONDecodeError` where it is no JSON.
    """
    # Python gives infinity for 1e999.
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
        raise ValueError(f'field {repeated!r} is given twice; once is allowed')
    return fields


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f'{text} is no number that is allowed here; finite ones are')


def _parse_finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        _refuse_constant(text)
    return number


def _check_encodable(value: Any) -> None:
    """Refuse half a character, which no file can hold.

    Bytes of a file name that are no UTF-8 are kept as such halves too, and pass.
    """
    try:
        json.dumps(value, ensure_ascii=False).encode('utf-8', 'surrogateescape')
    except RecursionError:
        raise ValueError('it is nested too deeply') from None
    except UnicodeEncodeError as error:
        raise ValueError(
            f'a text in it holds {error.object[error.start]!r}, which is no character'
        ) from None


def read_lines(
    path: str | os.PathLike[str],
    *,
    max_bytes: int = MAX_LINE_BYTES,
    errors: str = 'strict',
    keep_ends: bool = False,
) -> Iterator[str]:
    r"""Give the lines of a text file in UTF-8 one after another.

    Args:
        path: of the file.
        max_bytes: of one line; the file may have any size.
        errors: as of `bytes.decode`.
        keep_ends: leave the line break on, as `csv.reader` wants it. Lines end with
            '\n' alone.

    Raises:
        OSError: there is no such file, or it cannot be read.
        ValueError: it names the line that is too long, or no UTF-8.
    """
    with open(path, 'rb') as file:
        number = 0
        while line := file.readline(max_bytes + 1):
            number += 1
            if len(line) > max_bytes:
                raise ValueError(
                    f'line {number} is longer than {max_bytes >> 20} MiB, the most '
                    'allowed'
                )
            if number == 1:
                line = line.removeprefix(b'\xef\xbb\xbf')
            try:
                text = line.decode('utf-8', errors)
            except UnicodeDecodeError as error:
                raise ValueError(f'line {number} is no UTF-8 text: {error}') from None
            yield text if keep_ends else text.removesuffix('\n')


def is_inner_path(text: str) -> bool:
    """Tell whether the path of a file stays in the folder that it starts from.

    The text is looked at, not the disk: a link in the folder leads where its owner
    wants it to.
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
    """Give the `repr` of a value for a message, without the rest of a long one."""
    text = repr(value if not isinstance(value, str) else value[: width + 1])
    return text if len(text) <= width + 3 else f'{text[:width]}...'


def shorten_list(names: Sequence[object]) -> str:
    """Give the first few names of a list, for a message."""
    more = ', ...' if len(names) > _NUM_EXAMPLES else ''
    texts = map(str, names[:_NUM_EXAMPLES])
    return (
        ', '.join(
            text if len(text) <= _MAX_CHARACTERS else f'{text[:_MAX_CHARACTERS]}...'
            for text in texts
        )
        + more
    )
