"""The interface of a dataset's layout, and helpers to search and check folders."""

from __future__ import annotations

import logging
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from mmdeepfake.errors import ConfigError, DataError, DataNotFoundError
from mmdeepfake.files.bounded_reading import shorten, shorten_list
from mmdeepfake.files.media_files import is_video_name
from mmdeepfake.files.printable_text import show_log_record
from mmdeepfake.structures import VideoKey
from mmdeepfake.structures.video_record import SPLITS

from .source_video import SourceVideo

logger = logging.getLogger('mmdeepfake.prepare')
logger.addFilter(show_log_record)  # it logs file names

# Most datasets state no compression level; keys need a value.
AS_IS = 'as_is'


@dataclass(frozen=True)
class Selection:
    """The requested videos of a dataset.

    Attributes:
        dataset_name: first part of the videos' keys.
        splits: some of 'train', 'val' and 'test'; None for all.
        methods: manipulations whose fakes are listed; None for the layout's default.
            Real videos are always listed.
        compressions: levels; None for all that exist.
    """

    dataset_name: str
    splits: tuple[str, ...] | None = None
    methods: tuple[str, ...] | None = None
    compressions: tuple[str, ...] | None = None

    def key(self, label: int, method: str, name: str, level: str = AS_IS) -> VideoKey:
        """Return the key of a video of this dataset."""
        return VideoKey(self.dataset_name, label, method, level, name)


class Layout(ABC):
    """The folders, names, labels and splits of a dataset as its authors publish it.

    Attributes:
        dataset_name: default first part of the keys; empty for layouts of own videos,
            which use the name of the root folder.
        how_to_get: where to request the data, and what its folder must look like.
        has_compressions: whether it has compression levels to choose from.
        test_shows_known_persons: whether the official test split shares persons with
            the others, which the leak audit then reports instead of refusing.
        methods: all manipulations, where they are known in advance.
    """

    dataset_name: ClassVar[str] = ''
    how_to_get: ClassVar[str] = ''
    has_compressions: ClassVar[bool] = False
    test_shows_known_persons: ClassVar[bool] = False
    methods: ClassVar[tuple[str, ...]] = ()

    def list_videos(
        self,
        root: str | os.PathLike[str],
        *,
        methods: Sequence[str] | None = None,
        compressions: Sequence[str] | None = None,
        splits: Sequence[str] | None = None,
        dataset_name: str | None = None,
    ) -> list[SourceVideo]:
        """List the videos in the order of their keys, including missing files.

        Args:
            root: the dataset's folder, or a CSV file.
            methods: see `Selection`.
            compressions: see `Selection`.
            splits: see `Selection`.
            dataset_name: first part of the keys; None for the layout's.

        Raises:
            DataNotFoundError: the root or a required part of it is missing, or no video
                matches.
            DataError: a list or a name is invalid, or two videos share a key.
            ConfigError: a method, level or split does not exist in the dataset.
        """
        root = Path(root)
        wanted = choose('splits', splits, SPLITS, where='a dataset')
        if not self.has_compressions and set(compressions or ()) - {AS_IS}:
            raise ConfigError(
                f'compressions={list(compressions or ())!r}: this dataset has no '
                'compression levels; omit them'
            )
        self.check_root(root)
        if self.methods:
            choose('methods', methods, self.methods, where=self.dataset_name)
        selection = Selection(
            dataset_name or self.dataset_name or root.absolute().name,
            None if splits is None else tuple(wanted),
            _as_tuple(methods),
            _as_tuple(compressions),
        )
        videos = [v for v in self.find_videos(root, selection) if v.split in wanted]
        if not videos:
            raise DataNotFoundError(
                f'no videos of {", ".join(wanted)} in {str(root.absolute())!r}.\n'
                f'{self.how_to_get}'
            )
        _refuse_shared_keys(videos)
        return sorted(videos, key=lambda video: video.key)

    def check_root(self, root: Path) -> None:
        """Refuse a folder that is not the dataset's root; suggest one nearby.

        Raises:
            DataNotFoundError: the message states what is missing, and whether the
                folder above or one inside fits.
        """
        if not root.is_dir():
            raise DataNotFoundError(
                f'no folder {str(root.absolute())!r}.\n{self.how_to_get}'
            )
        missing = self.find_missing(root)
        if not missing:
            return
        hint = ''
        above = root.absolute().parent
        for name in folder_names(root):
            if not self.find_missing(root / name):
                hint = f' The root seems to be one level deeper: {str(root / name)!r}.'
                break
        else:
            if not self.find_missing(above):
                hint = f' The root seems to be one level higher: {str(above)!r}.'
        raise DataNotFoundError(
            f'{missing} in {str(root.absolute())!r}; {describe_folder(root)}.{hint}\n'
            f'{self.how_to_get}'
        )

    def find_missing(self, root: Path) -> str:
        """Return what a folder lacks to be the root; '' if nothing."""
        return ''

    @abstractmethod
    def find_videos(self, root: Path, selection: Selection) -> Iterable[SourceVideo]:
        """Return the selected videos in any order; may include other splits."""


