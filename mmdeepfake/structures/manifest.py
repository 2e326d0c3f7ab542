r"""The manifest: a text file that lists prepared videos, one JSON object a line.

    {"dataset": "FaceForensics++", "label": "fake", "method": "FaceSwap",
     "compression": "c40", "name": "012_026", "split": "test",
     "path": "clips/FaceSwap/c40/012_026.mp4", "identities": ["012", "026"],
     "fps": 25.0, "num_frames": 300, "boxes": [[88.0, 41.5, 210.0, 163.5]]}

(on one line). `label` is a word, since some sets write 1 for real and others for fake.
Paths are relative to the folder that the dataset is given as its root, and stay in it:
an absolute one and one with '..' are refused, so that somebody else's manifest opens no
file of yours. Links in the folder are followed, since you made them. A line may have
64 MiB. The optional fields of `VideoRecord` are left out where they hold nothing beyond
their default. A video in which no face was found, or which could not be prepared, has
its line too, with a `status` and no `path`: what is left out cannot be counted.

The file only ever grows, and each line is flushed at once, so a run that is killed
loses at most the line it was writing.
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

# Bytes of a path that are no UTF-8 pass through unchanged in both directions.
_ENCODING: dict[str, str] = {'encoding': 'utf-8', 'errors': 'surrogateescape'}
_MAX_NUMBER = 2**53  # whole numbers up to here are the same as floats


def read_manifest(path: str | os.PathLike[str]) -> list[VideoRecord]:
    """Read every video of a manifest, in the order of its lines.

    Raises:
        DataNotFoundError: there is no such file.
        DataError: a line is torn or broken, a field is unknown, missing or out of
            range, or two lines have the same key and track. The message names file and
            line.
    """
    path = Path(path)
    if not path.is_file():
        raise DataNotFoundError(
            f'no manifest {str(path.absolute())!r}: it is the file that lists the '
            'prepared videos, one a line. Prepare the data first (python '
            'tools/prepare.py SET ROOT OUT, see docs/datasets.md), and point '
            '`data_root` at OUT'
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
                f'{path}, line {number}: the video {record.key} stands already in '
                f'line {first_lines[track]}; each may be listed once'
            )
        first_lines[track] = number
        records.append(record)
    return records


def _number_lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        yield from enumerate(read_lines(path, errors=_ENCODING['errors']), start=1)
    except ValueError as error:
        raise DataError(f'{path}, {error}') from error


class ManifestWriter:
    """Appends videos to a manifest, which it makes if there is none.

    A last line that an earlier, killed run left incomplete is cut off on entering;
    every other fault is an error, as in `read_manifest`.

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
            _mend_last_line(self.path)
            self._tracks = {(r.key, r.track) for r in read_manifest(self.path)}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(self.path, 'a', newline='\n', **_ENCODING)
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()
        self._file = None

    def __contains__(self, key: VideoKey) -> bool:
        return (key, 0) in self._tracks

    def append(self, record: VideoRecord) -> None:
        """Write one video and flush it, so that a later kill cannot lose it."""
        if self._file is None:
            raise RuntimeError(
                'this ManifestWriter is not open: use it in a `with` block'
            )
        if (record.key, record.track) in self._tracks:
            raise DataError(
                f'{self.path}: the video {record.key} is listed already; each may be '
                'listed once'
            )
        line = format_line(record)
        # What cannot be read back must not be written: check before, not months later.
        try:
            parse_line(line)
        except ValueError as error:
            raise DataError(f'{self.path}, next line: {error}') from error
        self._file.write(line + '\n')
        self._file.flush()
        self._tracks.add((record.key, record.track))


def _mend_last_line(path: Path) -> None:
    """End the file with a whole line: complete the last one or cut it off."""
    with open(path, 'r+b') as file:
        size = file.seek(0, os.SEEK_END)
        tail = max(0, size - MAX_LINE_BYTES)
        file.seek(tail)
        content = file.read()
        if not content or content.endswith(b'\n'):
            return
        start = content.rfind(b'\n') + 1
        try:
            parse_line(content[start:].decode(**_ENCODING))
        except ValueError:
            file.truncate(tail + start)
        else:  # only its line break is missing
            file.seek(0, os.SEEK_END)
            file.write(b'\n')


def format_line(record: VideoRecord) -> str:
    """Give the JSON text of one video, without a line break."""
    fields: dict[str, Any] = record.key._asdict()
    fields['label'] = LABEL_NAMES[record.key.label]
    fields['split'] = record.split
    for name in _OPTIONAL_FIELDS:
        value = getattr(record, name)
        if value != _DEFAULTS[name]:
            fields[name] = value
    return json.dumps(fields, ensure_ascii=False)


def parse_line(line: str) -> VideoRecord:
    """Read the JSON text of one video.

    Raises:
        ValueError: with the field, the value got and what is allowed.
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
                f'field {name!r} is missing; needed are {", ".join(_REQUIRED_FIELDS)}'
            )
    if 'path' not in fields and fields.get('status', OK) == OK:
        raise ValueError(
            "field 'path' is missing; needed is the path of the video, or a 'status' "
            'that says why there is none'
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
            f'{shorten(line)} is not one whole JSON object ({error.msg} at character '
            f'{error.pos + 1}); a torn last line is left by a killed run, and running '
            'the preparation again cuts it off'
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


_TEXT = (_is_text, 'a text that is not empty')
_PATH = (_is_relative_path, "a path relative to the data root, without '..'")
# Ranges that need more than one field, or more than a type, are VideoRecord's to check.
_FIELDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    'dataset': _TEXT,
    'label': (lambda value: value in LABEL_NAMES, ' or '.join(map(repr, LABEL_NAMES))),
    'method': _TEXT,
    'compression': _TEXT,
    'name': _TEXT,
    'split': _TEXT,
    'path': _PATH,
    'track': (_is_count, 'a whole number'),
    'status': _TEXT,
    'fault': _TEXT,
    'source': _PATH,
    'identities': (_list_of(_is_text), 'a list of texts'),
    'fps': (_is_number, 'a number'),
    'num_frames': (_is_count, 'a whole number'),
    'boxes': (_list_of(_is_box), 'a list of [x1, y1, x2, y2], numbers in pixels'),
    'landmarks': _PATH,
    'track_file': _PATH,
    'mask': _PATH,
}
_REQUIRED_FIELDS = (*VideoKey._fields, 'split')
_OPTIONAL_FIELDS = tuple(name for name in _FIELDS if name not in _REQUIRED_FIELDS)
_DEFAULTS = {field.name: field.default for field in fields_of(VideoRecord)}
_DEFAULTS['path'] = ''  # of a video that has none, for want of a face
