"""A user's own videos, sorted into folders.

    <root>/<split>/real/<name>.mp4
    <root>/<split>/fake/<name>.mp4              method 'fake'
    <root>/<split>/fake/<method>/<name>.mp4     method <method>

In place of a file, <name> may be a folder of numbered frames. Real videos may be in
sub-folders too, whose name then is part of the video's. Names may repeat from split to
split, so in preparation a video is called <split>/<name>. Without folders of splits,
that is as <root>/{real,fake}/..., all videos are test videos: who is seen in them is
not known, so nothing could part them into splits without a leak.

For the same reason nothing can check that nobody is in two splits: sort the videos by
person. A CSV list or a manifest can name the persons, and is checked.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.structures import FAKE, LABEL_NAMES, REAL, REAL_METHOD, VideoKey
from mmdeepfake.structures.video_record import SPLITS

from .layout import (
    AS_IS,
    FRAME_SUFFIXES,
    VIDEO_SUFFIXES,
    Layout,
    Selection,
    choose,
    refuse_root,
)
from .source_video import SourceVideo

HOW_TO_GET = """\
Expected are <root>/{train,val,test}/{real,fake}/<name>.mp4; fakes of several methods go
to fake/<method>/<name>.mp4, and a folder of numbered frames may stand for a file."""

_WITHOUT_SPLITS = 'Without folders of splits, as <root>/{real,fake}, all is for test.'


class VideoFolderLayout(Layout):
    """Videos of a user's own; see this module."""

    how_to_get = f'{HOW_TO_GET}\n{_WITHOUT_SPLITS}'

    def check_root(self, root: Path) -> None:
        """Refuse a root with neither splits nor classes, or with both."""
        super().check_root(root)
        splits = [name for name in SPLITS if (root / name).is_dir()]
        classes = [name for name in LABEL_NAMES if (root / name).is_dir()]
        if splits and classes:
            raise DataError(
                f'{str(root)!r} holds folders of splits, {splits}, beside folders of '
                f'classes, {classes}; allowed is one or the other'
            )
        if not splits and not classes:
            lacking = 'no folders of splits or classes'
            refuse_root(root, lacking, self.how_to_get, (*SPLITS, *LABEL_NAMES))

    def find_videos(self, root: Path, selection: Selection) -> Iterator[SourceVideo]:
        """List the videos of each split that is wanted and, if none is, there."""
        there = {name: name for name in SPLITS if (root / name).is_dir()} or {
            'test': ''
        }
        found = [
            _name_by_split(video, folder)
            for split, folder in there.items()
            if selection.splits is None or split in selection.splits
            for video in list_video_folder(
                root,
                split=split,
                dataset_name=selection.dataset_name,
                folder_name=folder,
            )
        ]
        for split in selection.splits or ():
            if split not in there:
                raise DataNotFoundError(
                    f'no folder {str((root / split).absolute())!r}.\n{self.how_to_get}'
                )
        methods = sorted({v.key.method for v in found if v.key.label == FAKE})
        if selection.methods is not None:
            methods = choose('methods', selection.methods, methods, where=str(root))
        wanted = {REAL_METHOD, *methods}
        yield from (video for video in found if video.key.method in wanted)


def _name_by_split(video: SourceVideo, folder_name: str) -> SourceVideo:
    """Add the split's folder to the name: other splits may hold a file of that name."""
    if not folder_name:
        return video
    name = f'{folder_name}/{video.key.name}'
    return replace(video, key=video.key._replace(name=name))


def list_video_folder(
    root: str | os.PathLike[str],
    *,
    split: str,
    dataset_name: str,
    folder_name: str | None = None,
) -> list[SourceVideo]:
    """List all real and fake videos of a split.

    Args:
        root: the folder of the set.
        split: 'train', 'val' or 'test'.
        dataset_name: first part of the keys.
        folder_name: the folder in `root` that holds the classes; None is the split's.

    Raises:
        DataNotFoundError: the folder of the split, or of a class, is not there.
        DataError: two videos would have one key, or a folder holds both videos and
            frames.
    """
    root = Path(root)
    videos: dict[VideoKey, SourceVideo] = {}
    for label, class_name in enumerate(LABEL_NAMES):
        folder = root / (split if folder_name is None else folder_name) / class_name
        if not folder.is_dir():
            raise DataNotFoundError(
                f'no folder {str(folder.absolute())!r}.\n{HOW_TO_GET}'
            )
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
            key = VideoKey(dataset_name, label, method, AS_IS, name)
            relative = path.relative_to(root).as_posix()
            if key in videos:
                other = videos[key].path.relative_to(root).as_posix()
                raise DataError(
                    f'{other!r} and {relative!r} in {str(root)!r} would '
                    f'both be the video {key}; rename one'
                )
            videos[key] = SourceVideo(key, path, split)
    return list(videos.values())


def _videos_below(folder: Path) -> list[tuple[str, Path]]:
    """Give (group, video) of every video in a folder and its sub-folders."""
    found: list[tuple[str, Path]] = []
    for entry in _entries(folder):
        if _is_video(entry):
            found.append(('', entry))
        elif entry.is_dir():
            inside = [path for path in _entries(entry) if _is_video(path)]
            # An empty folder is listed, so that the check of the files reports it.
            found += [(entry.name, path) for path in inside] or [('', entry)]
    return found


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
