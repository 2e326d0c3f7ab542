"""Find the videos of a command line: files, folders and lists."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmdeepfake.errors import ConfigError, DataError, DataNotFoundError
from mmdeepfake.files.bounded_reading import read_lines, shorten, shorten_list
from mmdeepfake.files.media_files import (
    is_video_name,
    walk_folders,
    warn_of_other_files,
)
from mmdeepfake.prepare.output_folder import safe_name

LIST_SUFFIX = '.txt'


@dataclass(frozen=True)
class RequestedVideo:
    """One video to be scored.

    Attributes:
        path: of the file; an entry of a list may be missing.
        name: relative to the folder or list that named it.
        folder: unique name of the folder for its results.
    """

    path: Path
    name: str
    folder: str


def list_videos(inputs: Sequence[Path], *, out: Path) -> list[RequestedVideo]:
    """Return the videos in order, each file once.

    Args:
        inputs: video files; folders, searched recursively and through links for files
            with a video's suffix; and .txt files in UTF-8 with one path per line,
            relative to the list (empty lines and lines that begin with # are skipped;
            write ./#name for such a name).
        out: folder for the results, which must not be searched.

    Raises:
        InputError: an input is missing or has no video, or `out` is inside a folder
            that is searched.
    """
    found: dict[Path, str] = {}
    for given in inputs:
        for path, name in _expand(given, out):
            found.setdefault(Path(os.path.abspath(path)), name)
    taken: set[str] = set()
    videos = []
    for path, name in found.items():
        base = safe_name(name.replace('/', '__'))
        folder, number = base, 1
        # Equal names, also on file systems that ignore case.
        while folder.lower() in taken:
            number += 1
            folder = f'{base}-{number}'
        taken.add(folder.lower())
        videos.append(RequestedVideo(path, name, folder))
    return videos


def _expand(given: Path, out: Path) -> Iterator[tuple[Path, str]]:
    if given.is_dir():
        yield from _search(given, out)
    elif not given.exists():
        is_address = re.match(r'\w+:/', str(given))  # a Path has one slash
        hint = '; download it first: no address is opened' if is_address else ''
        raise DataNotFoundError(f'no video, folder or list {str(given)!r}{hint}')
    elif given.suffix.lower() == LIST_SUFFIX:
        yield from _read_list(given)
    else:
        yield given, given.name


def _search(folder: Path, out: Path) -> Iterator[tuple[Path, str]]:
    inside, root = out.resolve(), folder.resolve()
    if inside == root or root in inside.parents:
        raise ConfigError(
            f'--out {str(out)!r} is inside {str(folder)!r}, which is searched for '
            'videos: the next run would score annotated ones. Choose a folder outside'
        )
    found = [place / name for place, _, names in walk_folders(folder) for name in names]
    paths = sorted(path for path in found if is_video_name(path.name))
    if not paths:
        raise DataNotFoundError(
            f'folder {str(folder)!r} has no video: none of its {len(found)} files has '
            "a video's suffix, such as .mp4. Name other files one by one or in a list"
        )
    warn_of_other_files(folder, [one for one in found if not is_video_name(one.name)])
    for path in paths:
        yield path, path.relative_to(folder).as_posix()


def _read_list(path: Path) -> Iterator[tuple[Path, str]]:
    try:
        lines = [line.strip() for line in read_lines(path)]
    except (OSError, ValueError) as error:
        raise DataError(
            f'list {str(path)!r} is not readable as text: {error}'
        ) from None
    names = [line for line in lines if line and not line.startswith('#')]
    videos = [path.parent / name for name in names]
    if not any(video.is_file() for video in videos):
        raise DataError(
            f'list {str(path)!r}: none of its {len(names)} lines is the path of a file '
            f'({shorten_list([*map(shorten, names)])}); give one path per line, '
            "absolute or relative to the list's folder"
        )
    yield from zip(videos, names, strict=True)
