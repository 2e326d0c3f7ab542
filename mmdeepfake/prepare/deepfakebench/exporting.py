"""From a manifest to DeepfakeBench's folders of pictures and JSON files.

    OUT/dataset_json/<dataset>.json             and one for each of FaceForensics++'s
                                                manipulations, as DeepfakeBench wants
    OUT/dataset_json/<dataset>_mmdeepfake.json  what theirs have no place for: keys,
                                                rate, times, crops, faceless videos
    OUT/<dataset>/.../frames/<video>/000.png    named by the index in the source video
    OUT/<dataset>/.../landmarks/<video>/000.npy (68, 2) pixels of the picture
    OUT/<dataset>/.../masks/<video>/000.png
    OUT/<dataset>/.../tracks/<video>.npz        `FaceTrack`: boxes in source pixels

Paths in the JSON files begin with './' and start from OUT: of the forms that
DeepfakeBench takes, the one that opens everywhere.
"""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

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
from .names import COMPRESSIONS, METHOD_FILES, file_of, has_levels, label_of

JSON_FOLDER = 'dataset_json'
CROPS = ('face', 'none')
_FFPP = 'FaceForensics++'
_DFD = 'DeepFakeDetection'


@dataclass(frozen=True)
class ExportReport:
    """What an export wrote.

    Attributes:
        files: DeepfakeBench's JSON files.
        num_videos: videos that they list, each counted once.
        num_frames: pictures written.
        notes: what their form has no place for.
    """

    files: tuple[Path, ...]
    num_videos: int
    num_frames: int
    notes: tuple[str, ...]


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
        data_root: folder that the manifest's paths start from, if not its own.
        crop: 'face' cuts a square around each frame's own box and resizes it, as
            DeepfakeBench's pictures are, though without its rotation; 'none' writes the
            clip as it is, so that an import gives it back exactly.
        margin_ratio: side of the square over the longer side of the box.
        side_px: of the pictures.
        num_frames: of each video, evenly spread over it (DeepfakeBench takes 32); None
            writes all of them.

    Raises:
        DataNotFoundError, DataError: a file is missing or damaged, or no clip.
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
        raise DataError(f'{out} is not empty; give a new or empty folder')
    root = Path(manifest).parent if data_root is None else Path(data_root)
    records = [record for record in read_manifest(manifest) if record.track == 0]
    pictures = _PictureWriter(root, out, crop, margin_ratio, side_px, num_frames)
    entries: list[tuple[VideoRecord, PurePosixPath, dict[str, Any]]] = []
    extras: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    methods = {record.key.method for record in records}
    for record in records:
        folder = _frames_folder(record)
        known = _facts_of(record)
        if record.status == OK:
            entry, more = pictures.write(record, folder)
            entries.append((record, folder, entry))
            known |= more
        for name in _file_names(record, methods):
            extras[name][str(folder)] = known
    files = list(_write_json_files(out / JSON_FOLDER, entries, extras, methods))
    num_unscored = len(records) - len(entries)
    notes = [f'{num_unscored} videos without a face are in our second files alone']
    return ExportReport(
        tuple(files),
        len(entries),
        pictures.num_written,
        tuple(notes if num_unscored else ()),
    )


def _frames_folder(record: VideoRecord) -> PurePosixPath:
    """Where a video's pictures lie; FaceForensics++'s as in the official folders."""
    key = record.key
    parts: tuple[str, ...]
    if key.dataset in (_FFPP, _DFD):
        people = 'actors' if key.dataset == _DFD else 'youtube'
        parts = (
            ('original_sequences', people)
            if key.label == REAL
            else ('manipulated_sequences', key.method)
        )
        parts = (_FFPP, *parts, COMPRESSIONS.get(key.compression, key.compression))
    else:
        parts = (file_of(key.dataset), key.method, key.compression)
    return PurePosixPath(*map(safe_name, parts), 'frames', safe_name(key.name))


def _facts_of(record: VideoRecord) -> dict[str, Any]:
    return dict(
        key=list(record.key),
        split=record.split,
        identities=list(record.identities),
        fps=record.fps,
        source=record.source,
        status=record.status,
        fault=record.fault,
    )


