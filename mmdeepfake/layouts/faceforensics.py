"""The folders and split files of FaceForensics++, as its authors publish them.

    <root>/original_sequences/youtube/<level>/videos/<id>.mp4
    <root>/manipulated_sequences/<method>/<level>/videos/<target>_<source>.mp4
    <root>/manipulated_sequences/<method>/masks/videos/<target>_<source>.mp4
    <root>/splits/{train,val,test}.json, or the three files in <root> itself
    <root>/identities.json: {<id>: <person>}; optional, and not in the original

<level> is c23, c40, or raw (also called c0). A split file is a JSON list of pairs of
ids. In the published ones every id is in one pair, and pair [a, b] stands for the real
videos a and b and, in each manipulation, the fakes a_b and b_a. Where some id is in
several pairs, the fakes of a pair are those that a manipulation's folder holds, and
each listed pair must be found in one of them at least. A fake has its target's frames
with another face or expression, so its boxes are the target's.

The release holds a second set, DeepFakeDetection, a layout of its own here ('dfd'). It
has no official split and is a test set in full:

    <root>/original_sequences/actors/<level>/videos/<actor>__<scene>.mp4
    <root>/manipulated_sequences/DeepFakeDetection/<level>/videos/
        <target>_<source>__<scene>__<8 characters>.mp4

Rössler et al., "FaceForensics++: Learning to Detect Manipulated Facial Images",
ICCV 2019, https://github.com/ondyari/FaceForensics
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from mmdeepfake.errors import ConfigError, DataError, DataNotFoundError
from mmdeepfake.files.bounded_reading import is_inner_path, shorten
from mmdeepfake.structures import FAKE, LABEL_NAMES, REAL, REAL_METHOD, VideoKey
from mmdeepfake.structures.video_record import SPLITS

from .identity_split import refuse_shared_identities
from .json_files import read_json
from .layout import (
    Layout,
    Selection,
    choose,
    folder_names,
    video_files,
    warn_of_counts,
)
from .source_video import SourceVideo

Pair = tuple[str, str]

# The four of the first release, which the RATF paper trains and tests on.
CLASSIC_METHODS = ('Deepfakes', 'Face2Face', 'FaceSwap', 'NeuralTextures')
DFD_METHOD = 'DeepFakeDetection'
_PAIR_METHODS = (*CLASSIC_METHODS, 'FaceShifter')
COMPRESSION_FOLDERS = {'c0': ('raw', 'c0'), 'c23': ('c23',), 'c40': ('c40',)}
COMPRESSION_ALIASES = {'raw': 'c0', 'hq': 'c23', 'lq': 'c40'}

_MAX_ID = 100  # characters; two of them are in the name of a file
_DFD_REAL = re.compile(r'(\d+)__(.+)')
_DFD_FAKE = re.compile(r'(\d+)_(\d+)__(.+)__(\w{8})')
_DFD_COUNTS = {'real': 363, 'fake': 3068}

HOW_TO_GET = """\
To get FaceForensics++: fill in the form at https://github.com/ondyari/FaceForensics,
run the download script that its authors send you, for the compression you want
(LQ is c40, HQ is c23), and copy dataset/splits/{train,val,test}.json from that
repository into <root>/splits. If it lies elsewhere, set `data_root`.
`make demo` needs no data: it renders its own."""


def plain_compression(name: str | None) -> str | None:
    """Give the one name of a compression level: 'HQ' -> 'c23'."""
    if name is None:
        return None
    return COMPRESSION_ALIASES.get(name.lower(), name.lower())


class FaceForensicsLayout(Layout):
    """FaceForensics++; see this module."""

    dataset_name = 'FaceForensics++'
    how_to_get = HOW_TO_GET
    has_compressions = True
    methods: ClassVar[tuple[str, ...]] = _PAIR_METHODS

    def find_videos(self, root: Path, selection: Selection) -> Iterator[SourceVideo]:
        """List the pairs of the wanted splits."""
        methods = selection.methods or CLASSIC_METHODS
        if DFD_METHOD in methods:
            raise ConfigError(
                f'methods={list(methods)!r}: {DFD_METHOD} shows other people than the '
                'rest and has no training part, so the real videos of both may not be '
                "mixed. Prepare it by itself, as 'dfd', into a folder of its own"
            )
        base = root / 'original_sequences/youtube'
        for level in _levels(base, selection.compressions):
            for split in selection.splits or SPLITS:
                yield from list_faceforensics(
                    root,
                    split=split,
                    methods=methods,
                    compression=level,
                    dataset_name=selection.dataset_name,
                )

    def find_missing(self, root: Path) -> str:
        """Return whether original_sequences is missing."""
        return _find_missing(root)


class DeepFakeDetectionLayout(Layout):
    """DeepFakeDetection, all of it a test set; see this module."""

    dataset_name = 'DeepFakeDetection'
    how_to_get = HOW_TO_GET
    has_compressions = True
    methods: ClassVar[tuple[str, ...]] = (DFD_METHOD,)

    def find_videos(self, root: Path, selection: Selection) -> Iterator[SourceVideo]:
        """List all videos of the wanted levels."""
        choose('methods', selection.methods, self.methods, where=self.dataset_name)
        base = root / 'original_sequences/actors'
        for level in _levels(base, selection.compressions):
            yield from list_deepfakedetection(
                root, level, dataset_name=selection.dataset_name
            )

    def find_missing(self, root: Path) -> str:
        """Return whether original_sequences is missing."""
        return _find_missing(root)


def _find_missing(root: Path) -> str:
    folder = root / 'original_sequences'
    return '' if folder.is_dir() else f'no folder {folder.name}'


def _levels(base: Path, asked: Sequence[str] | None) -> list[str]:
    there = [
        level
        for level in COMPRESSION_FOLDERS
        if _videos_folder(base, level) is not None
    ]
    if asked is None:
        if not there:
            raise DataNotFoundError(
                f'no real videos: {str(base.absolute())!r} has no folder '
                f'<level>/videos; there are {folder_names(base)}.\n{HOW_TO_GET}'
            )
        return there
    plain = [plain_compression(level) for level in asked]
    return choose('compressions', plain, tuple(COMPRESSION_FOLDERS), where=str(base))


def list_faceforensics(
    root: str | os.PathLike[str],
    *,
    split: str,
    methods: Sequence[str],
    compression: str | None,
    dataset_name: str,
) -> list[SourceVideo]:
    """List the real videos of a split and its fakes by `methods`, missing ones as well.

    Args:
        root: the folder that holds original_sequences and manipulated_sequences.
        split: 'train', 'val' or 'test'.
        methods: manipulations, as their folders are named.
        compression: 'c0', 'c23' or 'c40'.
        dataset_name: first part of the keys.
    """
    if compression not in COMPRESSION_FOLDERS:
        raise ConfigError(
            f'compression={compression!r}; FaceForensics++ has c0 (raw), c23 (hq) and '
            'c40 (lq), and one of them must be given'
        )
    root = Path(root)
    FaceForensicsLayout().check_root(root)
    pairs, persons = _read_disjoint_splits(root, split)
    real_folder = _real_folder(root, compression)
    fake_folders = _fake_folders(root, methods, compression)

    def key(label: int, method: str, name: str) -> VideoKey:
        return VideoKey(dataset_name, label, method, compression, name)

    videos = [
        SourceVideo(
            key(REAL, REAL_METHOD, i),
            real_folder / f'{i}.mp4',
            split,
            identities=(persons[i],),
            sources=(i,),
        )
        for i in sorted({i for pair in pairs for i in pair})
    ]
    for method, pair in _fakes_of_pairs(root, pairs, fake_folders, split=split):
        name = '_'.join(pair)
        mask = root / 'manipulated_sequences' / method / 'masks/videos' / f'{name}.mp4'
        videos.append(
            SourceVideo(
                key(FAKE, method, name),
                fake_folders[method] / f'{name}.mp4',
                split,
                identities=tuple(persons[i] for i in pair),
                sources=pair,
                partner=key(REAL, REAL_METHOD, pair[0]),
                mask=mask if mask.is_file() else None,
            )
        )
    return videos


def list_deepfakedetection(
    root: Path, compression: str, *, dataset_name: str
) -> list[SourceVideo]:
    """List DeepFakeDetection at one level, all of it as test videos."""
    real_folder = _real_folder(root, compression, part='actors')
    fake_folder = _fake_folders(root, [DFD_METHOD], compression)[DFD_METHOD]
    masks = root / 'manipulated_sequences' / DFD_METHOD / 'masks/videos'
    videos = []
    for path in video_files(real_folder):
        match = _match_dfd(_DFD_REAL, path, '<actor>__<scene>.mp4')
        videos.append(
            SourceVideo(
                VideoKey(dataset_name, REAL, REAL_METHOD, compression, path.stem),
                path,
                'test',
                identities=(f'actor {match[1]}',),
                sources=(path.stem,),
            )
        )
    for path in video_files(fake_folder):
        match = _match_dfd(_DFD_FAKE, path, '<target>_<source>__<scene>__<id>.mp4')
        target = f'{match[1]}__{match[3]}'
        mask = masks / path.name
        videos.append(
            SourceVideo(
                VideoKey(dataset_name, FAKE, DFD_METHOD, compression, path.stem),
                path,
                'test',
                identities=(f'actor {match[1]}', f'actor {match[2]}'),
                sources=(target,),
                partner=VideoKey(dataset_name, REAL, REAL_METHOD, compression, target),
                mask=mask if mask.is_file() else None,
            )
        )
    counts = Counter(LABEL_NAMES[video.key.label] for video in videos)
    warn_of_counts(f'DeepFakeDetection {compression}', counts, _DFD_COUNTS)
    return videos


def _match_dfd(pattern: re.Pattern[str], path: Path, form: str) -> re.Match[str]:
    match = pattern.fullmatch(path.stem)
    if match is None:
        raise DataError(
            f'{str(path)!r} is not named as videos of DeepFakeDetection are, {form}; '
            'take it out of the folder'
        )
    return match


def _read_disjoint_splits(root: Path, split: str) -> tuple[list[Pair], dict[str, str]]:
    """Give the pairs of a split, and each id's person; check all splits that exist."""
    pairs = read_splits(root)
    if split not in pairs:
        path = root / 'splits' / f'{split}.json'
        raise DataNotFoundError(
            f'no split file {str(path.absolute())!r}; it lists the pairs of ids of the '
            f'split.\n{HOW_TO_GET}'
        )
    ids = {name: {i for pair in pairs[name] for i in pair} for name in pairs}
    persons = _read_persons(root, ids)
    refuse_shared_identities(
        {name: [persons[i] for i in ids[name]] for name in ids},
        where=f'split files of {str(root)!r}',
    )
    return pairs[split], persons