def _as_tuple(names: Sequence[str] | None) -> tuple[str, ...] | None:
    if names is None:
        return None
    return (names,) if isinstance(names, str) else tuple(names)


def choose(
    argument: str, asked: Sequence[str] | None, allowed: Sequence[str], *, where: str
) -> list[str]:
    """Return the requested names, or all for None; refuse unknown ones."""
    if asked is None:
        return list(allowed)
    asked = [asked] if isinstance(asked, str) else list(asked)
    unknown = [name for name in asked if name not in allowed]
    if unknown or not asked:
        raise ConfigError(
            f'{argument}={asked!r} of {where}: {", ".join(unknown) or "nothing"} does '
            f'not exist; allowed are {", ".join(allowed)}'
        )
    return [name for name in allowed if name in asked]


def match_name(
    pattern: re.Pattern[str], path: Path, *, form: str, dataset: str
) -> re.Match[str]:
    """Match a file name without suffix; refuse one that the dataset does not use."""
    match = pattern.fullmatch(path.stem)
    if match is None:
        raise DataError(
            f'{shorten(str(path), 200)} is not named like videos of {dataset}, '
            f'{form}.mp4; move it out of the folder'
        )
    return match


def _refuse_shared_keys(videos: Iterable[SourceVideo]) -> None:
    first: dict[VideoKey, SourceVideo] = {}
    for video in videos:
        other = first.setdefault(video.key, video)
        if other is not video:
            raise DataError(
                f'{_place(other)!r} and {_place(video)!r} would both be the video '
                f'{video.key}; rename one'
            )


def _place(video: SourceVideo) -> str:
    return f'{video.path}:{video.member}' if video.member else str(video.path)


def folder_names(folder: Path) -> list[str]:
    """Return the sorted names of the folders in a folder; [] if it is missing."""
    if not folder.is_dir():
        return []
    return sorted(
        entry.name
        for entry in os.scandir(folder)
        if entry.is_dir() and not entry.name.startswith('.')
    )


def find_child(folder: Path, *names: str) -> Path | None:
    """Return the folder in `folder` with one of the names, ignoring case."""
    wanted = {name.lower() for name in names}
    for name in folder_names(folder):
        if name.lower() in wanted:
            return folder / name
    return None


def video_files(folder: Path) -> list[Path]:
    """List the video files directly in a folder by name."""
    return sorted(
        Path(entry.path)
        for entry in os.scandir(folder)
        if is_video_name(entry.name)
        and not entry.name.startswith('.')
        and not entry.is_dir()
    )


def describe_folder(folder: Path) -> str:
    """Return a short list of a folder's content, for an error message."""
    names = (
        sorted(entry.name for entry in os.scandir(folder)) if folder.is_dir() else []
    )
    if not names:
        return 'it is empty'
    shown = ', '.join(map(repr, names[:8]))
    return f'found there: {shown}{f" and {len(names) - 8} more" if names[8:] else ""}'


def warn_of_unlisted(paths: Iterable[Path], *, missing_in: Path | str) -> None:
    """Log the videos that are in a folder but not in the dataset's list."""
    unlisted = sorted(paths)
    if unlisted:
        logger.warning(
            '%s: skipped %d videos that are not in %s: %s',
            unlisted[0].parent,
            len(unlisted),
            missing_in,
            shorten_list([path.name for path in unlisted]),
        )


def warn_of_counts(
    name: str, counts: Mapping[str, int], official: Mapping[str, int]
) -> None:
    """Log where a dataset's counts differ from the official ones.

    Args:
        name: the dataset.
        counts: what is counted -> how many there are; missing entries are 0.
        official: likewise, of the complete dataset.
    """
    wrong = [
        f'{counts.get(what, 0)} {what}, officially {count}'
        for what, count in official.items()
        if counts.get(what, 0) != count
    ]
    if wrong:
        logger.warning(
            '%s: the number of videos is not the official one: %s. Part of the dataset '
            'may be missing',
            name,
            '; '.join(wrong),
        )
