"""The folders and the test list of Celeb-DF, versions 1 and 2.

    <root>/Celeb-real/id<A>_<clip>.mp4              real
    <root>/YouTube-real/<number>.mp4                real
    <root>/Celeb-synthesis/id<A>_id<B>_<clip>.mp4   fake: B's face in A's clip
    <root>/List_of_testing_videos.txt               lines '<1 or 0> <folder>/<name>.mp4'

A folder `videos/` between folder and files, as in other code bases, is accepted, and
the case of folder names is ignored. A fake was made from the frames of
id<A>_<clip>.mp4, so it can reuse the boxes of that video.

Labels are those of the folders. The list writes 1 for real and 0 for fake, unlike most;
a line that contradicts its folder is reported.

Splits: test is the official list; its persons also appear outside of it. The other
videos are for training, except for this validation split (there is no official one):

- videos that show only `VALIDATION_PEOPLE`. In the official test list these five are
  swapped among each other only, so few fakes mix them with others; those that do fit
  neither split and are skipped, with a warning that counts them.
- about one in eight of YouTube-real, whose persons are unknown: those whose file name
  without .mp4 `identity_split.is_held_out`.

So no known person is in both training and validation.

Li et al., "Celeb-DF: A Large-Scale Challenging Dataset for DeepFake Forensics", CVPR
2020, https://github.com/yuezunli/celeb-deepfakeforensics
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from mmdeepfake.errors import DataError
from mmdeepfake.files.bounded_reading import is_inner_path, shorten, shorten_list
from mmdeepfake.structures import FAKE, LABEL_NAMES, REAL, REAL_METHOD

from .identity_split import hold_out_people, is_held_out
from .json_files import read_text_list
from .layout import (
    Layout,
    Selection,
    find_child,
    folder_names,
    logger,
    match_name,
    video_files,
    warn_of_counts,
)
from .source_video import SourceVideo

METHOD = 'Celeb-synthesis'
LIST_NAME = 'List_of_testing_videos.txt'
VALIDATION_PEOPLE = ('id7', 'id10', 'id11', 'id12', 'id13')

_FORMS = {
    'Celeb-real': re.compile(r'(id\d+)_\d+'),
    'YouTube-real': re.compile(r'.+'),
    METHOD: re.compile(r'(id\d+)_(id\d+)_(\d+)'),
}
_LIST_LABELS = {'1': REAL, '0': FAKE}
_OTHER_VERSION = (
    'if this is Celeb-DF++, prepare it as celeb_df_pp; list other collections in a CSV '
    'file (tools/prepare.py csv)'
)

HOW_TO_GET = f"""\
To get Celeb-DF: fill in the form linked from
https://github.com/yuezunli/celeb-deepfakeforensics, unpack the download, and set ROOT
to the folder that holds Celeb-real/, YouTube-real/, Celeb-synthesis/ and
{LIST_NAME}."""


class CelebDFLayout(Layout):
    """Celeb-DF v1 or v2; see this module."""

    dataset_name = 'Celeb-DF'
    how_to_get = HOW_TO_GET
    methods: ClassVar[tuple[str, ...]] = (METHOD,)
    test_shows_known_persons = True
    # Of version 2, recognized by its list; other numbers are uncertain.
    num_listed: ClassVar[int] = 518
    official_counts: ClassVar[dict[str, int]] = {
        'test real': 178,
        'test fake': 340,
        'other real': 712,
        'other fake': 5299,
    }

    def find_missing(self, root: Path) -> str:
        """Return which folders, or whether the list, are missing."""
        missing = [name for name in _FORMS if find_child(root, name) is None]
        if missing:
            return f'no folder {" or ".join(missing)}'
        if not (root / LIST_NAME).is_file():
            return f'no {LIST_NAME}, without which models would train on test videos,'
        return ''

    def find_videos(self, root: Path, selection: Selection) -> list[SourceVideo]:
        """List all videos on disk and in the test list with their splits."""
        tested = self.read_tested(root)
        folders = self.find_folders(root, tested, selection)
        places = {
            (name, path.stem): path
            for name, folder in folders.items()
            for path in (video_files(folder) if folder.is_dir() else ())
        }
        for name, stem in tested:
            if name in folders:
                places.setdefault((name, stem), folders[name] / f'{stem}.mp4')
        videos = []
        for place, path in sorted(places.items()):
            video = self.describe(place[0], path, selection)
            videos.append(replace(video, split='test') if place in tested else video)
        if len(tested) == self.num_listed and selection.methods is None:
            _check_counts(videos, selection.dataset_name, self.official_counts)
        return hold_out_people(
            videos, VALIDATION_PEOPLE, dataset=selection.dataset_name
        )

    def read_tested(self, root: Path) -> set[tuple[str, str]]:
        """Return (folder below the root, name) of each video of the test list."""
        return read_test_list(root / LIST_NAME)

    def find_folders(
        self, root: Path, tested: Collection[tuple[str, str]], selection: Selection
    ) -> dict[str, Path]:
        """Return the folders with videos by their place below the root."""
        folders = {name: videos_folder(root, name) for name in _FORMS}
        for folder in folders.values():
            inner = folder_names(folder)
            if inner:
                raise DataError(
                    f'{str(folder)!r} holds folders ({shorten_list(inner)}), unlike '
                    f'versions 1 and 2 of Celeb-DF: {_OTHER_VERSION}'
                )
        return folders

    def describe(self, place: str, path: Path, selection: Selection) -> SourceVideo:
        """Return a video, for training or validation."""
        return describe_video(place, path, selection)


def videos_folder(root: Path, name: str) -> Path:
    """Return a folder of the root in any case, or the folder videos/ in it."""
    folder = find_child(root, name)
    assert folder is not None  # checked by check_root
    inner = folder / 'videos'
    return inner if inner.is_dir() else folder


def describe_video(folder: str, path: Path, selection: Selection) -> SourceVideo:
    """Return a video of one of the three folders."""
    form = 'id<A>_id<B>_<clip>' if folder == METHOD else 'id<A>_<clip>'
    match = match_name(_FORMS[folder], path, form=form, dataset=folder)
    if folder == METHOD:
        target, face, clip = match.groups()
        original = f'{target}_{clip}'
        return SourceVideo(
            selection.key(FAKE, METHOD, path.stem),
            path,
            'train',
            identities=(target, face),
            sources=(original,),
            partner=selection.key(REAL, REAL_METHOD, original),
        )
    is_anonymous = folder == 'YouTube-real'
    return SourceVideo(
        selection.key(REAL, REAL_METHOD, path.stem),
        path,
        'val' if is_anonymous and is_held_out(path.stem, one_in=8) else 'train',
        identities=() if is_anonymous else match.groups(),
        sources=(path.stem,),
    )


def read_test_list(
    path: str | os.PathLike[str], *, num_fake_parts: int = 2
) -> set[tuple[str, str]]:
    """Read the test list: (folder below the root, name without suffix) of each line.

    `num_fake_parts` of the path of a fake are folders or its name; those of reals, two.

    Raises:
        DataError: lines are not of the form '1 YouTube-real/00170.mp4'; the message
            counts them and shows the first.
    """
    known = {name.lower(): name for name in _FORMS}
    listed: set[tuple[str, str]] = set()
    invalid: list[str] = []
    contradictory: list[str] = []
    lines = read_text_list(Path(path)).splitlines()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        label, _, place = line.strip().partition(' ')
        place = place.strip().replace('\\', '/')
        parts = place.replace('/videos/', '/').split('/')
        folder = known.get(parts[0].lower())
        num_parts = num_fake_parts if folder == METHOD else 2
        if folder and len(parts) > num_parts:
            raise DataError(
                f'{str(path)!r}, line {number}: {shorten(line.strip())} names a '
                f'sub-folder: {_OTHER_VERSION}'
            )
        is_place = is_inner_path(place) and len(parts) == num_parts
        if label not in _LIST_LABELS or folder is None or not is_place:
            invalid.append(f'line {number}: {line.strip()!r}')
            continue
        if _LIST_LABELS[label] != (FAKE if folder == METHOD else REAL):
            contradictory.append(f'line {number}: {line.strip()!r}')
        listed.add(('/'.join((folder, *parts[1:-1])), Path(parts[-1]).stem))
    if invalid or not listed:
        raise DataError(
            f'{str(path)!r}: {len(invalid)} lines are not of the form '
            f"'1 YouTube-real/00170.mp4' ({shorten_list(invalid)}); the list must name "
            'the test videos, one per line. Copy it again'
        )
    if contradictory:
        logger.warning(
            '%s: %d lines contradict their folder, where 1 is real and 0 is fake (%s); '
            'using the label of the folder',
            path,
            len(contradictory),
            shorten_list(contradictory),
        )
    return listed


def _check_counts(
    videos: list[SourceVideo], name: str, official: Mapping[str, int]
) -> None:
    counts = Counter(
        f'{"test" if video.split == "test" else "other"} {LABEL_NAMES[video.key.label]}'
        for video in videos
    )
    warn_of_counts(name, counts, official)
