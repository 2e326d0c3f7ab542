"""From DeepfakeBench's JSON files and pictures to a manifest, with or without clips.

Each video is listed once. Their files list many videos in several splits; here one in
train and test is refused, or dropped from train on demand, and of further splits test
is kept before val and val before train. Whatever is found on the way is reported.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mmdeepfake.errors import DataError
from mmdeepfake.files.array_file import write_arrays
from mmdeepfake.files.array_reading import read_array
from mmdeepfake.files.atomic_write import replacing
from mmdeepfake.files.bounded_reading import (
    MAX_LIST_BYTES,
    is_inner_path,
    load_json,
    shorten,
)
from mmdeepfake.structures import (
    FAILED,
    FAKE,
    LABEL_NAMES,
    OK,
    REAL,
    FaceTrack,
    VideoKey,
    VideoRecord,
)
from mmdeepfake.structures.manifest import ManifestWriter, parse_line
from mmdeepfake.structures.video_record import SPLITS
from mmdeepfake.video.clip_storage import ClipWriter

from ..output_folder import safe_name
from .reading import BenchVideo, Defect, frame_number, plain_path, read_bench_file

EXTRAS_END = '_mmdeepfake.json'  # our second file beside `<dataset>.json`
PICTURES = 'pictures'  # in our folder, a link to their root
UNKNOWN_FPS = 25.0
_KNOWN_ROOTS = ('./datasets/rgb/', 'datasets/rgb/', './')


@dataclass(frozen=True)
class ImportReport:
    """What an import found and did.

    Attributes:
        records: lines of the manifest.
        defects: what was wrong, and what was made of it.
    """

    records: tuple[VideoRecord, ...]
    defects: tuple[Defect, ...]


def import_bench(
    json_files: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    bench_root: str | os.PathLike[str],
    strip: str | None = None,
    drop_train_test_overlap: bool = False,
    clip_format: str | None = 'png',
) -> ImportReport:
    """Read their files and pictures; write OUT/manifest.jsonl.

    Args:
        json_files: their JSON files; one video in several of them is taken once.
        out: folder for the manifest and the clips, made if needed.
        bench_root: folder that their paths start from.
        strip: what paths begin with that is no folder below `bench_root`.
        drop_train_test_overlap: list videos of both train and test in test alone; if
            not set, they are an error.
        clip_format: how the pictures are stored (see `clip_storage`; PNG loses
            nothing). None copies nothing and lists their folders, by a link in OUT; a
            dataset reads folders without gaps between the numbers alone.

    Raises:
        DataNotFoundError, DataError: a file cannot be read, OUT has a manifest, or
            videos are in train and test.
    """
    out, bench_root = Path(out), Path(bench_root)
    manifest = out / 'manifest.jsonl'
    if manifest.exists():
        raise DataError(f'{manifest} is there already; give a new or empty folder')
    videos: list[BenchVideo] = []
    defects: list[Defect] = []
    extras: dict[str, Any] = {}
    for path in map(Path, json_files):
        found, odd = read_bench_file(path)
        videos += found
        defects += odd
        extras |= read_extras(path)
    chosen, odd = choose_splits(
        tell_names_apart(videos), drop_train_test_overlap=drop_train_test_overlap
    )
    defects += odd
    importer = _Importer(out, bench_root, strip, clip_format, extras)
    records = []
    # An import that fails midway must not look like a smaller one that is whole.
    with replacing(manifest) as draft, ManifestWriter(draft) as writer:
        for key, video in chosen.items():
            records.append(importer.import_video(key, video))
            writer.append(records[-1])
        for record in importer.unscored(set(chosen)):
            records.append(record)
            writer.append(record)
    return ImportReport(tuple(records), (*defects, *importer.defects()))


def read_extras(path: Path) -> dict[str, Any]:
    """Read our second file beside one of theirs: their folder -> what we know of it."""
    beside = path.with_name(path.stem + EXTRAS_END)
    if not beside.is_file():
        return {}
    try:
        extras = load_json(beside, max_bytes=MAX_LIST_BYTES)['videos']
        if not isinstance(extras, dict):
            raise TypeError('videos is no object')
        for folder, known in extras.items():
            _check_extra(folder, known)
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f'{beside} is no whole file of ours ({error})') from error
    return extras


def _check_extra(folder: str, known: Any) -> None:
    """Refuse what `_Importer` could not use: a video is told of as in a manifest."""
    key = VideoKey(*known['key'])
    told = {name: known[name] for name in ('identities', 'fps', 'source')}
    status = {name: known[name] for name in ('status', 'fault') if known.get(name)}
    if key.label not in (REAL, FAKE):
        raise ValueError(f'{shorten(folder)}: label {shorten(key.label)}')
    fields = {
        **key._asdict(),
        'label': LABEL_NAMES[key.label],
        'split': known.get('split', SPLITS[0]),
        'path': folder,
        **{name: value for name, value in told.items() if value is not None},
        **status,
    }
    if status.get('status', OK) != OK:
        del fields['path']
    parse_line(json.dumps(fields))
    times, track = known.get('times_seconds'), known.get('track')
    if times is not None and not (
        isinstance(times, list) and all(isinstance(t, int | float) for t in times)
    ):
        raise ValueError(f'{shorten(folder)}: times_seconds is no list of numbers')
    if track is not None and not (isinstance(track, str) and is_inner_path(track)):
        raise ValueError(f'{shorten(folder)}: track {shorten(track)} leads out')


def tell_names_apart(videos: Iterable[BenchVideo]) -> list[BenchVideo]:
    """Name videos that share a name, but no folder, after their folders too."""
    folders: defaultdict[tuple, set[str]] = defaultdict(set)
    videos = list(videos)
    for video in videos:
        folders[_key_of(video)].add(_folder_of(video))
    return [
        replace(video, name=f'{video.name}@{_place_of(_folder_of(video))}')
        if len(folders[_key_of(video)] - {''}) > 1
        else video
        for video in videos
    ]


def choose_splits(
    videos: Iterable[BenchVideo], *, drop_train_test_overlap: bool
) -> tuple[dict[VideoKey, BenchVideo], list[Defect]]:
    """List each video once: test before val, val before train.

    Raises:
        DataError: videos are in train and test, and may not be dropped from train.
    """
    by_key: defaultdict[VideoKey, dict[str, BenchVideo]] = defaultdict(dict)
    for video in videos:
        by_key[_key_of(video)].setdefault(video.split, video)
    overlaps: Counter[tuple[str, ...]] = Counter(
        tuple(split for split in SPLITS if split in found) for found in by_key.values()
    )
    num_leaks = sum(
        n for splits, n in overlaps.items() if {'train', 'test'} <= {*splits}
    )
    if num_leaks and not drop_train_test_overlap:
        raise DataError(
            f'{num_leaks} of {len(by_key)} videos are in train and in test, so a model '
            'would be tested on what it learnt; --drop-train-test-overlap keeps them '
            'in test alone'
        )
    defects = [
        Defect(
            'several splits',
            f'{number} videos are in {" and ".join(splits)}; kept in {splits[-1]}',
        )
        for splits, number in overlaps.items()
        if len(splits) > 1
    ]
    order = reversed(SPLITS)  # test, val, train
    ranks = {split: rank for rank, split in enumerate(order)}
    chosen = {
        key: found[min(found, key=ranks.__getitem__)]
        for key, found in sorted(by_key.items())
    }
    return chosen, defects


def _key_of(video: BenchVideo) -> VideoKey:
    return VideoKey(
        video.dataset, video.label, video.method, video.compression, video.name
    )


def _folder_of(video: BenchVideo) -> str:
    return str(PurePosixPath(video.frames[0]).parent) if video.frames else ''


def _place_of(folder: str) -> str:
    """The folder above 'frames', which says where a video is from."""
    parts = PurePosixPath(folder).parts
    where = [i for i, part in enumerate(parts) if part == 'frames']
    return parts[where[-1] - 1] if where and where[-1] else folder


def replace_last_part(path: str, old: str, new: str) -> str:
    """Replace the last folder of that name: others of the name are not meant."""
    parts = list(PurePosixPath(path).parts)
    places = [i for i, part in enumerate(parts[:-1]) if part == old]
    if places:
        parts[places[-1]] = new
    return str(PurePosixPath(*parts))


class _Importer:
    """Finds a video's files and writes its clip."""

    def __init__(
        self,
        out: Path,
        bench_root: Path,
        strip: str | None,
        clip_format: str | None,
        extras: Mapping[str, Any],
    ) -> None:
        self.out = out
        self.bench_root = bench_root
        self.strips = [plain_path(strip)] if strip else []
        self._num_stripped = 0
        self.clip_format = clip_format
        self.extras = extras
        self._odd: Counter[tuple[str, str]] = Counter()
        self._examples: dict[tuple[str, str], str] = {}

    def defects(self) -> list[Defect]:
        """Give what was wrong with the pictures, each with a count and an example."""
        return [
            Defect(kind, f'{count} videos: {what}, as {self._examples[kind, what]}')
            for (kind, what), count in self._odd.items()
        ]

    def _note(self, kind: str, what: str, video: VideoKey) -> None:
        self._odd[kind, what] += 1
        self._examples.setdefault((kind, what), str(video))

    def locate(self, path: str) -> Path | None:
        """Find a file below the root, whatever its path begins with."""
        for start in (*self.strips, *_KNOWN_ROOTS):
            if path.startswith(start):
                path = path.removeprefix(start)
                break
        path = re.sub(r'^[A-Za-z]:', '', path)
        parts = [part for part in PurePosixPath(path).parts if part not in ('/', '.')]
        if '..' in parts:
            return None
        # What was right for the last file first: all paths of a set begin alike.
        for start in (self._num_stripped, *range(len(parts))):
            found = self.bench_root.joinpath(*parts[start:])
            if found.is_file():
                self._num_stripped = start
                return found
        return None

    def import_video(self, key: VideoKey, video: BenchVideo) -> VideoRecord:
        """Give the line of one video; write its clip, where clips are asked for."""
        identities = tuple(key.name.split('_')) if _is_pair(key) else ()
        blank = VideoRecord(key, '', video.split, identities, status=FAILED, fault='?')
        if not video.frames:
            self._note('no frames', 'nothing to show, kept as failed', key)
            return replace(blank, fault='DeepfakeBench lists no frames of it')
        files = [self.locate(path) for path in video.frames]
        missing = [p for p, file in zip(video.frames, files, strict=True) if not file]
        if missing:
            self._note('missing files', 'kept as failed', key)
            return replace(
                blank,
                fault=f'{len(missing)} of {len(files)} frames are missing, the first '
                f'is {missing[0]}',
            )
        numbers = [frame_number(path) for path in video.frames]
        if None not in numbers and numbers[-1] - numbers[0] >= len(numbers):
            self._note(
                'frames between are missing',
                'what stands side by side in the clip does not in the video',
                key,
            )
        known = self.extras.get(_bench_folder(files[0], self.bench_root), {})
        try:
            if self.clip_format is None:
                return self._list_folder(blank, files, known)
            return self._write_clip(blank, files, numbers, known)
        except DataError as error:
            self._note('damaged pictures', 'kept as failed', key)
            return replace(blank, fault=str(error))

    def _list_folder(
        self, blank: VideoRecord, files: Sequence[Path], known: Mapping[str, Any]
    ) -> VideoRecord:
        _link_pictures(self.out / PICTURES, self.bench_root)
        folder = f'{PICTURES}/{_bench_folder(files[0], self.bench_root)}'
        return self._fill(blank, known, path=folder, num_frames=len(files))

    def _write_clip(
        self,
        blank: VideoRecord,
        files: Sequence[Path],
        numbers: Sequence[int | None],
        known: Mapping[str, Any],
    ) -> VideoRecord:
        dataset, _, *rest = blank.key  # names repeat from one of their sets to another
        folder = PurePosixPath('clips', *map(safe_name, (dataset, *rest)))
        (self.out / folder).mkdir(parents=True, exist_ok=True)
        fps = known.get('fps') or UNKNOWN_FPS
        times = known.get('times_seconds')
        if times is None and None not in numbers:
            times = [number / fps for number in numbers]
        stem = self.out / folder / 'track_0'
        _write_pictures(stem, files, self.clip_format, fps, times)
        fields: dict[str, Any] = {}
        points = self._read_landmarks(files)
        if points is not None:
            fields['landmarks'] = str(folder / 'track_0_landmarks.npz')
            write_arrays(self.out / fields['landmarks'], {'points': points})
        masks = self._files_beside(files, 'masks', '.png')
        if masks:
            mask = self.out / folder / 'track_0_mask'
            _write_pictures(mask, masks, 'png', fps, times)
            fields['mask'] = str(folder / 'track_0_mask.tar')
        if 'track' in known and known.get('is_whole'):
            track = FaceTrack.load(self.bench_root / known['track'])
            if len(track) == len(files):
                fields['track_file'] = str(folder / 'track_0.npz')
                track.save(self.out / fields['track_file'])
        path = str(folder / 'track_0.tar')
        return self._fill(blank, known, path=path, num_frames=len(files), **fields)

    def _fill(
        self, blank: VideoRecord, known: Mapping[str, Any], **fields: Any
    ) -> VideoRecord:
        record = replace(blank, status='ok', fault=None, **fields)
        if not known:
            return record
        return replace(
            record,
            key=VideoKey(*known['key']),
            identities=tuple(known['identities']),
            fps=known['fps'],
            source=known['source'],
        )

    def _files_beside(
        self, files: Sequence[Path], folder: str, suffix: str
    ) -> list[Path]:
        """Files of all frames in the folder that is called so in place of 'frames'."""
        found = [
            Path(replace_last_part(file.as_posix(), 'frames', folder)).with_suffix(
                suffix
            )
            for file in files
        ]
        if found[0] == files[0].with_suffix(suffix) or not all(
            path.is_file() for path in found
        ):
            return []
        return found

    def _read_landmarks(self, files: Sequence[Path]) -> NDArray[np.float32] | None:
        paths = self._files_beside(files, 'landmarks', '.npy')
        try:
            points = [read_array(path) for path in paths]
            return np.stack(points).astype(np.float32) if points else None
        except (OSError, ValueError, TypeError) as error:
            raise DataError(
                f'landmarks {paths[0].parent} are damaged: {error}'
            ) from error

    def unscored(self, done: set[VideoKey]) -> list[VideoRecord]:
        """Give the lines of videos that only our second file knows: without a face."""
        return [
            VideoRecord(
                VideoKey(*known['key']),
                '',
                known['split'],
                tuple(known['identities']),
                fps=known['fps'],
                status=known['status'],
                fault=known['fault'],
                source=known['source'],
            )
            for known in self.extras.values()
            if known.get('status', 'ok') != 'ok' and VideoKey(*known['key']) not in done
        ]


