"""The folders and split files of FaceForensics++, as its authors publish them.

    <root>/original_sequences/youtube/<level>/videos/<id>.mp4
    <root>/manipulated_sequences/<method>/<level>/videos/<target>_<source>.mp4
    <root>/manipulated_sequences/<method>/masks/videos/<target>_<source>.mp4
    <root>/splits/{train,val,test}.json, or the three files in <root> itself
    <root>/identities.json: {<id>: <person>}; optional, not in the original

<level> is c23, c40, or raw (also called c0). A split file is a JSON list of pairs of
ids. In the published ones every id is in one pair, and pair [a, b] means the real
videos a and b and, for each manipulation, the fakes a_b and b_a. If an id is in several
pairs, the fakes of a pair are the files that exist, and each listed pair must exist for
at least one manipulation. A fake has its target's frames with another face or
expression, so it can reuse its target's boxes.

Rössler et al., "FaceForensics++: Learning to Detect Manipulated Facial Images",
ICCV 2019, https://github.com/ondyari/FaceForensics
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from mmdeepfake.errors import ConfigError, DataError, DataNotFoundError
from mmdeepfake.files.bounded_reading import is_inner_path, shorten, shorten_list
from mmdeepfake.structures import FAKE, REAL, REAL_METHOD, VideoKey
from mmdeepfake.structures.video_record import SPLITS

from .identity_split import refuse_shared_identities
from .json_files import read_json
from .layout import Layout, Selection, choose, folder_names
from .source_video import SourceVideo

Pair = tuple[str, str]

# Those of the first release, which the RATF paper trains and tests on.
CLASSIC_METHODS = ('Deepfakes', 'Face2Face', 'FaceSwap', 'NeuralTextures')
DFD_METHOD = 'DeepFakeDetection'
COMPRESSION_FOLDERS = {'c0': ('raw', 'c0'), 'c23': ('c23',), 'c40': ('c40',)}
COMPRESSION_ALIASES = {'raw': 'c0', 'hq': 'c23', 'lq': 'c40'}

_MAX_ID = 100  # characters; a file name holds two ids

HOW_TO_GET = """\
To get FaceForensics++: fill in the form at https://github.com/ondyari/FaceForensics,
run the download script that its authors send you, for the compression you want
(LQ is c40, HQ is c23), and copy dataset/splits/{train,val,test}.json from that
repository into <root>/splits. If it is elsewhere, set `data_root`.
`make demo` needs no data: it renders its own."""


def plain_compression(name: str | None) -> str | None:
    """Return the canonical name of a compression level: 'HQ' -> 'c23'."""
    if name is None:
        return None
    return COMPRESSION_ALIASES.get(name.lower(), name.lower())


class FaceForensicsLayout(Layout):
    """FaceForensics++; see this module."""

    dataset_name = 'FaceForensics++'
    how_to_get = HOW_TO_GET
    has_compressions = True

    def find_videos(self, root: Path, selection: Selection) -> Iterator[SourceVideo]:
        """List the pairs of the wanted splits."""
        methods = selection.methods or CLASSIC_METHODS
        if DFD_METHOD in methods:
            raise ConfigError(
                f'methods={list(methods)!r}: {DFD_METHOD} shows other people, without '
                'a training split, so its real videos must not be mixed with the rest. '
                "Prepare it separately, as 'dfd', into another folder"
            )
        base = root / 'original_sequences/youtube'
        for level in choose_levels(base, selection.compressions):
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
        folder = root / 'original_sequences'
        return '' if folder.is_dir() else f'no folder {folder.name}'


def choose_levels(base: Path, asked: Sequence[str] | None) -> list[str]:
    """Return the requested compression levels; for None those with real videos."""
    if asked is not None:
        plain = [plain_compression(level) or level for level in asked]
        return choose('compressions', plain, [*COMPRESSION_FOLDERS], where=str(base))
    existing = [level for level in COMPRESSION_FOLDERS if _videos_folder(base, level)]
    if not existing:
        raise DataNotFoundError(
            f'no real videos: {str(base.absolute())!r} has no folder <level>/videos, '
            f'only {folder_names(base)}.\n{HOW_TO_GET}'
        )
    return existing


def list_faceforensics(
    root: str | os.PathLike[str],
    *,
    split: str,
    methods: Sequence[str],
    compression: str | None,
    dataset_name: str,
) -> list[SourceVideo]:
    """List the real videos of a split and its fakes by `methods`, even missing files.

    Args:
        root: the folder that holds original_sequences and manipulated_sequences.
        split: 'train', 'val' or 'test'.
        methods: names of the manipulations' folders.
        compression: 'c0', 'c23' or 'c40'.
        dataset_name: first part of the keys.
    """
    if compression not in COMPRESSION_FOLDERS:
        raise ConfigError(
            f'compression={compression!r}; allowed are c0 (raw), c23 (hq) and c40 (lq)'
        )
    root = Path(root)
    FaceForensicsLayout().check_root(root)
    pairs, persons = _read_disjoint_splits(root, split)
    real_folder = find_real_folder(root, compression)
    fake_folders = find_fake_folders(root, methods, compression)

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
        videos.append(
            SourceVideo(
                key(FAKE, method, name),
                fake_folders[method] / f'{name}.mp4',
                split,
                identities=tuple(persons[i] for i in pair),
                sources=pair,
                partner=key(REAL, REAL_METHOD, pair[0]),
                mask=find_mask(root, method, f'{name}.mp4'),
            )
        )
    return videos


def _read_disjoint_splits(root: Path, split: str) -> tuple[list[Pair], dict[str, str]]:
    """Return the pairs of a split and the person of each id; check all split files."""
    pairs = read_splits(root)
    if split not in pairs:
        path = root / 'splits' / f'{split}.json'
        raise DataNotFoundError(
            f'no split file {str(path.absolute())!r}, which lists pairs of ids.\n'
            f'{HOW_TO_GET}'
        )
    ids = {name: {i for pair in pairs[name] for i in pair} for name in pairs}
    persons = _read_persons(root, ids)
    refuse_shared_identities(
        {name: [persons[i] for i in ids[name]] for name in ids},
        where=f'split files of {str(root)!r}',
    )
    return pairs[split], persons


def read_splits(root: Path) -> dict[str, list[Pair]]:
    """Read every existing split file, from <root>/splits or <root> itself."""
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
        raise DataError(f'{path}: expected a JSON list of pairs of ids, not empty')
    pairs: dict[Pair, int] = {}
    for index, row in enumerate(rows):
        if not _is_pair(row):
            raise DataError(
                f'{path}, entry {index}: {shorten(row)} is not a pair; allowed is a '
                'list of two different ids, e.g. ["071", "054"]'
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
    if not isinstance(value, str):
        return False
    return is_inner_path(value) and '/' not in value and len(value) <= _MAX_ID


def _read_persons(root: Path, ids: dict[str, set[str]]) -> dict[str, str]:
    """Map each id to its person, or to itself if there is no identities.json."""
    every = sorted(i for split_ids in ids.values() for i in split_ids)
    path = root / 'identities.json'
    if not path.is_file():
        return {i: i for i in every}
    persons = read_json(path)
    if not isinstance(persons, dict):
        raise DataError(f'{path}: expected a JSON object {{id: person}}')
    missing = [i for i in every if not isinstance(persons.get(i), str)]
    if missing:
        raise DataError(
            f'{path}: no person for {len(missing)} ids of the split files, such as '
            f'{missing[0]!r}; add them, or remove the file'
        )
    return persons


def find_mask(root: Path, method: str, name: str) -> Path | None:
    """Return the mask video of a fake, if it exists."""
    mask = root / 'manipulated_sequences' / method / 'masks/videos' / name
    return mask if mask.is_file() else None


def find_real_folder(root: Path, compression: str, *, part: str = 'youtube') -> Path:
    """Return the folder of the real videos of a level, which must exist."""
    base = root / 'original_sequences' / part
    folder = _videos_folder(base, compression)
    if folder is None:
        raise DataNotFoundError(
            f'no real videos at {compression}: no folder '
            f'{str((base / compression / "videos").absolute())!r}, only '
            f'{folder_names(base)}. Download them, or set `compression`'
        )
    return folder


def find_fake_folders(
    root: Path, methods: Sequence[str], compression: str
) -> dict[str, Path]:
    """Return the folder of each method's fakes of a level; all must exist."""
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
            f'no {compression} videos of {", ".join(missing)}: no folder '
            f'{str((base / missing[0] / compression / "videos").absolute())!r}. '
            f'Available at {compression}: {there}. Download the missing ones, or set '
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
    """Return (method, (target, source)) of every fake of the pairs, in both orders."""
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
    absent = ['_'.join(pair) for pair in pairs if '_'.join(pair) not in there]
    if folders and absent:
        raise DataNotFoundError(
            f'split file {split}.json of {str(root)!r}: no manipulation has a video at '
            f'{level} of {len(absent)} of {len(pairs)} pairs (target_source): '
            f'{shorten_list(absent)}. Copy them again, or remove these pairs'
        )
