"""Check a manifest and the files it lists, and report every error.

A training run stops at the first kind of error; this reports all, of all splits:
missing or undecodable files, wrong counts of frames, boxes and landmarks, labels and
splits that contradict the folders, and persons in two splits.
"""

from __future__ import annotations

import os
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mmdeepfake.datasets.file_check import FileReport, open_video
from mmdeepfake.datasets.frame_readers import FrameReader, open_reader
from mmdeepfake.datasets.video_item import make_item
from mmdeepfake.errors import DataError, InputError
from mmdeepfake.files.array_reading import read_array
from mmdeepfake.files.printable_text import count_noun
from mmdeepfake.structures import (
    FAILED,
    LABEL_NAMES,
    NO_FACE,
    OK,
    FaceTrack,
    VideoKey,
    VideoRecord,
)
from mmdeepfake.structures.manifest import read_manifest
from mmdeepfake.structures.video_record import SPLITS

_NUM_THREADS = 4
_FRAMES_AT_ONCE = 32
_TOLERANCE_PX = 1.0  # boxes and sizes are rounded on the way
_FPS_TOLERANCE = 0.01  # relative; headers round the rate
_NUM_SHOWN = 40


@dataclass(frozen=True)
class Finding:
    """One error.

    Attributes:
        kind: of error, in a word or two.
        where: the video, or the manifest.
        details: the value found and the one expected.
    """

    kind: str
    where: str
    details: str


@dataclass(frozen=True)
class Validation:
    """The result of checking a manifest.

    Attributes:
        manifest: its path.
        num_videos: videos it lists.
        num_tracks: faces of videos with the status 'ok'.
        num_opened: opened faces among these.
        statuses: status -> number of videos.
        findings: all errors, in the order of the manifest.
    """

    manifest: Path
    num_videos: int
    num_tracks: int
    num_opened: int
    statuses: dict[str, int]
    findings: tuple[Finding, ...]


def validate_manifest(
    manifest: str | os.PathLike[str],
    *,
    data_root: str | os.PathLike[str] | None = None,
    sample: int | None = None,
    every_frame: bool = False,
    test_shows_known_persons: bool = False,
    seed: int = 0,
) -> Validation:
    """Check a manifest and the files that it lists.

    Args:
        manifest: its path.
        data_root: folder of its paths; by default the manifest's own.
        sample: open that many random faces; None opens all. Checks that need no file
            are always made for every line.
        every_frame: decode every frame, not only the first, the middle and the last.
        test_shows_known_persons: persons in both train and test are not an error, as in
            Celeb-DF.
        seed: of the draw.

    Raises:
        DataNotFoundError, DataError: the manifest cannot be read, or `sample` is less
            than 1.
    """
    if sample is not None and sample < 1:
        raise DataError(f'sample {sample}: must be at least 1')
    path = Path(manifest)
    records = read_manifest(path)
    root = path.parent if data_root is None else Path(data_root)
    shown = [record for record in records if record.status == OK]
    chosen = shown
    if sample is not None and sample < len(shown):
        drawn = set(random.Random(seed).sample(range(len(shown)), sample))
        chosen = [record for i, record in enumerate(shown) if i in drawn]
    findings = [
        *(finding for check in _LISTING_CHECKS for finding in check(records)),
        *check_leaks(records, test_shows_known_persons=test_shows_known_persons),
        *_check_files(chosen, root, every_frame=every_frame),
    ]
    by_key = {record.key: record.status for record in records}
    return Validation(
        path,
        len(by_key),
        len(shown),
        len(chosen),
        dict(Counter(by_key.values())),
        tuple(findings),
    )


# Checks of the lines -------------------------------------------------------------


def check_empty(records: Sequence[VideoRecord]) -> Iterator[Finding]:
    """Check that the manifest is not empty."""
    if not records:
        yield Finding('empty', 'manifest', 'it lists no video')


def check_tracks(records: Sequence[VideoRecord]) -> Iterator[Finding]:
    """Check that tracks of a video count from 0 and agree on split and status."""
    by_key: defaultdict[VideoKey, list[VideoRecord]] = defaultdict(list)
    for record in records:
        by_key[record.key].append(record)
    for key, tracks in by_key.items():
        numbers = sorted(record.track for record in tracks)
        if numbers != list(range(len(numbers))):
            yield Finding('tracks', str(key), f'tracks {numbers}; they count from 0')
        for name in ('split', 'status', 'identities'):
            values = sorted({str(getattr(record, name)) for record in tracks})
            if len(values) > 1:
                yield Finding('tracks', str(key), f'{name} differs: {values}')


def check_status(records: Sequence[VideoRecord]) -> Iterator[Finding]:
    """Check that failed videos, and no others, have a fault."""
    for record in records:
        if (record.status == FAILED) != (record.fault is not None):
            yield Finding(
                'status',
                _name_of(record),
                f'status {record.status!r} with the fault {record.fault!r}; only '
                f'{FAILED!r} has one',
            )