def _is_pair(key: VideoKey) -> bool:
    """Whether a name is made of FaceForensics++'s video numbers."""
    return key.dataset == 'FaceForensics++' and bool(
        re.fullmatch(r'\d{3}(_\d{3})?', key.name)
    )


def _link_pictures(link: Path, bench_root: Path) -> None:
    """Link their folder into ours: no path of a manifest leads out of its root."""
    target = os.path.relpath(bench_root.resolve(), link.parent.resolve())
    if link.is_symlink() and os.readlink(link) == target:
        return
    try:
        link.symlink_to(target)
    except FileExistsError as error:
        raise DataError(
            f'{str(link)!r} stands where a link to {str(bench_root)!r} is to be made; '
            'take it away, or import into another folder'
        ) from error


def _bench_folder(frame: Path, bench_root: Path) -> str:
    return frame.parent.relative_to(bench_root).as_posix()


def _write_pictures(
    stem: Path,
    files: Iterable[Path],
    format: str,
    fps: float,
    times: Sequence[float] | None,
) -> None:
    first = None
    with ClipWriter(stem, format, fps=fps) as writer:
        for index, file in enumerate(files):
            frame = cv2.imread(str(file), cv2.IMREAD_COLOR_RGB)
            if frame is None:
                raise DataError(
                    f'{file.name} of {file.parent.name} is no whole picture'
                )
            first = frame.shape if first is None else first
            if frame.shape != first:
                raise DataError(
                    f'{file.name} of {file.parent.name} is {frame.shape[1]} x '
                    f'{frame.shape[0]} pixels, others are {first[1]} x {first[0]}'
                )
            time = None if times is None else times[index]
            writer.write(frame, time_seconds=time)
