"""Reads DeepfakeBench's JSON files, including their known defects.

    {DATASET: {LABEL: {SPLIT: {[COMPRESSION:] {VIDEO: {"label", "frames", "masks"}}}}}}

An oddity does not stop the reading but becomes a `Defect` for the caller to show; a
file of another form is an error.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.files.bounded_reading import MAX_LIST_BYTES, load_json
from mmdeepfake.structures import LABEL_NAMES, VideoKey
from mmdeepfake.structures.video_record import SPLITS

from .names import COMPRESSIONS, LABELS, df40_key, guess_label, is_in_df40, our_level

_MAX_DIGITS = 18  # of the number of a frame
_LEVELS = frozenset(COMPRESSIONS.values())


@dataclass(frozen=True)
class Defect:
    """Something wrong in a file, and how it was handled.

    Attributes:
        kind: what it is, in a few words.
        details: where, how often, and what was done.
    """

    kind: str
    details: str


class Defects:
    """Counts equal defects; those of one video each keep the first video."""

    def __init__(self) -> None:
        self._found: Counter[tuple[str, str]] = Counter()
        self._first: dict[tuple[str, str], str] = {}

    def note(self, kind: str, details: str, video: str = '') -> None:
        """Count one; with a video, `details` follow on 'N videos'."""
        self._found[kind, details] += 1
        self._first.setdefault((kind, details), video)

    def found(self) -> tuple[Defect, ...]:
        """Return them with their numbers."""
        defects = []
        for (kind, details), count in self._found.items():
            video = self._first[kind, details]
            if video:
                details = f'{count} videos {details}, such as {video}'
            elif count > 1:
                details = f'{count} times: {details}'
            defects.append(Defect(kind, details))
        return tuple(defects)


@dataclass(frozen=True)
class BenchVideo:
    """One video as a file lists it.

    Attributes:
        key: in our names.
        split: 'train', 'val' or 'test'.
        frames: paths with '/', sorted by the number that is their stem.
    """

    key: VideoKey
    split: str
    frames: tuple[str, ...]

    @property
    def folder(self) -> str:
        """The folder of its frames; '' without frames."""
        return str(PurePosixPath(self.frames[0]).parent) if self.frames else ''


def plain_path(path: str) -> str:
    """Return a path with '/' for the backslash of Windows."""
    return path.replace('\\', '/')


def frame_number(path: str) -> int | None:
    """Return the number that is a frame's file name; None if it is not a number."""
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
    path: str | os.PathLike[str], defects: Defects | None = None
) -> list[BenchVideo]:
    """Read one of their JSON files, and note its defects.

    Raises:
        DataNotFoundError: the file does not exist.
        DataError: it is not JSON, or of another form.
    """
    path = Path(path)
    if not path.is_file():
        raise DataNotFoundError(f'no file {str(path.absolute())!r} of DeepfakeBench')
    try:
        content = load_json(path, max_bytes=MAX_LIST_BYTES)
    except ValueError as error:
        raise DataError(f'{path} is not a complete JSON file ({error})') from error
    reading = _Reading(path, Defects() if defects is None else defects)
    videos = list(reading.read_datasets(content))
    if not videos:
        raise DataError(
            f'{path} lists no video; expected is {{dataset: {{label: {{split: {{video: '
            '{"label": ..., "frames": [...]}}}}, with a compression level under the '
            'split for FaceForensics++'
        )
    return videos


