r"""The manifest: a text file that lists prepared videos, one JSON object per line.

    {"dataset": "FaceForensics++", "label": "fake", "method": "FaceSwap",
     "compression": "c40", "name": "012_026", "split": "test",
     "path": "clips/FaceSwap/c40/012_026.mp4", "identities": ["012", "026"],
     "fps": 25.0, "num_frames": 300, "boxes": [[88.0, 41.5, 210.0, 163.5]]}

(on one line). `label` is a word, since some datasets write 1 for real and others for
fake. Paths are relative to the root of the dataset and stay inside it: absolute paths
and '..' are refused, so that a foreign manifest cannot open other files; links are
followed. A line may have up to 64 MiB. Optional fields of `VideoRecord` are omitted at
their default. Videos without a face, or that could not be prepared, are listed with a
`status` and no `path`, so that they can be counted.

The file is append-only and each line is flushed at once, so a killed run loses at most
the line it was writing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import fields as fields_of
from pathlib import Path
from typing import Any

from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.files.bounded_reading import (
    MAX_LINE_BYTES,
    is_inner_path,
    parse_json,
    read_lines,
    shorten,
)

from . import LABEL_NAMES, OK, VideoKey, VideoRecord

# Bytes of a path that are not UTF-8 are read and written unchanged.
_ERRORS = 'surrogateescape'
_MAX_NUMBER = 2**53  # integers up to here are exact as floats


def read_manifest(path: str | os.PathLike[str]) -> list[VideoRecord]:
    """Read every video of a manifest, in the order of its lines.

    Raises:
        DataNotFoundError: the file does not exist.
        DataError: a line is truncated or invalid, a field is unknown, missing or out of
            range, or two lines have the same key and track. The message names file and
            line.
    """
    path = Path(path)
    if path.is_dir():
        raise DataNotFoundError(f'{str(path)!r} is a folder; name its manifest.jsonl')
    if not path.is_file():
        raise DataNotFoundError(
            f'no manifest {str(path.absolute())!r}, the file that lists the prepared '
            'videos. Prepare the data first (python tools/prepare.py SET ROOT --out '
            'OUT, see docs/datasets.md), and point `data_root` at OUT'
        )
    records: list[VideoRecord] = []
    first_lines: dict[tuple[VideoKey, int], int] = {}
    for number, line in _number_lines(path):
        try:
            record = parse_line(line)
        except ValueError as error:
            raise DataError(f'{path}, line {number}: {error}') from error
        track = (record.key, record.track)
        if track in first_lines:
            raise DataError(
                f'{path}, line {number}: the video {record.key} is already in line '
                f'{first_lines[track]}; each may be listed once'
            )
        first_lines[track] = number
        records.append(record)
    return records


def _number_lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        yield from enumerate(read_lines(path, errors=_ERRORS), start=1)
    except ValueError as error:
        raise DataError(f'{path}, {error}') from error


class ManifestWriter:
    """Appends videos to a manifest, which is created if missing.

    Entering it cuts off an incomplete last line of a killed run; other errors are
    raised as by `read_manifest`.

    Example:
        >>> with ManifestWriter('faces/manifest.jsonl') as manifest:
        ...     for record in records:
        ...         if record.key not in manifest:  # done before the kill
        ...             manifest.append(record)
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._tracks: set[tuple[VideoKey, int]] = set()
        self._file: Any = None

    def __enter__(self) -> ManifestWriter:
        if self.path.exists():
            _fix_last_line(self.path)
            self._tracks = {(r.key, r.track) for r in read_manifest(self.path)}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(
            self.path, 'a', newline='\n', encoding='utf-8', errors=_ERRORS
        )
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()
        self._file = None

    def __contains__(self, key: VideoKey) -> bool:
        return (key, 0) in self._tracks

    def append(self, record: VideoRecord) -> None:
        """Write one video and flush it."""
        if self._file is None:
            raise RuntimeError(
                'this ManifestWriter is not open: use it in a `with` block'
            )
        if (record.key, record.track) in self._tracks:
            raise DataError(
                f'{self.path}: the video {record.key} is already listed; each may be '
                'listed once'
            )
        line = format_line(record)
        # Never write a line that cannot be read back.
        try:
            parse_line(line)
        except ValueError as error:
            raise DataError(f'{self.path}, next line: {error}') from error
        self._file.write(line + '\n')
        self._file.flush()
        self._tracks.add((record.key, record.track))


