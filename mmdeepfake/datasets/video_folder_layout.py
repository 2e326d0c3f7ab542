"""A user's own videos, sorted into folders.

    <root>/<split>/real/<name>.mp4
    <root>/<split>/fake/<name>.mp4              method 'fake'
    <root>/<split>/fake/<method>/<name>.mp4     method <method>

In place of a file, <name> may be a folder of numbered frames. Real videos may be in
sub-folders too, whose name then is part of the video's.

Who is seen in a video is not known here, so nothing can check that nobody is in two
splits: sort the videos by person. A manifest can name the persons, and is checked.
"""

from __future__ import annotations

import os
from pathlib import Path

from mmdeepfake.structures import (
    FAKE,
    LABEL_NAMES,
    REAL,
    REAL_METHOD,
    DataError,
    DataNotFoundError,
    VideoKey,
    VideoRecord,
)

from .file_check import FRAME_SUFFIXES, VIDEO_SUFFIXES

# A folder of one's own states no compression level; keys need a word for it.
COMPRESSION = 'as_is'

LAYOUT = """\
Expected are <root>/{train,val,test}/{real,fake}/<name>.mp4; fakes of several methods go
to fake/<method>/<name>.mp4, and a folder of numbered frames may stand for a file."""


def list_video_folder(
    root: str | os.PathLike[str], *, split: str, dataset_name: str
) -> list[VideoRecord]:
    """List all real and fake videos of a split.

    Raises:
        DataNotFoundError: the folder of the split, or of a class, is not there.
        DataError: two videos would have one key, or a folder holds both videos and
            frames.
    """
    root = Path(root)
    records: dict[VideoKey, VideoRecord] = {}
    for label, class_name in enumerate(LABEL_NAMES):
        folder = root / split / class_name
        if not folder.is_dir():
            raise DataNotFoundError(f'no folder {str(folder.absolute())!r}.\n{LAYOUT}')
        for group, path in _videos_below(folder):
            method, name = REAL_METHOD, path.stem if path.is_file() else path.name
            if label == FAKE:
                method = group or LABEL_NAMES[FAKE]
            elif group:
                name = f'{group}/{name}'
            if label != REAL and method == REAL_METHOD:
                raise DataError(
                    f'folder {str(path.parent)!r}: a method may not be called '
                    f'{REAL_METHOD!r}; rename it'
                )
            key = VideoKey(dataset_name, label, method, COMPRESSION, name)
            relative = path.relative_to(root).as_posix()
            if key in records:
                raise DataError(
                    f'{records[key].path!r} and {relative!r} in {str(root)!r} would '
                    f'both be the video {key}; rename one'
                )
            records[key] = VideoRecord(key, relative, split)
    return list(records.values())


def _videos_below(folder: Path) -> list[tuple[str, Path]]:
    """Give (group, video) of every video in a folder and its sub-folders."""
    videos: list[tuple[str, Path]] = []
    for entry in _entries(folder):
        if _is_video(entry):
            videos.append(('', entry))
        elif entry.is_dir():
            inside = [path for path in _entries(entry) if _is_video(path)]
            # An empty folder is listed, so that the check of the files reports it.
            videos += [(entry.name, path) for path in inside] or [('', entry)]
    return videos


def _entries(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith('.'))


def _is_video(path: Path) -> bool:
    if path.is_file():
        return path.suffix.lower() in VIDEO_SUFFIXES
    suffixes = {entry.suffix.lower() for entry in _entries(path)}
    has_frames = not suffixes.isdisjoint(FRAME_SUFFIXES)
    if has_frames and not suffixes.isdisjoint(VIDEO_SUFFIXES):
        raise DataError(
            f'folder {str(path)!r} holds videos and pictures; allowed is one or the '
            'other, since a folder of pictures counts as one video'
        )
    return has_frames
