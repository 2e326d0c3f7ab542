"""Reads DeepfakeBench's JSON files, with all that is known to be wrong in them.

    {DATASET: {LABEL: {SPLIT: {[COMPRESSION:] {VIDEO: {"label", "frames", "masks"}}}}}}

Nothing that is odd stops the reading; each oddity becomes a `Defect` that the caller
shows. What is no such file at all is an error.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.files.bounded_reading import MAX_LIST_BYTES, load_json
from mmdeepfake.structures.video_record import SPLITS

from .names import COMPRESSIONS, LABELS, LEVEL_SUFFIXES, guess_label, our_level

_MAX_DIGITS = 18  # of the number of a frame
_LEVELS = frozenset(COMPRESSIONS.values())


@dataclass(frozen=True)
class Defect:
    """Something in a file that is not as it should be, and what was made of it.

    Attributes:
        kind: what it is, in a few words.
        details: where, how often, and what was done.
    """

    kind: str
    details: str


@dataclass(frozen=True)
class BenchVideo:
    """One video as a file lists it.

    Attributes:
        dataset: our name.
        label_name: theirs.
        method: our name, or 'real'.
        label: 0 or 1.
        split: 'train', 'val' or 'test'.
        compression: our name of the level.
        name: of the video.
        frames: paths with '/', sorted by the number that is their stem.
    """

    dataset: str
    label_name: str
    method: str
    label: int
    split: str
    compression: str
    name: str
    frames: tuple[str, ...]


def plain_path(path: str) -> str:
    """Give a path with '/' in place of the backslash that Windows takes for it."""
    return path.replace('\\', '/')


def frame_number(path: str) -> int | None:
    """Give the number that a frame's file name is, None if it is none."""
    stem = PurePosixPath(path).stem
    is_number = stem.isascii() and stem.isdigit() and len(stem) <= _MAX_DIGITS
    return int(stem) if is_number else None


def sort_frames(paths: list[str]) -> tuple[str, ...]:
    """Sort by number: as text, '100' comes before '99'."""
    plain = list(map(plain_path, paths))
    if any(frame_number(path) is None for path in plain):
        return tuple(sorted(plain))
    return tuple(sorted(plain, key=lambda path: (frame_number(path), path)))


def read_bench_file(
    path: str | os.PathLike[str],
) -> tuple[list[BenchVideo], list[Defect]]:
    """Read one of their JSON files.

    Raises:
        DataNotFoundError: there is no such file.
        DataError: it is no JSON, or of another form.
    """
    path = Path(path)
    if not path.is_file():
        raise DataNotFoundError(f'no file {str(path.absolute())!r} of DeepfakeBench')
    try:
        content = load_json(path, max_bytes=MAX_LIST_BYTES)
    except ValueError as error:
        raise DataError(f'{path} is no whole JSON file ({error})') from error
    reading = _Reading(path)
    videos = list(reading.read_datasets(content))
    if not videos:
        raise DataError(
            f'{path} lists no video; expected is {{dataset: {{label: {{split: {{video: '
            '{"label": ..., "frames": [...]}}}}, with a level of compressions under '
            'the split for FaceForensics++'
        )
    return videos, reading.defects()


class _Reading:
    """Walks the levels of one file and counts what is odd."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._odd: Counter[tuple[str, str]] = Counter()

    def defects(self) -> list[Defect]:
        """Give what was odd, each with how often it was met."""
        return [
            Defect(kind, f'{self._path.name}: {count} times: {details}')
            if count > 1
            else Defect(kind, f'{self._path.name}: {details}')
            for (kind, details), count in self._odd.items()
        ]

    def _note(self, kind: str, details: str) -> None:
        self._odd[kind, details] += 1

    def _expect(self, value: Any, what: str) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise DataError(
                f'{self._path}: {what} is {type(value).__name__}, expected an object'
            )
        return value

    def read_datasets(self, content: Any) -> Iterator[BenchVideo]:
        for dataset, labels in self._expect(content, 'the file').items():
            if dataset != self._path.stem:
                cut = next(
                    (s for s in LEVEL_SUFFIXES if self._path.stem == dataset + s), None
                )
                self._note(
                    'file name',
                    f'the file is named {self._path.stem!r} and indexes {dataset!r}'
                    + (', as its copies of one level do' if cut else ''),
                )
            for name, splits in self._expect(labels, f'{dataset!r}').items():
                yield from self._read_label(dataset, name, splits)

    def _read_label(self, dataset: str, name: str, splits: Any) -> Iterator[BenchVideo]:
        meaning = LABELS.get(name)
        if meaning is None:
            meaning = guess_label(name, dataset)
            kind = 'real' if meaning.label == 0 else 'fake'
            self._note('unknown label', f'{name!r} of {dataset!r}, taken for {kind}')
        for split, content in self._expect(splits, f'label {name!r}').items():
            if split not in SPLITS:
                self._note('unknown split', f'{split!r} of {name!r}, left out')
                continue
            for level, video, record in self._walk_split(name, split, content):
                frames = record.get('frames')
                if not isinstance(frames, list):
                    self._note(
                        'no frames', f'{video!r} of {name!r} has no list of them'
                    )
                    frames = []
                if record.get('label', name) != name:
                    self._note(
                        'label',
                        f'a video under {name!r} is labelled {record["label"]!r}; the '
                        'former is taken',
                    )
                paths = sort_frames([p for p in frames if isinstance(p, str)])
                if any(frame_number(path) is None for path in paths):
                    self._note('frame names', f'some of {name!r} are no numbers')
                yield BenchVideo(
                    meaning.dataset,
                    name,
                    meaning.method,
                    meaning.label,
                    split,
                    our_level(level),
                    video,
                    paths,
                )

    def _walk_split(
        self, name: str, split: str, content: Any
    ) -> Iterator[tuple[str | None, str, Mapping[str, Any]]]:
        content = self._expect(content, f'split {split!r} of {name!r}')
        if _is_record(content):  # DFDC's val: the map was overwritten by its last video
            self._note(
                'single record',
                f'{split!r} of {name!r} is one record, not a map of videos; it is '
                'named after its folder',
            )
            yield None, _name_after_folder(content), content
            return
        for key, value in content.items():
            if key.lower() in _LEVELS and not _is_record(value):
                level = self._expect(value, f'level {key!r} of {name!r}')
                if _is_record(level):
                    yield key, _name_after_folder(level), level
                    continue
                for video, record in level.items():
                    yield key, video, self._expect(record, f'video {video!r}')
            else:
                yield None, key, self._expect(value, f'video {key!r}')


def _is_record(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get('frames'), list)


def _name_after_folder(record: Mapping[str, Any]) -> str:
    frames = [path for path in record['frames'] if isinstance(path, str)]
    return PurePosixPath(plain_path(frames[0])).parent.name if frames else 'unnamed'
