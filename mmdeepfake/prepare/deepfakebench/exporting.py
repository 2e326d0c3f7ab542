"""From a manifest to DeepfakeBench's folders of images and JSON files.

    OUT/dataset_json/<dataset>.json             and one for each of FaceForensics++'s
                                                manipulations, as DeepfakeBench expects
    OUT/dataset_json/<dataset>_mmdeepfake.json  what theirs have no place for: keys,
                                                rate, times, crops, faceless videos
    OUT/<dataset>/.../frames/<video>/000.png    named by the index in the source video
    OUT/<dataset>/.../landmarks/<video>/000.npy (68, 2) pixels of the image
    OUT/<dataset>/.../masks/<video>/000.png
    OUT/<dataset>/.../tracks/<video>.npz        `FaceTrack`: boxes in source pixels

Paths in the JSON files begin with './' and are relative to OUT: of the forms that
DeepfakeBench accepts, the one that works everywhere.
"""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from mmdeepfake.errors import ConfigError, DataError, InputError
from mmdeepfake.files.array_file import write_array
from mmdeepfake.files.array_reading import read_array
from mmdeepfake.files.atomic_write import replace_bytes
from mmdeepfake.structures import OK, REAL, FaceTrack, VideoRecord
from mmdeepfake.structures.face_square import square_inside_frame
from mmdeepfake.structures.manifest import read_manifest
from mmdeepfake.structures.video_record import SPLITS
from mmdeepfake.video.clip_storage import ClipReader, is_clip, open_clip

from ..output_folder import safe_name, write_text
from .importing import EXTRAS_END
from .names import COMPRESSIONS, DFD, FFPP, METHOD_FILES, file_of, has_levels, label_of

JSON_FOLDER = 'dataset_json'
CROPS = ('face', 'none')
METADATA = ('key', 'split', 'identities', 'fps', 'source', 'status', 'fault')


@dataclass(frozen=True)
class ExportReport:
    """The results of an export.

    Attributes:
        files: DeepfakeBench's JSON files.
        num_videos: videos that they list, each counted once.
        num_frames: images written.
        notes: what their form has no place for.
    """

    files: tuple[Path, ...]
    num_videos: int
    num_frames: int
    notes: tuple[str, ...]


class _Entry(NamedTuple):
    """A video in their form."""

    record: VideoRecord
    folder: PurePosixPath
    content: dict[str, Any]


def export_bench(
    manifest: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    data_root: str | os.PathLike[str] | None = None,
    crop: str = 'face',
    margin_ratio: float = 1.3,
    side_px: int = 256,
    num_frames: int | None = None,
) -> ExportReport:
    """Write DeepfakeBench's folders and JSON files from face clips.

    Args:
        manifest: of a preparation; its videos must be stored clips.
        out: DeepfakeBench's root; a new or empty folder.
        data_root: folder that the manifest's paths are relative to, if not its own.
        crop: 'face' cuts a square around each frame's own box and resizes it, like
            DeepfakeBench's images, though without its rotation; 'none' writes the clip
            unchanged, so that an import restores it exactly.
        margin_ratio: side of the square over the longer side of the box.
        side_px: of the images.
        num_frames: of each video, evenly spaced (32 in DeepfakeBench); None writes all.

    Raises:
        DataNotFoundError, DataError: a file is missing or damaged, or not a clip.
        ConfigError: a setting is out of range.
    """
    if crop not in CROPS:
        raise ConfigError(f'crop={crop!r}; allowed are {", ".join(map(repr, CROPS))}')
    if side_px < 1 or margin_ratio <= 0 or (num_frames is not None and num_frames < 1):
        raise ConfigError(
            f'side {side_px}, margin {margin_ratio}, frames {num_frames}; allowed are '
            'numbers above 0'
        )
    out = Path(out)
    if out.exists() and any(out.iterdir()):
        raise DataError(f'{out} is not empty; use a new or empty folder')
    root = Path(manifest).parent if data_root is None else Path(data_root)
    records = [record for record in read_manifest(manifest) if record.track == 0]
    writer = _FrameWriter(root, out, crop, margin_ratio, side_px, num_frames)
    entries: list[_Entry] = []
    extras: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    methods = {record.key.method for record in records}
    for record in records:
        folder = _frames_folder(record)
        known = {name: getattr(record, name) for name in METADATA}
        if record.status == OK:
            content, more = writer.write(record, folder)
            entries.append(_Entry(record, folder, content))
            known |= more
        for name in _file_names(record, methods):
            extras[name][str(folder)] = known
    files = tuple(_write_json_files(out / JSON_FOLDER, entries, extras, methods))
    num_faceless = len(records) - len(entries)
    note = f'{num_faceless} videos without a face are only in our second files'
    notes = (note,) if num_faceless else ()
    return ExportReport(files, len(entries), writer.num_written, notes)