def check_leaks(
    records: Sequence[VideoRecord], *, test_shows_known_persons: bool = False
) -> Iterator[Finding]:
    """Check that no person, file or source video is in two splits."""
    splits: dict[str, defaultdict[str, set[str]]] = {
        kind: defaultdict(set) for kind in ('identity', 'source video', 'file')
    }
    for record in records:
        dataset = record.key.dataset
        for identity in record.identities:
            splits['identity'][f'{dataset}/{identity}'].add(record.split)
        if record.source:
            splits['source video'][f'{dataset}: {record.source}'].add(record.split)
        if record.path:
            splits['file'][record.path].add(record.split)
    for kind, names in splits.items():
        for name, found in names.items():
            known = test_shows_known_persons and kind == 'identity'
            if len(found - {'test'} if known else found) > 1:
                where = ' and '.join(split for split in SPLITS if split in found)
                yield Finding('leak', 'manifest', f'{kind} {name!r} is in {where}')


def check_repeated_files(records: Sequence[VideoRecord]) -> Iterator[Finding]:
    """Check that no two lines name the same file."""
    first: dict[str, VideoRecord] = {}
    for record in records:
        if record.path and record.path in first:
            yield Finding(
                'repeated',
                _name_of(record),
                f'{record.path!r} is also that of {_name_of(first[record.path])}',
            )
        first.setdefault(record.path, record)


def check_folders(records: Sequence[VideoRecord]) -> Iterator[Finding]:
    """Check that no folder is named like another label, method or split.

    Complete names are compared: 'deepfake_in_the_wild' is not a label.
    """
    methods = {record.key.method.lower() for record in records}
    for record in records:
        folders = {part.lower() for part in PurePosixPath(record.path).parts[:-1]}
        method, label = record.key.method.lower(), LABEL_NAMES[record.key.label]
        for what, own, aliases, every in (
            ('method', record.key.method, {method, label}, methods | set(LABEL_NAMES)),
            ('split', record.split, {record.split}, set(SPLITS)),
        ):
            # The video's own name may be anything.
            others = (folders & every) - aliases - {record.key.name.lower()}
            if others and not folders & aliases:
                yield Finding(
                    'label' if what == 'method' else what,
                    _name_of(record),
                    f'{record.path!r} is in {sorted(others)[0]!r}, but the {what} is '
                    f'{own!r}',
                )


_LISTING_CHECKS: tuple[Callable[[Sequence[VideoRecord]], Iterable[Finding]], ...] = (
    check_empty,
    check_tracks,
    check_status,
    check_repeated_files,
    check_folders,
)


# Checks of the files -------------------------------------------------------------


def _check_files(
    records: Sequence[VideoRecord], root: Path, *, every_frame: bool
) -> list[Finding]:
    def check(record: VideoRecord) -> list[Finding]:
        return list(check_video(record, root, every_frame=every_frame))

    with ThreadPoolExecutor(_NUM_THREADS) as pool:
        return [finding for found in pool.map(check, records) for finding in found]


def check_video(
    record: VideoRecord, root: Path, *, every_frame: bool
) -> Iterator[Finding]:
    """Compare the files of one face with its line."""
    where = _name_of(record)
    report = open_video(root / record.path)
    if report.problem:
        details = f'{record.path!r} {report.problem.details}'.strip()
        yield Finding(report.problem.kind, where, details)
        return
    for name, found, listed in _compare_counts(record, report):
        yield Finding(name, where, f'{found} in the file, {listed} in the manifest')
    try:
        reader = open_reader(make_item(root, record, report))
        num_frames, size = len(reader), _decode(reader, every_frame=every_frame)
    except InputError as error:
        yield Finding('damaged', where, str(error))
        return
    for check in (_check_boxes, _check_landmarks, _check_mask):
        for kind, details in check(record, root, num_frames, size):
            yield Finding(kind, where, details)


def _compare_counts(
    record: VideoRecord, report: FileReport
) -> Iterator[tuple[str, Any, Any]]:
    if None not in (record.num_frames, report.num_frames):
        if record.num_frames != report.num_frames:
            yield 'frames', f'{report.num_frames} frames', record.num_frames
    if record.fps and report.fps:
        if abs(record.fps - report.fps) > _FPS_TOLERANCE * record.fps:
            yield 'fps', f'{report.fps:g} frames a second', f'{record.fps:g}'


