"""The folders and the list of the preview of the DeepFake Detection Challenge.

    <root>/original_videos/<actor>/<actor>_<...>.mp4
    <root>/method_A/<actor>/<actor>_<letter>/<...>.mp4      and method_B
    <root>/dataset.json: {<path relative to root>: {"label": "real" or "fake",
                                                    "set": "train" or "test", ...}}

Videos are matched by path, since file names alone repeat. The persons of a video are
its actor's folder, the numbers that its name begins with, and the list's fields
target_id and swapped_id, where it has them.

Splits: test is the list's. It has no validation part, so people of its train part are
held out, by the rule of `identity_split.choose_people`: nobody is seen in both training
and validation.

Dolhansky et al., "The Deepfake Detection Challenge (DFDC) Preview Dataset", 2019,
https://ai.meta.com/datasets/dfdc/
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import ClassVar

from mmdeepfake.errors import DataError
from mmdeepfake.files.bounded_reading import is_inner_path, shorten
from mmdeepfake.files.media_files import is_video_name, walk_folders
from mmdeepfake.structures import FAKE, LABEL_NAMES, REAL, REAL_METHOD

from .identity_split import choose_people, hold_out_people
from .json_files import read_json_of_videos
from .layout import Layout, Selection, choose, logger
from .source_video import SourceVideo

LIST_NAME = 'dataset.json'
REAL_FOLDER = 'original_videos'
METHODS = ('method_A', 'method_B')
_LEADING_NUMBERS = re.compile(r'(?:\d+_)+')

HOW_TO_GET = f"""\
To get the DFDC preview: ask at https://ai.meta.com/datasets/dfdc/, unpack the download,
and point ROOT at the folder (dfdc_preview_set) that holds {REAL_FOLDER}/, method_A/,
method_B/ and {LIST_NAME}."""


class DFDCPreviewLayout(Layout):
    """The preview of DFDC; see this module."""

    dataset_name = 'DFDC-preview'
    how_to_get = HOW_TO_GET
    methods: ClassVar[tuple[str, ...]] = METHODS

    def find_missing(self, root: Path) -> str:
        """Return whether the list is missing."""
        return '' if (root / LIST_NAME).is_file() else f'no {LIST_NAME}'

    def find_videos(self, root: Path, selection: Selection) -> list[SourceVideo]:
        """List the videos of dataset.json."""
        where = root / LIST_NAME
        methods = choose('methods', selection.methods, METHODS, where=str(where))
        entries = read_json_of_videos(where)
        videos = [
            _describe(root, place, fields, selection)
            for place, fields in entries.items()
        ]
        _warn_of_unlisted(root, {video.path for video in videos})
        train = [v.identities for v in videos if v.split == 'train']
        # Before methods are left out, so that their choice moves nobody.
        people = choose_people(train)
        videos = [v for v in videos if v.key.method in (REAL_METHOD, *methods)]
        return hold_out_people(videos, people, dataset=selection.dataset_name)


def _describe(
    root: Path, place: str, fields: dict, selection: Selection
) -> SourceVideo:
    where = f'{root / LIST_NAME}, entry {shorten(place)}'
    path = PurePosixPath(place.replace('\\', '/'))
    if path.parts and path.parts[0] == root.name and len(path.parts) > 3:
        path = path.relative_to(root.name)
    folders = (REAL_FOLDER, *METHODS)
    if len(path.parts) < 3 or path.parts[0] not in folders or not is_inner_path(place):
        raise DataError(
            f'{where}: allowed are paths of the form <folder>/<actor>/..., with one of '
            f'the folders {", ".join(folders)}'
        )
    label, split = fields.get('label'), fields.get('set')
    if label not in LABEL_NAMES or split not in ('train', 'test'):
        raise DataError(
            f'{where}: label={shorten(label)}, set={shorten(split)}; allowed are '
            "'real' and 'fake', 'train' and 'test'"
        )
    if (label == LABEL_NAMES[REAL]) != (path.parts[0] == REAL_FOLDER):
        raise DataError(
            f'{where}: its label is {label!r}, which contradicts its folder; copy the '
            'list again'
        )
    method = REAL_METHOD if label == LABEL_NAMES[REAL] else path.parts[0]
    name = path.relative_to(path.parts[0]).with_suffix('').as_posix()
    return SourceVideo(
        selection.key(REAL if method == REAL_METHOD else FAKE, method, name),
        root / path,
        split,
        identities=_people(path, fields),
        sources=(name,) if method == REAL_METHOD else (),
    )


def _people(path: PurePosixPath, fields: dict) -> tuple[str, ...]:
    match = _LEADING_NUMBERS.match(path.stem)
    named = match[0].rstrip('_').split('_') if match else []
    told = [fields.get(name) for name in ('target_id', 'swapped_id')]
    people = {path.parts[1], *named, *(str(one) for one in told if one is not None)}
    return tuple(sorted(people))


def _warn_of_unlisted(root: Path, listed: set[Path]) -> None:
    there = {
        place / name
        for folder in (REAL_FOLDER, *METHODS)
        if (root / folder).is_dir()
        for place, _, names in walk_folders(root / folder)
        for name in filter(is_video_name, names)
    }
    if there - listed:
        logger.warning(
            '%s does not list %d videos of its folders, such as %s; they are left out',
            root / LIST_NAME,
            len(there - listed),
            min(there - listed),
        )