def _fix_last_line(path: Path) -> None:
    """Complete the last line if only its line break is missing, else cut it off."""
    with open(path, 'r+b') as file:
        size = file.seek(0, os.SEEK_END)
        tail = max(0, size - MAX_LINE_BYTES)
        file.seek(tail)
        content = file.read()
        if not content or content.endswith(b'\n'):
            return
        start = content.rfind(b'\n') + 1
        try:
            parse_line(content[start:].decode('utf-8', _ERRORS))
        except ValueError:
            file.truncate(tail + start)
        else:
            file.seek(0, os.SEEK_END)
            file.write(b'\n')


def format_line(record: VideoRecord) -> str:
    """Return the JSON text of one video, without a line break."""
    fields: dict[str, Any] = record.key._asdict()
    fields['label'] = LABEL_NAMES[record.key.label]
    fields['split'] = record.split
    for name in _OPTIONAL_FIELDS:
        value = getattr(record, name)
        if value != _DEFAULTS[name]:
            fields[name] = value
    return json.dumps(fields, ensure_ascii=False)


def parse_line(line: str) -> VideoRecord:
    """Parse the JSON text of one video.

    Raises:
        ValueError: the message names the field, its value and what is allowed.
    """
    fields = _load_object(line)
    unknown = [name for name in fields if name not in _FIELDS]
    if unknown:
        raise ValueError(
            f'unknown field {shorten(unknown[0])}; known are {", ".join(_FIELDS)}'
        )
    for name in _REQUIRED_FIELDS:
        if name not in fields:
            raise ValueError(
                f'field {name!r} is missing; required are {", ".join(_REQUIRED_FIELDS)}'
            )
    if 'path' not in fields and fields.get('status', OK) == OK:
        raise ValueError(
            "field 'path' is missing; give the path of the video, or a 'status' that "
            'explains why there is none'
        )
    for name, value in fields.items():
        is_allowed, allowed = _FIELDS[name]
        if not is_allowed(value):
            raise ValueError(
                f'field {name!r} is {shorten(value)}; allowed is {allowed}'
            )
    key = VideoKey(
        fields['dataset'],
        LABEL_NAMES.index(fields['label']),
        fields['method'],
        fields['compression'],
        fields['name'],
    )
    optional = {name: fields[name] for name in _OPTIONAL_FIELDS if name in fields}
    if 'identities' in optional:
        optional['identities'] = tuple(optional['identities'])
    if 'boxes' in optional:
        optional['boxes'] = tuple(map(tuple, optional['boxes']))
    return VideoRecord(key, optional.pop('path', ''), fields['split'], **optional)


def _load_object(line: str) -> dict[str, Any]:
    try:
        fields = parse_json(line)
    except json.JSONDecodeError as error:
        raise ValueError(
            f'{shorten(line)} is not a complete JSON object ({error.msg} at character '
            f'{error.pos + 1}). If it is the last line, a killed run truncated it: run '
            'the preparation again'
        ) from error
    if not isinstance(fields, dict):
        raise ValueError(f'{shorten(line)} is not a JSON object of the form {{...}}')
    return fields


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != '' and '\0' not in value


def _is_number(value: object) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and -_MAX_NUMBER <= value <= _MAX_NUMBER
    )


def _is_count(value: object) -> bool:
    return isinstance(value, int) and _is_number(value)


def _is_relative_path(value: object) -> bool:
    return _is_text(value) and is_inner_path(str(value))


def _is_box(value: object) -> bool:
    return isinstance(value, list) and len(value) == 4 and all(map(_is_number, value))


def _list_of(is_item: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, list) and all(map(is_item, value))


_TEXT = (_is_text, 'a string that is not empty')
_PATH = (_is_relative_path, "a path relative to the data root, without '..'")
# VideoRecord checks the ranges.
_FIELDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    'dataset': _TEXT,
    'label': (lambda value: value in LABEL_NAMES, ' or '.join(map(repr, LABEL_NAMES))),
    'method': _TEXT,
    'compression': _TEXT,
    'name': _TEXT,
    'split': _TEXT,
    'path': _PATH,
    'track': (_is_count, 'an integer'),
    'status': _TEXT,
    'fault': _TEXT,
    'source': _PATH,
    'identities': (_list_of(_is_text), 'a list of strings'),
    'fps': (_is_number, 'a number'),
    'num_frames': (_is_count, 'an integer'),
    'boxes': (_list_of(_is_box), 'a list of [x1, y1, x2, y2], numbers in pixels'),
    'landmarks': _PATH,
    'track_file': _PATH,
    'mask': _PATH,
}
_REQUIRED_FIELDS = (*VideoKey._fields, 'split')
_OPTIONAL_FIELDS = tuple(name for name in _FIELDS if name not in _REQUIRED_FIELDS)
_DEFAULTS = {field.name: field.default for field in fields_of(VideoRecord)}
_DEFAULTS['path'] = ''  # of a video without a face clip