class _Reading:
    """Walks the levels of one file and notes its oddities."""

    def __init__(self, path: Path, defects: Defects) -> None:
        self._path = path
        self._defects = defects

    def _note(self, kind: str, details: str) -> None:
        self._defects.note(kind, f'{self._path.name}: {details}')

    def _expect(self, value: Any, what: str) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise DataError(
                f'{self._path}: {what} is {type(value).__name__}, expected an object'
            )
        return value

    def read_datasets(self, content: Any) -> Iterator[BenchVideo]:
        for dataset, labels in self._expect(content, 'the file').items():
            if dataset != self._path.stem:
                self._note(
                    'file name',
                    f'the file is named {self._path.stem!r} and indexes {dataset!r}',
                )
            found = {
                name: list(self._read_label(dataset, name, splits))
                for name, splits in self._expect(labels, f'{dataset!r}').items()
            }
            is_df40 = any(is_in_df40(v.folder) for vs in found.values() for v in vs)
            for name, videos in found.items():
                if name not in LABELS:
                    videos = self._explain(dataset, name, videos, is_df40=is_df40)
                yield from videos

    def _explain(
        self, dataset: str, name: str, videos: list[BenchVideo], *, is_df40: bool
    ) -> list[BenchVideo]:
        """Assign DF40's keys to videos of an unknown label, or note the label."""
        keys = [
            df40_key(name, video.key.name, video.folder) if is_df40 else None
            for video in videos
        ]
        if not videos or None in keys:
            kind = LABEL_NAMES[guess_label(name, dataset).label]
            self._note('unknown label', f'{name!r} of {dataset!r}, taken as {kind}')
        return [
            replace(video, key=key or video.key)
            for video, key in zip(videos, keys, strict=True)
        ]

    def _read_label(self, dataset: str, name: str, splits: Any) -> Iterator[BenchVideo]:
        meaning = LABELS.get(name) or guess_label(name, dataset)
        for split, content in self._expect(splits, f'label {name!r}').items():
            if split not in SPLITS:
                self._note('unknown split', f'{split!r} of {name!r}, skipped')
                continue
            for level, video, record in self._walk_split(name, split, content):
                key = VideoKey(
                    meaning.dataset,
                    meaning.label,
                    meaning.method,
                    our_level(level),
                    video,
                )
                yield BenchVideo(key, split, self._read_frames(name, video, record))

    def _read_frames(
        self, name: str, video: str, record: Mapping[str, Any]
    ) -> tuple[str, ...]:
        frames = record.get('frames')
        if not isinstance(frames, list):
            self._note('no frames', f'{video!r} of {name!r} has no list of frames')
            frames = []
        if record.get('label', name) != name:
            self._note(
                'label',
                f'a video under {name!r} is labelled {record["label"]!r}; the former '
                'is used',
            )
        paths = sort_frames([path for path in frames if isinstance(path, str)])
        if any(frame_number(path) is None for path in paths):
            self._note('frame names', f'some of {name!r} are not numbers')
        return paths

    def _walk_split(
        self, name: str, split: str, content: Any
    ) -> Iterator[tuple[str | None, str, Mapping[str, Any]]]:
        """Yield level, name and record of each video."""
        content = self._expect(content, f'split {split!r} of {name!r}')
        if _is_record(content):  # DFDC's val: its last video replaced the map
            self._note(
                'single record',
                f'{split!r} of {name!r} is one record, not a map of videos; it is '
                'named after its folder',
            )
            yield None, _name_after_folder(content), content
            return
        for key, value in content.items():
            if key.lower() not in _LEVELS or _is_record(value):
                yield None, key, self._expect(value, f'video {key!r}')
                continue
            level = self._expect(value, f'level {key!r} of {name!r}')
            for video, record in level.items():
                yield key, video, self._expect(record, f'video {video!r}')


def _is_record(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get('frames'), list)


def _name_after_folder(record: Mapping[str, Any]) -> str:
    frames = [path for path in record['frames'] if isinstance(path, str)]
    return PurePosixPath(plain_path(frames[0])).parent.name if frames else 'unnamed'


def rename_namesakes(videos: Iterable[BenchVideo]) -> list[BenchVideo]:
    """Add the folder to the names of videos that share a name, but not a folder."""
    videos = list(videos)
    folders: defaultdict[VideoKey, set[str]] = defaultdict(set)
    for video in videos:
        folders[video.key].add(video.folder)
    renamed = []
    for video in videos:
        if len(folders[video.key] - {''}) > 1:
            name = f'{video.key.name}@{_place_of(video.folder)}'
            video = replace(video, key=video.key._replace(name=name))
        renamed.append(video)
    return renamed


def _place_of(folder: str) -> str:
    """Return the folder above 'frames', which names a video's origin."""
    parts = PurePosixPath(folder).parts
    where = [i for i, part in enumerate(parts) if part == 'frames']
    return parts[where[-1] - 1] if where and where[-1] else folder


def choose_splits(
    videos: Iterable[BenchVideo], defects: Defects, *, drop_train_test_overlap: bool
) -> dict[VideoKey, BenchVideo]:
    """Keep each video once: in test rather than val, in val rather than train.

    Raises:
        DataError: videos are in train and test, and may not be dropped from train.
    """
    by_key: defaultdict[VideoKey, dict[str, BenchVideo]] = defaultdict(dict)
    for video in videos:
        first = by_key[video.key].setdefault(video.split, video)
        if first.frames != video.frames:
            text = 'are listed again with other frames; the first list is used'
            defects.note('lists differ', text, str(video.key))
    num_leaks = sum({'train', 'test'} <= {*found} for found in by_key.values())
    if num_leaks and not drop_train_test_overlap:
        raise DataError(
            f'{num_leaks} of {len(by_key)} videos are in train and in test, so a model '
            'would be tested on its training data; --drop-train-test-overlap keeps '
            'them in test only'
        )
    chosen = {}
    for key, found in sorted(by_key.items()):
        splits = sorted(found, key=SPLITS.index)  # train, val, test
        chosen[key] = found[splits[-1]]
        if len(splits) > 1:
            where = f'are in {" and ".join(splits)}; kept in {splits[-1]}'
            defects.note('several splits', where, str(key))
    return chosen
