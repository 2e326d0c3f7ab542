"""What a dataset's layout is to the rest of the preparation."""

from __future__ import annotations

import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from mmdeepfake.errors import ConfigError, DataError, DataNotFoundError
from mmdeepfake.files.media_files import is_video_name
from mmdeepfake.files.printable_text import show_log_record
from mmdeepfake.structures import VideoKey
from mmdeepfake.structures.video_record import SPLITS

from .source_video import SourceVideo

logger = logging.getLogger('mmdeepfake.prepare')
logger.addFilter(show_log_record)  # it tells names of files

# Most sets state no compression level; keys need a word for it.
AS_IS = 'as_is'


@dataclass(frozen=True)
class Selection:
    """Which videos of a set are wanted.

    Attributes:
        dataset_name: first part of the videos' keys.
        splits: some of 'train', 'val' and 'test'; None is every one there is.
        methods: manipulations whose fakes are wanted; None is the layout's default.
            Real videos are always listed.
        compressions: levels wanted; None is every one there is.
    """

    dataset_name: str
    splits: tuple[str, ...] | None = None
    methods: tuple[str, ...] | None = None
    compressions: tuple[str, ...] | None = None

    def key(self, label: int, method: str, name: str, level: str = AS_IS) -> VideoKey:
        """Give the key of a video of this set."""
        return VideoKey(self.dataset_name, label, method, level, name)


class Layout(ABC):
    """The folders, names, labels and splits of a dataset as its authors give it out.

    Attributes:
        dataset_name: first part of the keys, where the user gives no other; empty for
            layouts of a user's own, which take the name of the root folder.
        how_to_get: where to ask for the data, and how its folder must look.
        has_compressions: whether it states levels to choose from.
        test_shows_known_persons: whether the official test part shows persons that the
            rest shows too, which the leak audit then states in place of refusing it.
        methods: names that the manipulations have, if they are known beforehand.
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
        """List the videos in the order of their keys, those not there as well.

        Args:
            root: the dataset's folder, or what stands for it.
            methods: manipulations whose fakes are listed; None is the set's default.
                Real videos are always listed.
            compressions: levels that are listed; None is every one there is.
            splits: some of 'train', 'val' and 'test'; None is all.
            dataset_name: first part of the keys; None is the layout's.

        Raises:
            DataNotFoundError: the root, or a part that must be there, is not; or no
                video is left of what was asked for.
            DataError: a list or a name contradicts itself, or two videos would have one
                key.
            ConfigError: a method, level or split that the set does not have.
        """
        root = Path(root)
        wanted = choose('splits', splits, SPLITS, where='a dataset')
        if not self.has_compressions and set(compressions or ()) - {AS_IS}:
            raise ConfigError(
                f'compressions={list(compressions or ())!r}; this set states no '
                'compression levels, so leave them out'
            )
        self.check_root(root)
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
        """Refuse a folder that is not the root of the set, and name one that is.

        Looked for one level below and above, where users often point by mistake.

        Raises:
            DataNotFoundError: with what is missing.
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
        """Return what a folder needs to be the root and does not have; '' if all."""
        return ''

    def base_folder(self, root: str | os.PathLike[str]) -> Path:
        """Give the folder that the paths of the videos start from."""
        return Path(root)

    @abstractmethod
    def find_videos(self, root: Path, selection: Selection) -> Iterable[SourceVideo]:
        """Give the videos of the selection, in any order; further splits may be in."""


def _as_tuple(names: Sequence[str] | None) -> tuple[str, ...] | None:
    if names is None:
        return None
    return (names,) if isinstance(names, str) else tuple(names)


def choose(
    argument: str,
    asked: Sequence[str] | None,
    allowed: Sequence[str],
    *,
    where: str,
) -> list[str]:
    """Give the names asked for, or all of them; refuse one that is not allowed."""
    if asked is None:
        return list(allowed)
    asked = [asked] if isinstance(asked, str) else list(asked)
    unknown = [name for name in asked if name not in allowed]
    if unknown or not asked:
        raise ConfigError(
            f'{argument}={asked!r} of {where}: {", ".join(unknown) or "nothing"} is '
            f'not there; allowed are {", ".join(allowed)}'
        )
    return [name for name in allowed if name in asked]


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
    """List the folders in a folder by name; none if it is not there."""
    if not folder.is_dir():
        return []
    return sorted(
        entry.name
        for entry in os.scandir(folder)
        if entry.is_dir() and not entry.name.startswith('.')
    )


def find_child(folder: Path, *names: str) -> Path | None:
    """Give the folder in `folder` that has one of the names, whatever its case."""
    wanted = {name.lower() for name in names}
    for name in folder_names(folder):
        if name.lower() in wanted:
            return folder / name
    return None


def video_files(folder: Path) -> list[Path]:
    """List the video files right in a folder, by name."""
    return sorted(
        Path(entry.path)
        for entry in os.scandir(folder)
        if is_video_name(entry.name)
        and not entry.name.startswith('.')
        and not entry.is_dir()
    )


def describe_folder(folder: Path) -> str:
    """Tell in a few words what is in a folder, for an error message."""
    names = (
        sorted(entry.name for entry in os.scandir(folder)) if folder.is_dir() else []
    )
    if not names:
        return 'it is empty'
    shown = ', '.join(map(repr, names[:8]))
    return f'found there: {shown}{f" and {len(names) - 8} more" if names[8:] else ""}'


def warn_of_counts(
    name: str, counts: Mapping[str, int], official: Mapping[str, int]
) -> None:
    """Log where the numbers of a set's videos differ from its official ones.

    Args:
        name: what the set is called.
        counts: what is counted to how many there are; what is missing is 0.
        official: the same of the whole set.
    """
    wrong = [
        f'{counts.get(what, 0)} {what}, officially {count}'
        for what, count in official.items()
        if counts.get(what, 0) != count
    ]
    if wrong:
        logger.warning(
            '%s: not the official numbers of videos: %s. Part of it may be missing',
            name,
            '; '.join(wrong),
        )