def read_splits(root: Path) -> dict[str, list[Pair]]:
    """Read every split file that is there, from <root>/splits or <root> itself."""
    pairs: dict[str, list[Pair]] = {}
    for split in SPLITS:
        for path in (root / 'splits' / f'{split}.json', root / f'{split}.json'):
            if path.is_file():
                pairs[split] = read_pairs(path)
                break
    return pairs


def read_pairs(path: Path) -> list[Pair]:
    """Read one split file: a JSON list of pairs of ids, each pair once."""
    rows = read_json(path)
    if not isinstance(rows, list) or not rows:
        raise DataError(f'{path}: should be a JSON list of pairs of ids, not empty')
    pairs: dict[Pair, int] = {}
    for index, row in enumerate(rows):
        if not _is_pair(row):
            raise DataError(
                f'{path}, entry {index}: {shorten(row)} is no pair; allowed is a '
                'list of two different ids, as in ["071", "054"]'
            )
        pair = (row[0], row[1])
        if pair in pairs:
            raise DataError(
                f'{path}, entry {index}: the pair {row!r} is already entry '
                f'{pairs[pair]}; each may be listed once'
            )
        pairs[pair] = index
    return list(pairs)


def _is_pair(row: object) -> bool:
    return (
        isinstance(row, list)
        and len(row) == 2
        and all(map(_is_id, row))
        and row[0] != row[1]
    )


