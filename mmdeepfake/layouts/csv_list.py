"""Own videos, in any folders, listed in a CSV file.

    path,label,split,method,identity,partner
    batch 1/a.mp4,real,train,,anna,
    batch 1/b.mp4,fake,train,FaceSwap,anna;ben,batch 1/a

ROOT is the file, or a folder with one .csv file: UTF-8, with or without a byte order
mark, separated by commas, semicolons or tabs. Paths are relative to the file's folder;
absolute paths and '..' are refused, links are followed.
Columns, of which path and label are required:

    path         a video file, or a folder of numbered frames
    label        real or fake; also 0 or false (real), 1 or true (fake)
    split        train, val or test; test if empty
    method       manipulation of a fake; 'fake' if empty
    compression  level, any text; 'as_is' if empty
    identity     persons seen or used in it, separated by ;
    source       names of the videos it was made from, separated by ;
    name         name of the video; its path without suffix if empty
    partner      of a fake, the name of the real video with the same frames, whose face
                 boxes can be reused
    mask         video of the changed pixels

A list with other names of columns is read with `CsvLayout({'path': 'file', ...})`;
columns that are none of these fields are then skipped, with a warning.

All invalid lines are reported together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TypeVar

from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.files.bounded_reading import is_inner_path, shorten, shorten_list
from mmdeepfake.files.csv_text import read_csv, refuse_lines
from mmdeepfake.structures import FAKE, LABEL_NAMES, REAL, REAL_METHOD, VideoKey
from mmdeepfake.structures.video_record import SPLITS

from .identity_split import refuse_shared_identities
from .layout import AS_IS, Layout, Selection, choose, describe_folder, logger
from .source_video import SourceVideo

COLUMNS = (
    *('path', 'label', 'split', 'method', 'compression', 'identity', 'source'),
    *('name', 'partner', 'mask'),
)
REQUIRED = ('path', 'label')
_LABELS = {
    **{'real': REAL, '0': REAL, 'false': REAL},
    **{'fake': FAKE, '1': FAKE, 'true': FAKE},
}
_Value = TypeVar('_Value')

HOW_TO_GET = f"""\
Expected is a CSV file, or a folder with one, whose first line names some of the columns
{', '.join(COLUMNS)};
required are path (relative to the file's folder) and label (real or fake)."""


@dataclass(frozen=True)
class CsvLayout(Layout):
    """Videos listed in a CSV file; see this module.

    Attributes:
        columns: field -> column of the file, where their names differ.
    """

    columns: Mapping[str, str] = field(default_factory=dict)

    how_to_get = HOW_TO_GET
    has_compressions = True

    def check_root(self, root: Path) -> None:
        """Refuse a root that is not a CSV file and does not hold exactly one."""
        find_csv(root)

    def find_videos(self, root: Path, selection: Selection) -> list[SourceVideo]:
        """List the videos of the file."""
        path = find_csv(root)
        if selection.dataset_name == root.absolute().name and path == root:
            selection = replace(selection, dataset_name=path.stem)
        videos = read_csv_list(path, selection, self.columns)
        refuse_shared_identities(
            {
                split: [i for v in videos if v.split == split for i in v.identities]
                for split in SPLITS
            },
            where=str(path),
        )
        known = sorted({v.key.method for v in videos} - {REAL_METHOD})
        methods = choose('methods', selection.methods, known, where=str(path))
        known = sorted({v.key.compression for v in videos})
        levels = choose('compressions', selection.compressions, known, where=str(path))
        return [
            video
            for video in videos
            if video.key.method in (REAL_METHOD, *methods)
            and video.key.compression in levels
        ]


def find_csv(root: Path) -> Path:
    """Return the CSV file of a root."""
    if root.is_file() and root.suffix.lower() == '.csv':
        return root
    if not root.is_dir():
        raise DataNotFoundError(
            f'no CSV file or folder {str(root.absolute())!r}.\n{HOW_TO_GET}'
        )
    files = sorted(path for path in root.iterdir() if path.suffix.lower() == '.csv')
    if len(files) != 1:
        names = ', '.join(repr(path.name) for path in files)
        found = f'the CSV files {names}; choose one' if files else describe_folder(root)
        raise DataNotFoundError(
            f'not exactly one CSV file in {str(root.absolute())!r}: {found}.\n'
            f'{HOW_TO_GET}'
        )
    return files[0]


def read_csv_list(
    path: Path, selection: Selection, columns: Mapping[str, str] | None = None
) -> list[SourceVideo]:
    """Read all videos of a list; `columns` as in `CsvLayout`.

    Raises:
        DataError: a column is missing or unknown, or lines are invalid; the message
            counts all and lists the first 20.
    """
    names, lines = read_csv(path, columns)
    if columns:
        skipped = [name for name in names if name and name not in COLUMNS]
        names = [name for name in names if name in COLUMNS]
        if skipped:
            logger.warning('%s: skipped the columns %s', path, shorten_list(skipped))
    _check_columns(path, names)
    videos: dict[VideoKey, SourceVideo] = {}
    line_of: dict[VideoKey, int] = {}
    errors: list[str] = []
    for number, row in lines:
        try:
            video = _read_row(path.parent, row, selection)
            first = line_of.setdefault(video.key, number)
            if first != number:
                raise ValueError(f'the video {video.key} is also in line {first}')
            videos[video.key] = video
        except ValueError as error:
            errors.append(f'line {number}: {error}')
    errors += [
        f'line {line_of[key]}: its partner {shorten(video.partner.name)} is not the '
        'name of a real video'
        for key, video in videos.items()
        if video.partner is not None and video.partner not in videos
    ]
    refuse_lines(path, errors)
    if not any((row.get('split') or '').strip() for _, row in lines):
        logger.warning(
            '%s has no splits, so all its videos (%d) are for test. To train, add a '
            'column split with train, val or test in each line, and no person in two '
            'of them',
            path,
            len(videos),
        )
    return list(videos.values())


def _check_columns(path: Path, names: Sequence[str]) -> None:
    unknown = [name for name in names if name not in COLUMNS]
    missing = [name for name in REQUIRED if name not in names]
    if unknown or missing or len(set(names)) < len(names):
        raise DataError(
            f'{str(path)!r}, line 1: the columns are {shorten(list(names))}; path and '
            f'label are required, allowed are {", ".join(COLUMNS)}, each once'
        )


def _read_row(
    folder: Path, row: Mapping[str | None, str | None], selection: Selection
) -> SourceVideo:
    if None in row or None in row.values():
        raise ValueError('it has more or fewer fields than the first line')
    text = {column: (row.get(column) or '').strip() for column in COLUMNS}
    place = _read_path(text['path'], 'path')
    label = _pick('label', text['label'].lower(), _LABELS)
    split = _pick('split', text['split'] or 'test', {name: name for name in SPLITS})
    method = text['method'] or LABEL_NAMES[label]
    if (label == REAL) != (method == REAL_METHOD):
        raise ValueError(
            f'label={LABEL_NAMES[label]!r} and method={shorten(method)}; real videos, '
            f'and only they, have the method {REAL_METHOD!r}'
        )
    level = text['compression'] or AS_IS
    name = text['name'] or place.with_suffix('').as_posix()
    if text['partner'] and label == REAL:
        raise ValueError(
            f'partner={shorten(text["partner"])} of a real video; only fakes have one'
        )
    return SourceVideo(
        selection.key(label, method, name, level),
        folder / place,
        split,
        identities=_read_list(text['identity']),
        sources=_read_list(text['source']),
        partner=selection.key(REAL, REAL_METHOD, text['partner'], level)
        if text['partner']
        else None,
        mask=folder / _read_path(text['mask'], 'mask') if text['mask'] else None,
    )


def _read_path(text: str, column: str) -> PurePosixPath:
    path = PurePosixPath(text.replace('\\', '/'))
    if not is_inner_path(text) or not path.name:
        raise ValueError(
            f"{column}={shorten(text)}; allowed is a path relative to the list's "
            "folder, without '..'"
        )
    return path


def _pick(column: str, value: str, allowed: Mapping[str, _Value]) -> _Value:
    if value not in allowed:
        raise ValueError(f'{column}={shorten(value)}; allowed are {", ".join(allowed)}')
    return allowed[value]


def _read_list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(';') if part.strip())