def _frames_folder(record: VideoRecord) -> PurePosixPath:
    """Return the folder of a video's images, the official one for FaceForensics++."""
    key = record.key
    parts: tuple[str, ...]
    if has_levels(key.dataset):
        people = 'actors' if key.dataset == DFD else 'youtube'
        parts = (
            ('original_sequences', people)
            if key.label == REAL
            else ('manipulated_sequences', key.method)
        )
        parts = (FFPP, *parts, COMPRESSIONS.get(key.compression, key.compression))
    else:
        parts = (file_of(key.dataset), key.method, key.compression)
    return PurePosixPath(*map(safe_name, parts), 'frames', safe_name(key.name))


class _Chosen(NamedTuple):
    """The frames of a clip that are written.

    Attributes:
        indices: (N,) in the clip.
        squares: (N, 4) x1, y1, x2, y2 of each, in pixels of the clip.
        names: file name of each, without suffix.
    """

    indices: NDArray[np.int64]
    squares: NDArray[np.int64]
    names: list[str]


@dataclass
class _FrameWriter:
    """Writes images, landmarks, masks and track of one video after another."""

    root: Path
    out: Path
    crop: str
    margin_ratio: float
    side_px: int
    num_frames: int | None
    num_written: int = 0

    def write(
        self, record: VideoRecord, folder: PurePosixPath
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Write one video; return its entries in their file and in ours."""
        if not is_clip(record.path):
            raise DataError(
                f'video {record.key} is {record.path!r}, not a face clip; prepare the '
                'dataset first (tools/prepare.py)'
            )
        with open_clip(self.root / record.path) as clip:
            track = None
            if record.track_file is not None:
                track = FaceTrack.load(self.root / record.track_file)
                if len(track) != len(clip):
                    raise DataError(
                        f'video {record.key}: {len(track)} boxes for {len(clip)} '
                        'frames; prepare this video again'
                    )
            chosen = self._choose(track, clip)
            frames = self._write_images(clip, chosen, folder)
            times = clip.times_seconds[chosen.indices].tolist()
        content: dict[str, Any] = {'label': label_of(record.key), 'frames': frames}
        known = dict(
            times_seconds=times,
            is_whole=self.crop == 'none' and self.num_frames is None,
            crops_in_clip=chosen.squares.tolist(),
        )
        if record.landmarks:
            self._write_landmarks(record, chosen, folder)
        if record.mask:
            content['masks'] = self._write_masks(record, chosen, folder)
        if track:
            path = _sister(folder, 'tracks').with_name(f'{folder.name}.npz')
            track.save(self.out / path)
            known['track'] = str(path)
        return content, known

    def _choose(self, track: FaceTrack | None, clip: ClipReader) -> _Chosen:
        indices = np.arange(len(clip))
        if self.num_frames is not None and self.num_frames < len(clip):
            indices = np.linspace(0, len(clip) - 1, self.num_frames).astype(np.int64)
        squares = np.tile([0, 0, clip.width, clip.height], (len(clip), 1))
        if self.crop == 'face' and track is not None:
            squares = square_inside_frame(
                track.boxes_in_clip().astype(float),
                margin_ratio=self.margin_ratio,
                height=clip.height,
                width=clip.width,
            )
        first = track.first_frame if track else 0
        names = [f'{first + int(index):03d}' for index in indices]
        return _Chosen(indices, squares[indices], names)

    def _fit(self, frame: NDArray[np.uint8], square: NDArray, is_mask: bool) -> NDArray:
        x1, y1, x2, y2 = square
        part = frame[y1:y2, x1:x2]
        if self.crop == 'none':
            return part
        smooth = cv2.INTER_AREA if x2 - x1 > self.side_px else cv2.INTER_CUBIC
        method = cv2.INTER_NEAREST if is_mask else smooth  # masks stay binary
        return cv2.resize(part, (self.side_px, self.side_px), interpolation=method)

    def _write_images(
        self,
        clip: ClipReader,
        chosen: _Chosen,
        folder: PurePosixPath,
        *,
        is_mask: bool = False,
    ) -> list[str]:
        paths = [folder / f'{name}.png' for name in chosen.names]
        for index, square, path in zip(
            chosen.indices, chosen.squares, paths, strict=True
        ):
            image = self._fit(clip.read([index])[0], square, is_mask)
            bgr = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2BGR)
            content = cv2.imencode('.png', bgr)[1].tobytes()
            replace_bytes(self.out / path, content, alone=True)
            self.num_written += not is_mask
        return [f'./{path}' for path in paths]

    def _write_landmarks(
        self, record: VideoRecord, chosen: _Chosen, folder: PurePosixPath
    ) -> None:
        place = self.out / _sister(folder, 'landmarks')
        place.mkdir(parents=True)
        try:
            points = read_array(self.root / record.landmarks, name='points')
            points = points[chosen.indices]
        except (OSError, ValueError, IndexError) as error:
            raise DataError(
                f'landmarks {record.landmarks!r} cannot be read ({error}); prepare '
                'this video again'
            ) from error
        for name, of_frame, square in zip(
            chosen.names, points, chosen.squares, strict=True
        ):
            whole = self.crop == 'none'
            scale = 1.0 if whole else self.side_px / (square[2] - square[0])
            write_array(place / f'{name}.npy', (of_frame - square[:2]) * scale)

    def _write_masks(
        self, record: VideoRecord, chosen: _Chosen, folder: PurePosixPath
    ) -> list[str]:
        try:
            with open_clip(self.root / record.mask) as masks:
                number = int((chosen.indices < len(masks)).sum())  # in order
                with_mask = _Chosen(*(values[:number] for values in chosen))
                return self._write_images(
                    masks, with_mask, _sister(folder, 'masks'), is_mask=True
                )
        except InputError as error:
            raise DataError(f'mask of video {record.key}: {error}') from error


def _sister(folder: PurePosixPath, name: str) -> PurePosixPath:
    """Return a sister folder: .../frames/x -> .../landmarks/x."""
    return folder.parent.parent / name / folder.name


def _write_json_files(
    folder: Path,
    entries: list[_Entry],
    extras: Mapping[str, Mapping[str, Any]],
    methods: set[str],
) -> Iterator[Path]:
    """Write one file per dataset, one per manipulation of FaceForensics++, and ours."""
    tables: dict[str, dict] = {}
    places = Counter(_place_of(entry.record) for entry in entries)
    for record, _, content in entries:
        key, (_, label, level, name) = record.key, _place_of(record)
        if places[_place_of(record)] > 1:
            name = f'{name}@{key.method}@{key.compression}'
        for file in _file_names(record, methods):
            splits = tables.setdefault(file, {}).setdefault(
                label, {split: {} for split in SPLITS}
            )
            videos = splits[record.split]
            (videos.setdefault(level, {}) if level else videos)[name] = content
    for name, labels in tables.items():
        path = folder / f'{name}.json'
        write_text(path, json.dumps({name: labels}) + '\n')
        # Beside each file, so that any one of them can be imported alone.
        write_text(
            folder / f'{name}{EXTRAS_END}',
            json.dumps({'videos': extras[name]}, ensure_ascii=False) + '\n',
        )
        yield path


def _place_of(record: VideoRecord) -> tuple[str, str, str, str]:
    """Return dataset, label, level and name, which more than one video may share."""
    key = record.key
    level = COMPRESSIONS.get(key.compression, key.compression)
    level = level if has_levels(key.dataset) else ''
    return key.dataset, label_of(key), level, key.name


def _file_names(record: VideoRecord, methods: set[str]) -> list[str]:
    """Return the files that list a video; `methods` are those of the manifest."""
    key = record.key
    if key.dataset != FFPP:
        return [file_of(key.dataset)]
    if key.label == REAL:
        return [FFPP, *(f for method, f in METHOD_FILES.items() if method in methods)]
    own = METHOD_FILES.get(key.method)
    # FaceShifter came later and has only its own file.
    if own == key.method:
        return [own]
    return [FFPP, own] if own else [FFPP]
