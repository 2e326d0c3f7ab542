"""A user's own videos, wherever they lie, listed in a CSV file.

    path,label,split,method,identity,partner
    batch 1/a.mp4,real,train,,anna,
    batch 1/b.mp4,fake,train,FaceSwap,anna;ben,batch 1/a

ROOT is the file, or a folder with one .csv file in it: UTF-8, with or without a byte
order mark, and commas, semicolons or tabs between columns, as in the first line. Paths
are relative to the folder it is in, and neither absolute ones nor '..' are followed; a
link in that folder is.
Columns, of which path and label must be there:

    path         a video file, or a folder of numbered frames
    label        real or fake; also 0 (real) or 1 (fake)
    split        train, val or test; test where it is empty
    method       what made the fake; 'fake' where it is empty
    compression  level, in any words; 'as_is' where it is empty
    identity     persons seen or used in it, with ; between them
    source       names of the videos it was made from, with ; between them
    name         what it is called; its path without suffix where it is empty
    partner      of a fake, the name of the real video whose frames it has, frame by
                 frame, so that boxes can be reused
    mask         video of the changed pixels

All faulty lines are told at once.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.files.bounded_reading import is_inner_path, read_lines, shorten
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
_LABELS = {'real': REAL, '0': REAL, 'fake': FAKE, '1': FAKE}
_NUM_SHOWN = 20

HOW_TO_GET = f"""\
Expected is a CSV file, or a folder with one, whose first line names columns out of
{', '.join(COLUMNS)};
needed are path (relative to the file's folder) and label (real or fake)."""


class CsvLayout(Layout):
    """Videos that a CSV file lists; see this module."""

    how_to_get = HOW_TO_GET
    has_compressions = True

    def base_folder(self, root: str | os.PathLike[str]) -> Path:
        """Give the folder that the list is in."""
        return find_csv(Path(root)).parent

    def check_root(self, root: Path) -> None:
        """Refuse a root that is no CSV file and has none, or several."""
        find_csv(root)

    def find_videos(self, root: Path, selection: Selection) -> list[SourceVideo]:
        """List the videos of the file."""
        path = find_csv(root)
        if selection.dataset_name == root.absolute().name and path == root:
            selection = replace(selection, dataset_name=path.stem)
        videos = read_csv_list(path, selection)
        refuse_shared_identities(
            {
                split: [i for v in videos if v.split == split for i in v.identities]
                for split in SPLITS
            },
            where=str(path),
        )
        for argument, asked, found in (
            ('methods', selection.methods, _names(videos, 'method', label=FAKE)),
            ('compressions', selection.compressions, _names(videos, 'compression')),
        ):
            names = choose(argument, asked, found, where=str(path))
            place = VideoKey._fields.index(argument.removesuffix('s'))
            videos = [
                video
                for video in videos
                if video.key[place] in names or video.key[place] == REAL_METHOD
            ]
        return videos


def _names(
    videos: list[SourceVideo], field: str, label: int | None = None
) -> list[str]:
    return sorted(
        {getattr(v.key, field) for v in videos if label in (None, v.key.label)}
    )


def find_csv(root: Path) -> Path:
    """Give the CSV file that a root stands for."""
    if root.is_file() and root.suffix.lower() == '.csv':
        return root
    if not root.is_dir():
        raise DataNotFoundError(
            f'no CSV file and no folder {str(root.absolute())!r}.\n{HOW_TO_GET}'
        )
    files = sorted(path for path in root.iterdir() if path.suffix.lower() == '.csv')
    if len(files) != 1:
        names = ', '.join(repr(path.name) for path in files)
        found = f'the CSV files {names}; name one' if files else describe_folder(root)
        raise DataNotFoundError(
            f'not one CSV file in {str(root.absolute())!r}: {found}.\n{HOW_TO_GET}'
        )
    return files[0]


def read_csv_list(path: Path, selection: Selection) -> list[SourceVideo]:
    """Read all videos of a list.

    Raises:
        DataError: the first line lacks a column or has an unknown one; or some lines
            are faulty, of which all are counted and the first 20 told.
    """
    number = 0
    try:
        header = next(read_lines(path), '')
        comma = next((sign for sign in ',;\t' if sign in header), ',')
        text = read_lines(path, keep_ends=True)
        rows = csv.DictReader(text, delimiter=comma, strict=True)
        _check_columns(path, rows.fieldnames or ())
        lines = []
        for row in rows:
            number = rows.line_num
            lines.append((number, row))
    except DataError:
        raise
    except (csv.Error, ValueError) as error:
        raise DataError(
            f'{str(path)!r}, behind line {number}: not CSV in UTF-8: {error}'
        ) from error
    videos: dict[VideoKey, SourceVideo] = {}
    line_of: dict[VideoKey, int] = {}
    faults: list[str] = []
    for number, row in lines:
        try:
            video = _read_row(path.parent, row, selection)
            first = line_of.setdefault(video.key, number)
            if first != number:
                raise ValueError(f'the video {video.key} stands in line {first} too')
            videos[video.key] = video
        except ValueError as error:
            faults.append(f'line {number}: {error}')
    faults += [
        f'line {line_of[key]}: no real video is called {shorten(video.partner.name)}, '
        'which its partner should be'
        for key, video in videos.items()
        if video.partner is not None and video.partner not in videos
    ]
    if faults:
        more = [f'and {len(faults) - _NUM_SHOWN} more'] if faults[_NUM_SHOWN:] else []
        listed = '\n'.join(f'  {text}' for text in [*faults[:_NUM_SHOWN], *more])
        raise DataError(f'{str(path)!r}: {len(faults)} faulty lines\n{listed}')
    if not any((row.get('split') or '').strip() for _, row in lines):
        logger.warning(
            '%s gives no splits, so all %d videos are for test. To train, add a column '
            'split with train, val or test in each line, no person in two of them',
            path,
            len(videos),
        )
    return list(videos.values())


def _check_columns(path: Path, names: tuple[str, ...] | list[str]) -> None:
    unknown = [name for name in names if name not in COLUMNS]
    lacking = [name for name in REQUIRED if name not in names]
    if unknown or lacking or len(set(names)) < len(names):
        raise DataError(
            f'{str(path)!r}, line 1: the columns are {shorten(list(names))}; path and '
            f'label are needed, allowed are {", ".join(COLUMNS)}, each once'
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
            f'label={LABEL_NAMES[label]!r} and method={shorten(method)}; the method '
            f'{REAL_METHOD!r} belongs to real videos and to them alone'
        )
    level = text['compression'] or AS_IS
    name = text['name'] or place.with_suffix('').as_posix()
    if text['partner'] and label == REAL:
        raise ValueError(
            f'partner={shorten(text["partner"])} of a real video; none is allowed'
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


def _pick(column: str, value: str, allowed: Mapping[str, int | str]) -> int | str:
    if value not in allowed:
        raise ValueError(f'{column}={shorten(value)}; allowed are {", ".join(allowed)}')
    return allowed[value]


def _read_list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(';') if part.strip())