def _is_id(value: object) -> bool:
    is_name = isinstance(value, str) and is_inner_path(value) and '/' not in value
    return is_name and len(value) <= _MAX_ID


def _read_persons(root: Path, ids: dict[str, set[str]]) -> dict[str, str]:
    """Map each id to its person, or to itself where there is no identities.json."""
    every = sorted(i for split_ids in ids.values() for i in split_ids)
    path = root / 'identities.json'
    if not path.is_file():
        return {i: i for i in every}
    persons = read_json(path)
    if not isinstance(persons, dict):
        raise DataError(f'{path}: should be a JSON object {{id: person}}')
    missing = [i for i in every if not isinstance(persons.get(i), str)]
    if missing:
        raise DataError(
            f'{path}: no person for {len(missing)} ids of the split files, such as '
            f'{missing[0]!r}; add them, or take the file away'
        )
    return persons


def _real_folder(root: Path, compression: str, *, part: str = 'youtube') -> Path:
    base = root / 'original_sequences' / part
    folder = _videos_folder(base, compression)
    if folder is None:
        raise DataNotFoundError(
            f'no real videos at {compression}: there is no folder '
            f'{str((base / compression / "videos").absolute())!r}; under '
            f"'original_sequences/{part}' are {folder_names(base)}. Download them, "
            'or set `compression`'
        )
    return folder