def _decode(reader: FrameReader, *, every_frame: bool) -> tuple[int, int]:
    """Decode frames and return their (height, width)."""
    last = len(reader) - 1
    indices = np.arange(last + 1) if every_frame else np.unique([0, last // 2, last])
    for start in range(0, len(indices), _FRAMES_AT_ONCE):
        frames = reader.read(indices[start : start + _FRAMES_AT_ONCE])
    return frames.shape[1:3]


Fault = tuple[str, str]


def _check_boxes(
    record: VideoRecord, root: Path, num_frames: int, size: tuple[int, int]
) -> Iterator[Fault]:
    if record.track_file is None:
        boxes = np.array(record.boxes, np.float32).reshape(-1, 4)
        if len(boxes) > 1 and len(boxes) != num_frames:
            yield 'boxes', f'{len(boxes)} boxes for {num_frames} frames'
    else:
        try:
            track = FaceTrack.load(root / record.track_file)
        except InputError as error:
            yield 'boxes', str(error)
            return
        boxes = track.boxes_in_clip()
        if len(boxes) != num_frames:
            yield 'boxes', f'a track of {len(boxes)} boxes for {num_frames} frames'
        yield from _check_region(track, size)
    height, width = size
    limits = np.array([width, height, width, height]) + _TOLERANCE_PX
    outside = ((boxes < -_TOLERANCE_PX) | (boxes > limits)).any(axis=1)
    if outside.any():
        first = int(outside.argmax())
        yield (
            'boxes',
            f'{int(outside.sum())} of {len(boxes)} boxes are outside the frames of '
            f'{width} x {height} pixels, the first in frame {first}: '
            f'{np.round(boxes[first], 1).tolist()}',
        )


def _check_region(track: FaceTrack, size: tuple[int, int]) -> Iterator[Fault]:
    if track.region is None:
        return
    x1, y1, x2, y2 = track.region
    expected = (track.scale * (y2 - y1), track.scale * (x2 - x1))
    if max(abs(np.subtract(expected, size))) > _TOLERANCE_PX:
        yield (
            'boxes',
            f'the track is of a clip of {expected[1]:g} x {expected[0]:g} pixels, but '
            f'it has {size[1]} x {size[0]}',
        )


def _check_landmarks(
    record: VideoRecord, root: Path, num_frames: int, size: tuple[int, int]
) -> Iterator[Fault]:
    if record.landmarks is None:
        return
    path = root / record.landmarks
    if not path.is_file():
        yield 'missing', f'landmark file {record.landmarks!r}'
        return
    try:
        points = read_array(path, name='points')
    except (OSError, ValueError) as error:
        yield 'landmarks', f'{record.landmarks!r} is not a readable file ({error})'
        return
    if points.ndim != 3 or points.shape[0] != num_frames or points.shape[2] != 2:
        yield (
            'landmarks',
            f'shape {points.shape}; expected ({num_frames}, number of points, 2)',
        )
    elif not np.isfinite(points).all():
        yield 'landmarks', 'some points are not finite'
    else:
        # The frame may cut off a chin, but not a face's centre.
        centre = points.mean(axis=1)
        outside = ((centre < 0) | (centre > (size[1], size[0]))).any(axis=1)
        if outside.any():
            yield (
                'landmarks',
                f'outside the frame in {int(outside.sum())} frames, first in frame '
                f'{int(outside.argmax())}',
            )


def _check_mask(
    record: VideoRecord, root: Path, num_frames: int, size: tuple[int, int]
) -> Iterator[Fault]:
    if record.mask is None:
        return
    report = open_video(root / record.mask)
    if report.problem:
        yield 'mask', f'{record.mask!r}: {report.problem}'
    elif report.num_frames and report.num_frames > num_frames:
        yield 'mask', f'{report.num_frames} frames of mask for {num_frames}'


def _name_of(record: VideoRecord) -> str:
    return f'{record.key}' + (f', track {record.track}' if record.track else '')


# Output --------------------------------------------------------------------------


def print_validation(result: Validation, console: Console | None = None) -> None:
    """Print the findings as a table, and the summary."""
    console = console or Console()
    if result.findings:
        counts = Counter(finding.kind for finding in result.findings)
        title = ', '.join(f'{number} {kind}' for kind, number in counts.most_common())
        table = Table(box=box.ROUNDED, title=title, title_justify='left')
        for column in ('what', 'where', 'details'):
            table.add_column(column, overflow='fold')
        for finding in result.findings[:_NUM_SHOWN]:
            # As text: brackets in a path are not markup.
            cells = finding.kind, finding.where, finding.details
            table.add_row(*map(Text, cells))
        console.print(table)
        if len(result.findings) > _NUM_SHOWN:
            console.print(f'and {len(result.findings) - _NUM_SHOWN} more')
    console.print(format_verdict(result), markup=False, highlight=False, soft_wrap=True)


def format_verdict(result: Validation) -> str:
    """Summarise in one line what was checked and how many errors were found."""
    counts = ', '.join(
        f'{result.statuses.get(status, 0)} {name}'
        for status, name in (
            (OK, 'ok'),
            (NO_FACE, 'without a face'),
            (FAILED, 'failed'),
        )
    )
    number = len(result.findings)
    verdict = f'errors found: {number}' if number else 'no errors'
    num_missing = sum(finding.kind == 'missing' for finding in result.findings)
    if 0 < result.num_tracks <= num_missing:
        verdict += '; no file is there: was the manifest moved without its folder?'
    return (
        f'{result.manifest}: {count_noun(result.num_videos, "video")} ({counts}), '
        f'{result.num_opened} of {result.num_tracks} faces opened: {verdict}'
    )
