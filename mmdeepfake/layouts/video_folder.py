"""A user's own videos, sorted into folders.

    <root>/<split>/real/<name>.mp4
    <root>/<split>/fake/<name>.mp4              method 'fake'
    <root>/<split>/fake/<method>/<name>.mp4     method <method>

In place of a file, <name> may be a folder of numbered frames. Further sub-folders, of
real videos too, become part of the name. Linked folders are searched; files that are
not named like videos are left out with a warning. Names may repeat from split to split,
so in preparation a video is called <split>/<name>. Without folders of splits,
that is as <root>/{real,fake}/..., all videos are test videos: who is seen in them is
not known, so nothing could part them into splits without a leak.

For the same reason nothing can check that nobody is in two splits: sort the videos by
person. A CSV list or a manifest can name the persons, and is checked.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.files.bounded_reading import is_inner_path, shorten_list
from mmdeepfake.files.media_files import (
    is_frame_name,
    is_video_name,
    walk_folders,
    warn_of_other_files,
)
from mmdeepfake.structures import FAKE, LABEL_NAMES, REAL, REAL_METHOD, VideoKey
from mmdeepfake.structures.video_record import SPLITS

from .layout import AS_IS, Layout, Selection, choose, folder_names, logger
from .source_video import SourceVideo

HOW_TO_GET = """\
Expected are <root>/{train,val,test}/{real,fake}/<name>.mp4; fakes of several methods go
to fake/<method>/<name>.mp4, and a folder of numbered frames may stand for a file."""

_WITHOUT_SPLITS = 'Without folders of splits, as <root>/{real,fake}, all is for test.'


class VideoFolderLayout(Layout):
    """Videos of a user's own; see this module."""

    how_to_get = f'{HOW_TO_GET}\n{_WITHOUT_SPLITS}'

    def find_missing(self, root: Path) -> str:
        """Return what is missing where there are neither splits nor classes."""
        if any((root / name).is_dir() for name in (*SPLITS, *LABEL_NAMES)):
            return ''
        return 'no folders of splits or classes'

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

    def find_videos(self, root: Path, selection: Selection) -> Iterator[SourceVideo]:
        """List the videos of each split that is wanted and, if none is, there."""
        there = {name: name for name in SPLITS if (root / name).is_dir()} or {
            'test': ''
        }
        if '' in there.values():
            logger.warning(
                '%s has no folders of splits, so all videos are for test. To train, '
                'sort them by person into train/, val/ and test/, each with real/ and '
                'fake/, or name their splits in a CSV list',
                root,
            )
        else:
            _warn_of_other_folders(root, SPLITS)
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
    base = root / (split if folder_name is None else folder_name)
    videos: dict[VideoKey, SourceVideo] = {}
    for label, class_name in enumerate(LABEL_NAMES):
        folder = base / class_name
        if not folder.is_dir():
            raise DataNotFoundError(
                f'no folder {str(folder.absolute())!r}.\n{HOW_TO_GET}'
            )
        for path, name in _videos_below(folder):
            method = REAL_METHOD
            if label == FAKE:
                method, _, inner = name.partition('/')
                method, name = (method, inner) if inner else (class_name, name)
            if label != REAL and method == REAL_METHOD:
                raise DataError(
                    f'folder {str(folder / method)!r}: a method may not be called '
                    f'{REAL_METHOD!r}; rename it'
                )
            key = VideoKey(dataset_name, label, method, AS_IS, name)
            relative = path.relative_to(root).as_posix()
            if not is_inner_path(relative):
                raise DataError(
                    f"file {str(path)!r}: a name may not hold '..' between slashes or "
                    'backslashes; rename it'
                )
            if key in videos:
                other = videos[key].path.relative_to(root).as_posix()
                raise DataError(
                    f'{other!r} and {relative!r} in {str(root)!r} would '
                    f'both be the video {key}; rename one'
                )
            videos[key] = SourceVideo(key, path, split)
    _warn_of_other_folders(base, LABEL_NAMES)
    return list(videos.values())


def _videos_below(top: Path) -> list[tuple[Path, str]]:
    """Return every video below a folder with its name: its path without suffix.

    An empty folder is listed, so that the check of the files reports it.

    Raises:
        DataError: a folder holds both videos and frames.
        DataNotFoundError: no file in the folder is taken for a video.
    """
    found: list[Path] = []
    others: list[Path] = []
    for place, folders, names in walk_folders(top):
        videos = [name for name in names if is_video_name(name)]
        has_frames = place != top and any(map(is_frame_name, names))
        if has_frames and videos:
            raise DataError(
                f'folder {str(place)!r} holds videos and pictures; allowed is one or '
                'the other, since a folder of pictures counts as one video'
            )
        if has_frames or (place != top and not folders and not names):
            found.append(place)
            others += [place / name for name in folders]
            folders.clear()
        found += [place / name for name in videos]
        others += [
            place / name
            for name in names
            if not (is_video_name(name) or (has_frames and is_frame_name(name)))
        ]
    warn_of_other_files(top, others)
    if others and not found:
        raise DataNotFoundError(
            f'no video in {str(top.absolute())!r}: no file in it is named like one, '
            f'and no folder holds pictures.\n{HOW_TO_GET}'
        )
    return [(path, _name_below(top, path)) for path in sorted(found)]


def _name_below(top: Path, path: Path) -> str:
    relative = path.relative_to(top)
    last = path.stem if is_video_name(path.name) else path.name
    return (relative.parent / last).as_posix()


def _warn_of_other_folders(base: Path, known: Sequence[str]) -> None:
    others = [name for name in folder_names(base) if name not in known]
    if others:
        logger.warning(
            '%s: left out are the folders %s; searched are %s',
            base,
            shorten_list(others),
            ', '.join(known),
        )