def _fake_folders(
    root: Path, methods: Sequence[str], compression: str
) -> dict[str, Path]:
    base = root / 'manipulated_sequences'
    folders = {method: _videos_folder(base / method, compression) for method in methods}
    missing = [method for method, folder in folders.items() if folder is None]
    if missing:
        there = [
            name
            for name in folder_names(base)
            if _videos_folder(base / name, compression) is not None
        ]
        raise DataNotFoundError(
            f'no {compression} videos of {", ".join(missing)}: there is no folder '
            f'{str((base / missing[0] / compression / "videos").absolute())!r}. At '
            f'{compression} there are {there}. Download the missing, or set '
            f'methods={[m for m in methods if m not in missing] or there}'
        )
    return {method: folder for method, folder in folders.items() if folder is not None}


def _videos_folder(base: Path, compression: str) -> Path | None:
    for name in COMPRESSION_FOLDERS[compression]:
        if (base / name / 'videos').is_dir():
            return base / name / 'videos'
    return None


def _fakes_of_pairs(
    root: Path, pairs: list[Pair], folders: dict[str, Path], *, split: str
) -> list[tuple[str, Pair]]:
    """Give (method, (target, source)) of every fake of the pairs, in both orders."""
    both = list(dict.fromkeys([*pairs, *((b, a) for a, b in pairs)]))
    occurrences = Counter(i for pair in pairs for i in pair)
    if max(occurrences.values()) == 1:
        return [(method, pair) for method in folders for pair in both]
    _refuse_pairs_without_fake(root, pairs, folders, split=split)
    return [
        (method, pair)
        for method, folder in folders.items()
        for pair in both
        if (folder / f'{"_".join(pair)}.mp4').is_file()
    ]


def _refuse_pairs_without_fake(
    root: Path, pairs: list[Pair], folders: dict[str, Path], *, split: str
) -> None:
    level = next(iter(folders.values())).parent.name if folders else ''
    base = root / 'manipulated_sequences'
    there = {
        path.stem
        for name in folder_names(base)
        for path in (base / name / level / 'videos').glob('*.mp4')
    }
    lacking = ['_'.join(pair) for pair in pairs if '_'.join(pair) not in there]
    if folders and lacking:
        raise DataNotFoundError(
            f'split file {split}.json of {str(root)!r}: no manipulation has a video at '
            f'{level} of {len(lacking)} of {len(pairs)} pairs (target_source): '
            f'{", ".join(lacking[:5])}{", ..." if len(lacking) > 5 else ""}. Copy them '
            'again, or take the pairs out of the file'
        )
