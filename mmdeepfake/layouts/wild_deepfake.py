"""The archives of WildDeepfake, which hold faces, not videos.

    <root>/{real_train,real_test,fake_train,fake_test}/<k>.tar.gz
    inside it: <k>/<real or fake>/<sequence>/<number>.png

A space in place of the underscore ("real train"), and archives that were unpacked
already, to <k>/<real or fake>/..., are accepted. One folder of pictures is one face
sequence and one sample here; <k> is a video. The number is that of a frame in it: it is
not padded with zeros, does not begin at 0 and may leave some out. Pictures are taken in
the order of these numbers, and neighbours in the list count as consecutive.

Sequence numbers repeat from archive to archive, so a sample is named
<folder>/<k>/<sequence>. Its label is the folder inside the archive: a video with forged
faces may show real ones too.

Splits: test is the test folders. There is no validation part, so whole training
archives, and with them source videos, are held out: about one in ten, those whose
<folder>/<k> `identity_split.is_held_out`. Who is seen is not told.

Zi et al., "WildDeepfake: A Challenging Real-World Dataset for Deepfake Detection", ACM
MM 2020, https://github.com/OpenTAI/wild-deepfake
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import ClassVar

from mmdeepfake.errors import DataError
from mmdeepfake.files.media_files import is_frame_name, walk_folders
from mmdeepfake.structures import LABEL_NAMES, REAL, REAL_METHOD

from .archive_members import read_members
from .identity_split import is_held_out
from .layout import (
    Layout,
    Selection,
    choose,
    find_child,
    folder_names,
    logger,
    warn_of_counts,
)
from .source_video import SourceVideo

METHOD = 'in_the_wild'
FOLDERS = ('real_train', 'fake_train', 'real_test', 'fake_test')
_ARCHIVE_SUFFIXES = ('.tar.gz', '.tgz', '.tar')
_COUNTS = {'training sequences': 6508, 'test sequences': 806}
_NUM_ARCHIVES = {
    'real_train': 371,
    'fake_train': 592,
    'real_test': 42,
    'fake_test': 115,
}
_SECONDS_BETWEEN_LOGS = 30.0

HOW_TO_GET = """\
To get WildDeepfake: ask as https://github.com/OpenTAI/wild-deepfake says, and point
ROOT at the folder (deepfake_in_the_wild) that holds real_train/, fake_train/,
real_test/ and fake_test/ with their .tar.gz files; they need not be unpacked."""


class WildDeepfakeLayout(Layout):
    """WildDeepfake; see this module."""

    dataset_name = 'WildDeepfake'
    how_to_get = HOW_TO_GET
    methods: ClassVar[tuple[str, ...]] = (METHOD,)

    def find_missing(self, root: Path) -> str:
        """Return what is missing where none of the four folders is there."""
        if any(_split_folder(root, name) for name in FOLDERS):
            return ''
        return f'none of the folders {", ".join(FOLDERS)}'

    def find_videos(self, root: Path, selection: Selection) -> list[SourceVideo]:
        """List the sequences of the wanted splits; archives are read through once."""
        choose('methods', selection.methods, self.methods, where=self.dataset_name)
        places = []
        for name in FOLDERS:
            folder = _split_folder(root, name)
            if folder is None:
                logger.warning('%s: no folder %s; it is left out', root, name)
                continue
            for k, path in _find_videos_of(folder):
                split = _split_of(name, k)
                if selection.splits is None or split in selection.splits:
                    places.append((name, k, path, split))
        videos = list(_list_sequences(places, selection))
        if selection.splits is None:
            archives = Counter(name for name, *_ in places)
            warn_of_counts(selection.dataset_name, archives, _NUM_ARCHIVES)
            counts = Counter(
                f'{"test" if video.split == "test" else "training"} sequences'
                for video in videos
            )
            warn_of_counts(selection.dataset_name, counts, _COUNTS)
        return videos


def _split_folder(root: Path, name: str) -> Path | None:
    return find_child(root, name, name.replace('_', ' '))


def _split_of(folder_name: str, k: str) -> str:
    if folder_name.endswith('test'):
        return 'test'
    return 'val' if is_held_out(f'{folder_name}/{k}', one_in=10) else 'train'


def _find_videos_of(folder: Path) -> Iterator[tuple[str, Path]]:
    """Give (k, archive or unpacked folder) of every video."""
    found = {name: folder / name for name in folder_names(folder)}
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        suffix = next((s for s in _ARCHIVE_SUFFIXES if entry.name.endswith(s)), None)
        if entry.is_file() and suffix and not entry.name.startswith('.'):
            k = entry.name.removesuffix(suffix)
            # Unpacked beside its archive: one of the two is enough.
            found.setdefault(k, Path(entry.path))
    yield from sorted(found.items())


def _list_sequences(
    places: list[tuple[str, str, Path, str]], selection: Selection
) -> Iterator[SourceVideo]:
    last = time.monotonic()
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        # A compressed archive must be unpacked to list it; zlib leaves the others run.
        members = pool.map(_list_members, (path for _, _, path, _ in places))
        for done, (place, sequences) in enumerate(zip(places, members, strict=True)):
            name, k, path, split = place
            for member in sequences:
                yield _describe(name, k, path, split, member, selection)
            now = time.monotonic()
            if now - last > _SECONDS_BETWEEN_LOGS:
                last = now
                logger.info('listed %d of %d archives', done + 1, len(places))


def _list_members(path: Path) -> list[str]:
    """Give the folders of pictures in an archive or in an unpacked one."""
    if path.is_dir():
        files = [
            (place / name).relative_to(path).as_posix()
            for place, _, names in walk_folders(path)
            for name in names
        ]
    else:
        files = [name for name, _ in read_members(path, lambda name: False)]
    pictures = [PurePosixPath(file) for file in files if is_frame_name(file)]
    folders = sorted({picture.parent.as_posix() for picture in pictures})
    if not folders:
        raise DataError(f'{str(path)!r} holds no pictures; copy it again')
    return folders


def _describe(
    folder_name: str, k: str, path: Path, split: str, member: str, selection: Selection
) -> SourceVideo:
    *outer, sequence = PurePosixPath(member).parts
    inner = [part for part in outer if part in LABEL_NAMES]
    if len(inner) != 1:
        raise DataError(
            f'{str(path)!r}: the folder {member!r} is not of the form '
            '<k>/<real or fake>/<sequence>, so its label cannot be told'
        )
    label = LABEL_NAMES.index(inner[0])
    return SourceVideo(
        selection.key(
            label,
            REAL_METHOD if label == REAL else METHOD,
            f'{folder_name}/{k}/{sequence}',
        ),
        path / member if path.is_dir() else path,
        split,
        sources=(f'{folder_name}/{k}',),
        is_cropped=True,
        member=None if path.is_dir() else PurePosixPath(member).as_posix(),
    )
