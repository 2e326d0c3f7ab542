"""From DeepfakeBench's JSON files and images to a manifest, with or without clips.

Each video is listed once. Their files list many videos in several splits; a video in
train and test is an error, or dropped from train on request; otherwise test is kept
before val and val before train. All defects found are reported.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
    shorten_list,
)
from mmdeepfake.files.media_files import is_frame_name
from mmdeepfake.structures import FAILED, OK, FaceTrack, VideoKey, VideoRecord
from mmdeepfake.structures.manifest import ManifestWriter, format_line, parse_line
from mmdeepfake.structures.video_record import SPLITS
from mmdeepfake.video.clip_storage import ClipWriter

from ..clip_cutting import MASK_FORMAT, UNKNOWN_FPS
from ..output_folder import safe_name
from .names import DF40_FF, FFPP
from .reading import (
    BenchVideo,
    Defect,
    Defects,
    choose_splits,
    frame_number,
    read_bench_file,
    rename_namesakes,
)

EXTRAS_END = '_mmdeepfake.json'  # our second file beside `<dataset>.json`
PICTURES = 'pictures'  # in our folder, a link to their root


@dataclass(frozen=True)
class ImportReport:
    """The results of an import.

    Attributes:
        records: lines of the manifest.
        defects: what was wrong, and how it was handled.
    """

    records: tuple[VideoRecord, ...]
    defects: tuple[Defect, ...]


@dataclass(frozen=True)
class Extra:
    """What our second file knows of a video."""

    record: VideoRecord
    times_seconds: list[float] | None
    track: str | None


def import_bench(
    json_files: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    bench_root: str | os.PathLike[str],
    drop_train_test_overlap: bool = False,
    clip_format: str | None = 'png',
) -> ImportReport:
    """Read their files and images; write OUT/manifest.jsonl.

    Args:
        json_files: their JSON files; a video in several of them is imported once.
        out: folder for the manifest and the clips, created if needed.
        bench_root: folder that their paths end in, whatever they begin with.
        drop_train_test_overlap: keep videos of both train and test in test only;
            otherwise they are an error.
        clip_format: of the stored clips (see `clip_storage`; PNG is lossless). None
            copies nothing and lists their folders, through a link in OUT; a dataset
            reads only folders without gaps between the numbers.

    Raises:
        DataNotFoundError, DataError: a file cannot be read, OUT has a manifest, or
            videos are in train and test.
    """
    out = Path(out)
    manifest = out / 'manifest.jsonl'
    if manifest.exists():
        raise DataError(f'{manifest} already exists; use a new or empty folder')
    videos: list[BenchVideo] = []
    defects = Defects()
    extras: dict[str, Extra] = {}
    for path in map(Path, json_files):
        videos += read_bench_file(path, defects)
        extras |= read_extras(path)
    chosen = choose_splits(
        rename_namesakes(videos),
        defects,
        drop_train_test_overlap=drop_train_test_overlap,
    )
    importer = _Importer(out, Path(bench_root), clip_format, extras, defects)
    others = [
        extra.record
        for extra in extras.values()
        if extra.record.status != OK and extra.record.key not in chosen
    ]
    records = []
    # Atomic: an import that fails midway must not look like a complete smaller one.
    with replacing(manifest) as draft, ManifestWriter(draft) as writer:
        for record in (*map(importer.import_video, chosen.values()), *others):
            records.append(record)
            writer.append(record)
    importer.note_unlisted()
    return ImportReport(tuple(records), defects.found())


def read_extras(path: Path) -> dict[str, Extra]:
    """Read our second file beside one of theirs: their folder -> our metadata."""
    beside = path.with_name(path.stem + EXTRAS_END)
    if not beside.is_file():
        return {}
    try:
        videos = load_json(beside, max_bytes=MAX_LIST_BYTES)['videos'].items()
        return {folder: _read_extra(folder, known) for folder, known in videos}
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise DataError(f'{beside} is not a valid file of ours ({error})') from error


def _read_extra(folder: str, known: Mapping[str, Any]) -> Extra:
    status = known.get('status', OK)
    record = VideoRecord(
        VideoKey(*known['key']),
        folder if status == OK else '',
        known.get('split', SPLITS[0]),
        tuple(known['identities']),
        known['fps'],
        status=status,
        fault=known.get('fault'),
        source=known['source'],
    )
    times, track = known.get('times_seconds'), known.get('track')
    if times is not None and not (
        isinstance(times, list) and all(isinstance(t, int | float) for t in times)
    ):
        raise ValueError(f'{shorten(folder)}: times_seconds is not a list of numbers')
    if track is not None and not (isinstance(track, str) and is_inner_path(track)):
        raise ValueError(f'{shorten(folder)}: track {shorten(track)} is outside')
    # As a line of a manifest, whose reader checks names and paths.
    record = parse_line(format_line(record))
    return Extra(record, times, track if known.get('is_whole') else None)


def replace_last_part(path: str, old: str, new: str) -> str:
    """Replace the last folder of that name in a path."""
    parts = list(PurePosixPath(path).parts)
    places = [i for i, part in enumerate(parts[:-1]) if part == old]
    if places:
        parts[places[-1]] = new
    return str(PurePosixPath(*parts))


@dataclass
class _Importer:
    """Finds the files of videos and writes their clips."""

    out: Path
    bench_root: Path
    clip_format: str | None
    extras: Mapping[str, Extra]
    defects: Defects
    _num_stripped: int = 0
    _listed: defaultdict[Path, set[str]] = field(
        default_factory=lambda: defaultdict(set)
    )

    def _locate(self, path: str) -> Path | None:
        """Return a file below the root, whatever prefix its path has."""
        path = re.sub(r'^[A-Za-z]:', '', path)
        parts = [part for part in PurePosixPath(path).parts if part not in ('/', '.')]
        if '..' in parts:
            return None
        # The last file's prefix first: all paths of a dataset have the same.
        for start in (self._num_stripped, *range(len(parts))):
            found = self.bench_root.joinpath(*parts[start:])
            if found.is_file():
                self._num_stripped = start
                return found
        return None

    def import_video(self, video: BenchVideo) -> VideoRecord:
        """Return the record of one video; write its clip unless in place."""
        key = video.key
        identities = tuple(key.name.split('_')) if _is_pair(key) else ()
        blank = VideoRecord(key, '', video.split, identities, status=FAILED, fault='?')

        def fail(kind: str, fault: str) -> VideoRecord:
            self.defects.note(kind, 'are kept as failed', str(key))
            return replace(blank, fault=fault)

        if not video.frames:
            return fail('no frames', 'DeepfakeBench lists no frames of it')
        files = [self._locate(path) for path in video.frames]
        for file in filter(None, files):
            self._listed[file.parent].add(file.name)
        missing = [p for p, file in zip(video.frames, files, strict=True) if not file]
        if missing:
            fault = f'{len(missing)} of {len(files)} frames are missing, the first is'
            return fail('missing files', f'{fault} {missing[0]}')
        numbers = [frame_number(path) for path in video.frames]
        if None not in numbers and numbers[-1] - numbers[0] >= len(numbers):
            self.defects.note(
                'frames between are missing',
                'have neighbours in the clip that are not neighbours in the video',
                str(key),
            )
        place = files[0].parent.relative_to(self.bench_root).as_posix()
        extra = self.extras.get(place)
        try:
            if self.clip_format is None:
                _link_images(self.out / PICTURES, self.bench_root)
                fields = {'path': f'{PICTURES}/{place}'}
            else:
                fields = self._write_clip(key, files, numbers, extra)
        except DataError as error:
            return fail('damaged images', str(error))
        fields |= {'status': OK, 'fault': None, 'num_frames': len(files)}
        if extra:
            names = ('key', 'identities', 'fps', 'source')
            fields |= {name: getattr(extra.record, name) for name in names}
        return replace(blank, **fields)

    def note_unlisted(self) -> None:
        """Note the images in listed folders, and the folders beside, in no list."""
        for folder, names in self._listed.items():
            there = {e.name for e in os.scandir(folder) if is_frame_name(e.name)}
            if there - names:
                place = folder.relative_to(self.bench_root).as_posix()
                self.defects.note('unlisted images', 'have images in no list', place)
        for parent in sorted({folder.parent for folder in self._listed}):
            others = sorted(
                entry.name
                for entry in os.scandir(parent)
                if entry.is_dir() and parent / entry.name not in self._listed
            )
            if others and parent.name == 'frames':
                place = parent.relative_to(self.bench_root).as_posix()
                text = f'{len(others)} in {place} are in no list: '
                self.defects.note('unlisted folders', text + shorten_list(others))

    def _write_clip(
        self,
        key: VideoKey,
        files: Sequence[Path],
        numbers: Sequence[int | None],
        extra: Extra | None,
    ) -> dict[str, Any]:
        """Write a clip with landmarks, mask and track; return their paths."""
        dataset, _, *rest = key  # names repeat from one of their sets to another
        stem = str(PurePosixPath('clips', *map(safe_name, (dataset, *rest)), 'track_0'))
        (self.out / stem).parent.mkdir(parents=True, exist_ok=True)
        fps = (extra and extra.record.fps) or UNKNOWN_FPS
        times = extra.times_seconds if extra else None
        if times is None and None not in numbers:
            times = [number / fps for number in numbers]
        _write_images(self.out / stem, files, self.clip_format, fps, times)
        fields = {'path': f'{stem}.tar'}
        points = self._read_landmarks(files)
        if points is not None:
            fields['landmarks'] = f'{stem}_landmarks.npz'
            write_arrays(self.out / fields['landmarks'], {'points': points})
        masks = _files_beside(files, 'masks', '.png')
        if masks:
            fields['mask'] = f'{stem}_mask.tar'
            _write_images(self.out / f'{stem}_mask', masks, MASK_FORMAT, fps, times)
        if extra and extra.track:
            track = FaceTrack.load(self.bench_root / extra.track)
            if len(track) == len(files):
                fields['track_file'] = f'{stem}.npz'
                track.save(self.out / fields['track_file'])
        return fields

    def _read_landmarks(self, files: Sequence[Path]) -> NDArray[np.float32] | None:
        paths = _files_beside(files, 'landmarks', '.npy')
        try:
            points = [read_array(path) for path in paths]
            return np.stack(points).astype(np.float32) if points else None
        except (OSError, ValueError, TypeError) as error:
            raise DataError(
                f'landmarks {paths[0].parent} are damaged: {error}'
            ) from error


def _files_beside(files: Sequence[Path], folder: str, suffix: str) -> list[Path]:
    """Return the files of all frames in a sister folder of 'frames', if all exist."""
    found = [
        Path(replace_last_part(file.as_posix(), 'frames', folder)).with_suffix(suffix)
        for file in files
    ]
    is_other = found[0] != files[0].with_suffix(suffix)
    return found if is_other and all(path.is_file() for path in found) else []


def _is_pair(key: VideoKey) -> bool:
    """Return whether a name consists of FaceForensics++'s video numbers."""
    return key.dataset in (FFPP, DF40_FF) and bool(
        re.fullmatch(r'\d{3}(_\d{3})?', key.name)
    )


