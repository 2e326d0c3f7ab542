"""The archives of WildDeepfake, which hold face crops, not videos.

    <root>/{real_train,real_test,fake_train,fake_test}/<k>.tar.gz
    inside it: <k>/<real or fake>/<sequence>/<number>.png

A space instead of the underscore ("real train") and unpacked archives
(<k>/<real or fake>/...) are accepted. One folder of images is one face sequence and one
sample; <k> is a video. The number is that of a frame in it, without zero padding; it
need not start at 0 and may have gaps. Images are ordered by number, and neighbours
count as consecutive frames.

Sequence numbers repeat in other archives, so a sample is named
<folder>/<k>/<sequence>. Its label is the folder inside the archive, since a video with
forged faces may show real ones too.

Splits: test is the test folders. There is no validation split, so whole training
archives, and thus source videos, are held out: about one in ten, those whose
<folder>/<k> `identity_split.is_held_out`. The persons are unknown.

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
from .layout import Layout, Selection, find_child, folder_names, logger, warn_of_counts
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
To get WildDeepfake: request it as described at
https://github.com/OpenTAI/wild-deepfake, and set ROOT to the folder
(deepfake_in_the_wild) that holds real_train/, fake_train/, real_test/ and fake_test/
with their .tar.gz files; they need not be unpacked."""


class WildDeepfakeLayout(Layout):
    """WildDeepfake; see this module."""

    dataset_name = 'WildDeepfake'
    how_to_get = HOW_TO_GET
    methods: ClassVar[tuple[str, ...]] = (METHOD,)

    def find_missing(self, root: Path) -> str:
        """Return what is missing if none of the four folders exists."""
        if any(_split_folder(root, name) for name in FOLDERS):
            return ''
        return f'none of the folders {", ".join(FOLDERS)}'

    def find_videos(self, root: Path, selection: Selection) -> list[SourceVideo]:
        """List the sequences of the wanted splits; each archive is read once."""
        places = []
        for name in FOLDERS:
            folder = _split_folder(root, name)
            if folder is None:
                logger.warning('%s: skipped the missing folder %s', root, name)
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
    """Yield (k, archive or unpacked folder) of every video."""
    found = {name: folder / name for name in folder_names(folder)}
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        suffix = next((s for s in _ARCHIVE_SUFFIXES if entry.name.endswith(s)), None)
        if entry.is_file() and suffix and not entry.name.startswith('.'):
            k = entry.name.removesuffix(suffix)
            # An unpacked folder beside its archive is preferred.
            found.setdefault(k, Path(entry.path))
    yield from sorted(found.items())


def _list_sequences(
    places: list[tuple[str, str, Path, str]], selection: Selection
) -> Iterator[SourceVideo]:
    last = time.monotonic()
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        # Listing a compressed archive means unpacking it; zlib releases the GIL.
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
    """Return the folders of images in an archive, unpacked or not."""
    if path.is_dir():
        files = [
            (place / name).relative_to(path).as_posix()
            for place, _, names in walk_folders(path)
            for name in names
        ]
    else:
        files = [name for name, _ in read_members(path, lambda name: False)]
    images = [PurePosixPath(file) for file in files if is_frame_name(file)]
    folders = sorted({image.parent.as_posix() for image in images})
    if not folders:
        raise DataError(f'{str(path)!r} holds no images; copy it again')
    return folders


def _describe(
    folder_name: str, k: str, path: Path, split: str, member: str, selection: Selection
) -> SourceVideo:
    *outer, sequence = PurePosixPath(member).parts
    inner = [part for part in outer if part in LABEL_NAMES]
    if len(inner) != 1:
        raise DataError(
            f'{str(path)!r}: the folder {member!r} is not of the form '
            '<k>/<real or fake>/<sequence>, so its label is unknown'
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