class _PictureWriter:
    """Writes the pictures, landmarks, masks and track of one video after another."""

    def __init__(
        self,
        root: Path,
        out: Path,
        crop: str,
        margin_ratio: float,
        side_px: int,
        num_frames: int | None,
    ) -> None:
        self.root = root
        self.out = out
        self.crop = crop
        self.margin_ratio = margin_ratio
        self.side_px = side_px
        self.num_frames = num_frames
        self.num_written = 0

    def write(
        self, record: VideoRecord, folder: PurePosixPath
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Write one video; give its entry of their file and of ours."""
        if not is_clip(record.path):
            raise DataError(
                f'video {record.key} is {record.path!r}, no face clip; prepare the '
                'dataset first (tools/prepare.py)'
            )
        with open_clip(self.root / record.path) as clip:
            track = self._load_track(record, clip)
            chosen = self._choose(len(clip))
            squares = self._squares(track, clip)[chosen]
            first = track.first_frame if track else 0
            names = [f'{first + int(index):03d}' for index in chosen]
            frames = self._write_pictures(clip, chosen, squares, folder, names)
            times = clip.times_seconds[chosen].tolist()
        entry: dict[str, Any] = {'label': label_of(record.key), 'frames': frames}
        known = dict(
            times_seconds=times,
            is_whole=self.crop == 'none' and self.num_frames is None,
            crops_in_clip=squares.tolist(),
        )
        if record.landmarks:
            self._write_landmarks(record, chosen, squares, folder, names)
        if record.mask:
            entry['masks'] = self._write_masks(record, chosen, squares, folder, names)
        if track:
            path = _sister(folder, 'tracks').with_suffix('.npz')
            path = path.with_name(folder.name + '.npz')
            track.save(self.out / path)
            known['track'] = str(path)
        return entry, known

    def _load_track(self, record: VideoRecord, clip: ClipReader) -> FaceTrack | None:
        if record.track_file is None:
            return None
        track = FaceTrack.load(self.root / record.track_file)
        if len(track) != len(clip):
            raise DataError(
                f'video {record.key}: {len(track)} boxes for {len(clip)} frames; '
                'prepare this video again'
            )
        return track

    def _choose(self, length: int) -> NDArray[np.int64]:
        if self.num_frames is None or self.num_frames >= length:
            return np.arange(length)
        return np.linspace(0, length - 1, self.num_frames).astype(np.int64)

    def _squares(self, track: FaceTrack | None, clip: ClipReader) -> NDArray[np.int64]:
        """Which part of each frame is written: (F, 4) x1, y1, x2, y2."""
        if self.crop == 'none' or track is None:
            return np.tile([0, 0, clip.width, clip.height], (len(clip), 1))
        return square_inside_frame(
            track.boxes_in_clip().astype(float),
            margin_ratio=self.margin_ratio,
            height=clip.height,
            width=clip.width,
        )

    def _fit(
        self, frame: NDArray[np.uint8], square: NDArray, *, exact: bool
    ) -> NDArray:
        x1, y1, x2, y2 = square
        part = frame[y1:y2, x1:x2]
        if self.crop == 'none':
            return part
        # Masks have two values and must keep them.
        smooth = cv2.INTER_AREA if x2 - x1 > self.side_px else cv2.INTER_CUBIC
        return cv2.resize(
            part,
            (self.side_px, self.side_px),
            interpolation=cv2.INTER_NEAREST if exact else smooth,
        )

    def _write_pictures(
        self,
        clip: ClipReader,
        chosen: NDArray[np.int64],
        squares: NDArray[np.int64],
        folder: PurePosixPath,
        names: list[str],
        *,
        exact: bool = False,
    ) -> list[str]:
        paths = [folder / f'{name}.png' for name in names]
        for index, square, path in zip(chosen, squares, paths, strict=True):
            picture = self._fit(clip.read([index])[0], square, exact=exact)
            bgr = cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2BGR)
            content = cv2.imencode('.png', bgr)[1].tobytes()
            replace_bytes(self.out / path, content, alone=True)
            self.num_written += not exact
        return [f'./{path}' for path in paths]

    def _write_landmarks(
        self,
        record: VideoRecord,
        chosen: NDArray[np.int64],
        squares: NDArray[np.int64],
        folder: PurePosixPath,
        names: list[str],
    ) -> None:
        place = self.out / _sister(folder, 'landmarks')
        place.mkdir(parents=True)
        try:
            points = read_array(self.root / record.landmarks, name='points')[chosen]
        except (OSError, ValueError, IndexError) as error:
            raise DataError(
                f'landmarks {record.landmarks!r} cannot be read ({error}); prepare '
                'this video again'
            ) from error
        for name, of_frame, square in zip(names, points, squares, strict=True):
            side = (
                1.0 if self.crop == 'none' else self.side_px / (square[2] - square[0])
            )
            write_array(place / f'{name}.npy', (of_frame - square[:2]) * side)

    def _write_masks(
        self,
        record: VideoRecord,
        chosen: NDArray[np.int64],
        squares: NDArray[np.int64],
        folder: PurePosixPath,
        names: list[str],
    ) -> list[str]:
        try:
            with open_clip(self.root / record.mask) as masks:
                has_mask = chosen < len(masks)
                return self._write_pictures(
                    masks,
                    chosen[has_mask],
                    squares[has_mask],
                    _sister(folder, 'masks'),
                    [name for name, kept in zip(names, has_mask, strict=True) if kept],
                    exact=True,
                )
        except InputError as error:
            raise DataError(f'mask of video {record.key}: {error}') from error


def _sister(folder: PurePosixPath, name: str) -> PurePosixPath:
    """The folder beside a video's pictures: .../frames/x -> .../landmarks/x."""
    return folder.parent.parent / name / folder.name


def _write_json_files(
    folder: Path,
    entries: list[tuple[VideoRecord, PurePosixPath, dict[str, Any]]],
    extras: Mapping[str, Mapping[str, Any]],
    methods: set[str],
) -> Iterator[Path]:
    """Write one file a dataset, one a manipulation of FaceForensics++, and ours."""
    tables: dict[str, dict] = {}
    names = _video_names(entries)
    for record, folder_of_frames, entry in entries:
        for name in _file_names(record, methods):
            _place(tables.setdefault(name, {}), record, names[folder_of_frames], entry)
    for name, labels in tables.items():
        path = folder / f'{name}.json'
        write_text(path, json.dumps({name: labels}) + '\n')
        # Beside each file, so that any one of them can be imported by itself.
        write_text(
            folder / f'{name}{EXTRAS_END}',
            json.dumps({'videos': extras[name]}, ensure_ascii=False) + '\n',
        )
        yield path


def _video_names(
    entries: list[tuple[VideoRecord, PurePosixPath, dict[str, Any]]],
) -> dict[PurePosixPath, str]:
    """Name the videos as theirs do, further parts of the key added where two meet."""

    def place(record: VideoRecord) -> tuple[str, ...]:
        level = record.key.compression if has_levels(record.key.dataset) else ''
        return record.key.dataset, label_of(record.key), level, record.key.name

    counts = Counter(place(record) for record, *_ in entries)
    return {
        folder: record.key.name
        if counts[place(record)] == 1
        else f'{record.key.name}@{record.key.method}@{record.key.compression}'
        for record, folder, _ in entries
    }


def _file_names(record: VideoRecord, methods: set[str]) -> list[str]:
    """Which files list a video; `methods` are those that there are fakes of."""
    key = record.key
    if key.dataset != _FFPP:
        return [file_of(key.dataset)]
    if key.label == REAL:
        return [_FFPP, *(f for method, f in METHOD_FILES.items() if method in methods)]
    # FaceShifter came later and has a file of its own alone.
    own = METHOD_FILES.get(key.method)
    if own == key.method:
        return [own]
    return [_FFPP, own] if own else [_FFPP]


def _place(labels: dict, record: VideoRecord, name: str, entry: dict[str, Any]) -> None:
    splits = labels.setdefault(entry['label'], {split: {} for split in SPLITS})
    videos = splits[record.split]
    if has_levels(record.key.dataset):
        level = COMPRESSIONS.get(record.key.compression, record.key.compression)
        videos = videos.setdefault(level, {})
    videos[name] = entry
