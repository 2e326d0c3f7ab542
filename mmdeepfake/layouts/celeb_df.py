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
_NUM_LISTED_V2 = 518
_OTHER_VERSION = (
    'Celeb-DF++ and other collections are not supported by this layout; list the '
    'videos in a CSV file (tools/prepare.py csv)'
)
_COUNTS_V2 = {
    'test real': 178,
    'test fake': 340,
    'other real': 712,
    'other fake': 5299,
}

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
        folders = {name: _videos_folder(root, name) for name in _FORMS}
        tested = read_test_list(root / LIST_NAME)
        places = {
            (name, path.stem): path
            for name in _FORMS
            for path in video_files(folders[name])
        }
        for name, stem in tested:
            places.setdefault((name, stem), folders[name] / f'{stem}.mp4')
        videos = []
        for place, path in sorted(places.items()):
            video = _describe(place[0], path, selection)
            videos.append(replace(video, split='test') if place in tested else video)
        _check_counts(videos, selection.dataset_name, num_listed=len(tested))
        return hold_out_people(
            videos, VALIDATION_PEOPLE, dataset=selection.dataset_name
        )


def _videos_folder(root: Path, name: str) -> Path:
    folder = find_child(root, name)
    assert folder is not None  # checked by check_root
    inner = folder / 'videos'
    folder = inner if inner.is_dir() else folder
    folders = folder_names(folder)
    if folders:
        raise DataError(
            f'{str(folder)!r} holds folders ({shorten_list(folders)}), unlike versions '
            f'1 and 2 of Celeb-DF: {_OTHER_VERSION}'
        )
    return folder


def _describe(folder: str, path: Path, selection: Selection) -> SourceVideo:
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


def read_test_list(path: str | os.PathLike[str]) -> set[tuple[str, str]]:
    """Read the test list: (folder, name without suffix) of each line.

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
        if folder and len(parts) > 2:
            raise DataError(
                f'{str(path)!r}, line {number}: {shorten(line.strip())} names a '
                f'sub-folder: {_OTHER_VERSION}'
            )
        is_place = is_inner_path(place) and len(parts) == 2
        if label not in _LIST_LABELS or folder is None or not is_place:
            invalid.append(f'line {number}: {line.strip()!r}')
            continue
        if _LIST_LABELS[label] != (FAKE if folder == METHOD else REAL):
            contradictory.append(f'line {number}: {line.strip()!r}')
        listed.add((folder, Path(parts[-1]).stem))
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


def _check_counts(videos: list[SourceVideo], name: str, *, num_listed: int) -> None:
    """Compare with version 2, recognized by its list; other counts are uncertain."""
    if num_listed != _NUM_LISTED_V2:
        return
    counts = Counter(
        f'{"test" if video.split == "test" else "other"} {LABEL_NAMES[video.key.label]}'
        for video in videos
    )
    warn_of_counts(f'{name} (v2)', counts, _COUNTS_V2)
