"""Own videos, sorted into folders.

    <root>/<split>/real/<name>.mp4
    <root>/<split>/fake/<name>.mp4              method 'fake'
    <root>/<split>/fake/<method>/<name>.mp4     method <method>

Instead of a file, <name> may be a folder of numbered frames. Further sub-folders, also
of real videos, become part of the name. Linked folders are searched; files without a
video suffix are skipped with a warning. Names may repeat in other splits, so in
preparation a video is called <split>/<name>. Without split folders
(<root>/{real,fake}/...) all videos are test videos: the persons in them are unknown, so
they cannot be split without a leak.

Without any folder fake/, all videos are real: enough to train on pseudo-fakes. A name
below real/ that says the opposite is then an error, see `FAKE_WORDS`.

For the same reason it cannot be checked that nobody is in two splits: sort the videos
by person. A CSV list or a manifest can name the persons, and is checked.
"""

from __future__ import annotations

import os
import re
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
Expected are <root>/{train,val,test}/{real,fake}/<name>.mp4, with fakes of several
methods in fake/<method>/<name>.mp4. A folder of numbered frames may replace a file.
A split without fakes needs no fake/: enough to train on pseudo-fakes."""

# A folder or file named so below real/, in a set without fakes, is likely a fake.
FAKE_WORDS = (
    'fake',
    'faceswap',
    'face2face',
    'neuraltextures',
    'faceshifter',
    'manipulated',
    'lipsync',
)

_WITHOUT_SPLITS = 'Without split folders (<root>/{real,fake}) all videos are for test.'


class VideoFolderLayout(Layout):
    """Own videos in folders; see this module."""

    how_to_get = f'{HOW_TO_GET}\n{_WITHOUT_SPLITS}'

    def find_missing(self, root: Path) -> str:
        """Return what is missing if there are neither splits nor classes."""
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
                f'{str(root)!r} holds both split folders, {splits}, and class folders, '
                f'{classes}; use one or the other'
            )

    def find_videos(self, root: Path, selection: Selection) -> Iterator[SourceVideo]:
        """List the videos of the wanted splits, by default of all that exist."""
        there = {name: name for name in SPLITS if (root / name).is_dir()} or {
            'test': ''
        }
        if '' in there.values():
            logger.warning(
                '%s has no split folders, so all videos are for test. To train, sort '
                'them by person into train/, val/ and test/, each with real/ and '
                'fake/, or give their splits in a CSV list',
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
    """Prefix the name with the split's folder, since names repeat across splits."""
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
        root: the dataset's folder.
        split: 'train', 'val' or 'test'.
        dataset_name: first part of the keys.
        folder_name: folder in `root` that holds the classes; None for the split's name.

    Raises:
        DataNotFoundError: the folder of the split or real/ is missing.
        DataError: two videos share a key, a folder holds both videos and frames, or
            a set without fakes has a name that says fake.
    """
    root = Path(root)
    base = root / (split if folder_name is None else folder_name)
    videos: dict[VideoKey, SourceVideo] = {}
    has_fakes = (base / LABEL_NAMES[FAKE]).is_dir()
    for label, class_name in enumerate(LABEL_NAMES):
        folder = base / class_name
        if label == FAKE and not has_fakes:
            continue
        if not folder.is_dir():
            raise DataNotFoundError(
                f'no folder {str(folder.absolute())!r}.\n{HOW_TO_GET}'
            )
        found = _videos_below(folder)
        if not has_fakes:
            _refuse_fakes_by_name(folder, [name for _, name in found])
        for path, name in found:
            method = REAL_METHOD
            if label == FAKE:
                method, _, inner = name.partition('/')
                method, name = (method, inner) if inner else (class_name, name)
            if label != REAL and method == REAL_METHOD:
                raise DataError(
                    f'folder {str(folder / method)!r}: {REAL_METHOD!r} is not allowed '
                    'as the name of a method; rename it'
                )
            key = VideoKey(dataset_name, label, method, AS_IS, name)
            relative = path.relative_to(root).as_posix()
            if not is_inner_path(relative):
                raise DataError(
                    f"file {str(path)!r}: '..' between slashes or backslashes is not "
                    'allowed in a name; rename it'
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


def _refuse_fakes_by_name(folder: Path, names: Sequence[str]) -> None:
    """Raise an error if names of real videos say that they are fakes."""
    suspects = [
        name
        for name in names
        if any(word in re.sub('[^a-z0-9]', '', name.lower()) for word in FAKE_WORDS)
    ]
    if suspects:
        raise DataError(
            f'{str(folder)!r}: {len(suspects)} of {len(names)} videos have a name that '
            f'says fake ({shorten_list(suspects)}), but there is no folder fake/ '
            'beside it. Move the fakes there, or rename what is real'
        )


def _videos_below(top: Path) -> list[tuple[Path, str]]:
    """Return every video below a folder with its name, the path without suffix.

    Empty folders are listed, so that the later check of the files reports them.

    Raises:
        DataError: a folder holds both videos and frames.
        DataNotFoundError: the folder holds other files only.
    """
    found: list[Path] = []
    others: list[Path] = []
    for place, folders, names in walk_folders(top):
        videos = [name for name in names if is_video_name(name)]
        has_frames = place != top and any(map(is_frame_name, names))
        if has_frames and videos:
            raise DataError(
                f'folder {str(place)!r} holds videos and images; use one or the other, '
                'since a folder of images counts as one video'
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
            f'no video in {str(top.absolute())!r}: no file has a video suffix, and no '
            f'folder holds images.\n{HOW_TO_GET}'
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
            '%s: skipped the folders %s; only %s are searched',
            base,
            shorten_list(others),
            ', '.join(known),
        )
