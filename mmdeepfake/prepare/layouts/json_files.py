"""Lists that datasets come with as JSON or text, read with errors that name them."""

from __future__ import annotations

import json
from pathlib import Path

from mmdeepfake.structures import DataError


def read_json(path: Path) -> object:
    """Read a JSON file.

    Raises:
        DataError: it is torn or no JSON.
    """
    try:
        return json.loads(path.read_text(encoding='utf-8-sig'))
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
                f'{path}, entry {video!r}: {fields!r} should be an object of fields'
            )
    return content
