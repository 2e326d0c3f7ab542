"""Lists that datasets come with as JSON or text, read with errors that name them."""

from __future__ import annotations

from pathlib import Path

from mmdeepfake.errors import DataError
from mmdeepfake.files.bounded_reading import (
    MAX_LIST_BYTES,
    is_inner_path,
    load_json,
    load_text,
    shorten,
)


def read_json(path: Path) -> object:
    """Read a JSON file.

    Raises:
        DataError: it is torn or no JSON.
    """
    try:
        return load_json(path, max_bytes=MAX_LIST_BYTES)
    except ValueError as error:
        raise DataError(f'{path} is no JSON file: {error}; copy it again') from error


def read_json_of_videos(path: Path) -> dict[str, dict]:
    """Read a JSON object {video: {field: value}}.

    Raises:
        DataError: it is torn, or anything else.
    """
    content = read_json(path)
    if not isinstance(content, dict) or not content:
        raise DataError(
            f'{path}: should be a JSON object {{video: {{...}}}}, not empty'
        )
    for video, fields in content.items():
        if not isinstance(fields, dict):
            raise DataError(
                f'{path}, entry {shorten(video)}: {shorten(fields)} should be an '
                'object of fields'
            )
    return content


def read_text_list(path: Path) -> str:
    """Read a list that is plain text.

    Raises:
        DataError: it is too large, or no UTF-8.
    """
    try:
        return load_text(path, max_bytes=MAX_LIST_BYTES)
    except ValueError as error:
        raise DataError(
            f'{path} is no list in UTF-8: {error}; copy it again'
        ) from error


def check_listed_path(name: object, *, where: str) -> str:
    """Give a path that a list names, if it stays in the list's folder.

    Args:
        name: as the list has it.
        where: file and place in it, for the message.

    Raises:
        DataError: it is no text, is absolute, or leads out by '..'.
    """
    if not isinstance(name, str) or not is_inner_path(name):
        raise DataError(
            f"{where}: {shorten(name)} is no path in the list's folder; absolute ones "
            "and '..' are not followed"
        )
    return name