def _link_images(link: Path, bench_root: Path) -> None:
    """Link their folder into ours: a manifest's paths stay inside its root."""
    target = os.path.relpath(bench_root.resolve(), link.parent.resolve())
    if link.is_symlink() and os.readlink(link) == target:
        return
    try:
        link.symlink_to(target)
    except FileExistsError as error:
        raise DataError(
            f'{str(link)!r} exists, but a link to {str(bench_root)!r} is needed there; '
            'remove it, or import into another folder'
        ) from error


def _write_images(
    stem: Path,
    files: Iterable[Path],
    format: str,
    fps: float,
    times: Sequence[float] | None,
) -> None:
    first = None
    with ClipWriter(stem, format, fps=fps) as writer:
        for index, file in enumerate(files):
            name = f'{file.name} of {file.parent.name}'
            frame = cv2.imread(str(file), cv2.IMREAD_COLOR_RGB)
            if frame is None:
                raise DataError(f'{name} is not a readable image')
            first = frame.shape if first is None else first
            if frame.shape != first:
                raise DataError(
                    f'{name} is {frame.shape[1]} x {frame.shape[0]} pixels, others are '
                    f'{first[1]} x {first[0]}'
                )
            time = None if times is None else times[index]
            writer.write(frame, time_seconds=time)
