"""Reading of the JSON and text lists of datasets; errors name the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmdeepfake.errors import DataError
from mmdeepfake.files.bounded_reading import (
    MAX_LIST_BYTES,
    is_inner_path,
    load_json,
    load_text,
    shorten,
)


def read_json(path: Path) -> object:
    """Read a JSON file; raise a `DataError` if it is damaged or not JSON."""
    try:
        return load_json(path, max_bytes=MAX_LIST_BYTES)
    except ValueError as error:
        raise DataError(f'{path} is not valid JSON: {error}; copy it again') from error


def read_json_of_videos(path: Path) -> dict[str, dict[str, Any]]:
    """Read a JSON object {video: {field: value}}; raise a `DataError` for others."""
    content = read_json(path)
    if not isinstance(content, dict) or not content:
        raise DataError(f'{path}: expected a JSON object {{video: {{...}}}}, not empty')
    for video, fields in content.items():
        if not isinstance(fields, dict):
            raise DataError(
                f'{path}, entry {shorten(video)}: {shorten(fields)} is not an object'
            )
    return content


def read_text_list(path: Path) -> str:
    """Read a text file; raise a `DataError` if it is too large or not UTF-8."""
    try:
        return load_text(path, max_bytes=MAX_LIST_BYTES)
    except ValueError as error:
        raise DataError(f'{path} is not UTF-8 text: {error}; copy it again') from error


def check_listed_path(name: object, *, where: str) -> str:
    """Return a path from a list if it stays in the list's folder.

    Args:
        name: the path as listed.
        where: file and position, for the message.

    Raises:
        DataError: it is not a string, is absolute, or contains '..'.
    """
    if not isinstance(name, str) or not is_inner_path(name):
        raise DataError(
            f"{where}: {shorten(name)} is not a path in the list's folder; absolute "
            "paths and '..' are not allowed"
        )
    return name
