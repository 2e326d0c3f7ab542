"""The folders and the list of the preview of the DeepFake Detection Challenge.

    <root>/original_videos/<actor>/<actor>_<...>.mp4
    <root>/method_A/<actor>/<actor>_<letter>/<...>.mp4      and method_B
    <root>/dataset.json: {<path relative to root>: {"label": "real" or "fake",
                                                    "set": "train" or "test", ...}}

Videos are named by path, since file names repeat. The persons of a video are its
actor's folder, the numbers at the start of its name, and the list's fields target_id
and swapped_id, if present.

Splits: test is the list's. It has no validation part, so people of its train part are
held out by `identity_split.choose_people`: nobody is seen in both training and
validation.

Dolhansky et al., "The Deepfake Detection Challenge (DFDC) Preview Dataset", 2019,
https://ai.meta.com/datasets/dfdc/
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

from mmdeepfake.errors import DataError
from mmdeepfake.files.bounded_reading import is_inner_path, shorten
from mmdeepfake.files.media_files import is_video_name, walk_folders
from mmdeepfake.structures import FAKE, LABEL_NAMES, REAL, REAL_METHOD

from .identity_split import choose_people, hold_out_people
from .json_files import read_json_of_videos
from .layout import Layout, Selection, warn_of_unlisted
from .source_video import SourceVideo

LIST_NAME = 'dataset.json'
REAL_FOLDER = 'original_videos'
METHODS = ('method_A', 'method_B')
_FOLDERS = (REAL_FOLDER, *METHODS)
_LEADING_NUMBERS = re.compile(r'(?:\d+_)+')

HOW_TO_GET = f"""\
To get the DFDC preview: request it at https://ai.meta.com/datasets/dfdc/, unpack the
download, and set ROOT to the folder (dfdc_preview_set) that holds {REAL_FOLDER}/,
method_A/, method_B/ and {LIST_NAME}."""


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
        videos = [
            _describe(root, place, fields, selection)
            for place, fields in read_json_of_videos(where).items()
        ]
        files = _video_files(root) - {video.path for video in videos}
        warn_of_unlisted(files, missing_in=where)
        # Before methods are selected, so that the split does not depend on them.
        people = choose_people([v.identities for v in videos if v.split == 'train'])
        if selection.methods is not None:
            wanted = {REAL_METHOD, *selection.methods}
            videos = [video for video in videos if video.key.method in wanted]
        return hold_out_people(videos, people, dataset=selection.dataset_name)


def _describe(
    root: Path, place: str, fields: dict[str, Any], selection: Selection
) -> SourceVideo:
    where = f'{root / LIST_NAME}, entry {shorten(place)}'
    path = PurePosixPath(place.replace('\\', '/'))
    if path.parts and path.parts[0] == root.name and len(path.parts) > 3:
        path = path.relative_to(root.name)
    if len(path.parts) < 3 or path.parts[0] not in _FOLDERS or not is_inner_path(place):
        raise DataError(
            f'{where}: allowed are paths of the form <folder>/<actor>/..., where the '
            f'folder is one of {", ".join(_FOLDERS)}'
        )
    label, split = fields.get('label'), fields.get('set')
    if label not in LABEL_NAMES or split not in ('train', 'test'):
        raise DataError(
            f'{where}: label={shorten(label)}, set={shorten(split)}; allowed are '
            "'real' and 'fake', 'train' and 'test'"
        )
    is_real = path.parts[0] == REAL_FOLDER
    if (label == LABEL_NAMES[REAL]) != is_real:
        raise DataError(
            f'{where}: its label is {label!r}, which contradicts its folder; copy the '
            'list again'
        )
    method = REAL_METHOD if is_real else path.parts[0]
    name = path.relative_to(path.parts[0]).with_suffix('').as_posix()
    return SourceVideo(
        selection.key(REAL if is_real else FAKE, method, name),
        root / path,
        split,
        identities=_people(path, fields),
        sources=(name,) if is_real else (),
    )


def _people(path: PurePosixPath, fields: dict[str, Any]) -> tuple[str, ...]:
    match = _LEADING_NUMBERS.match(path.stem)
    named = match[0].rstrip('_').split('_') if match else []
    ids = [fields.get(name) for name in ('target_id', 'swapped_id')]
    people = {path.parts[1], *named, *(str(one) for one in ids if one is not None)}
    return tuple(sorted(people))


def _video_files(root: Path) -> set[Path]:
    return {
        place / name
        for folder in _FOLDERS
        if (root / folder).is_dir()
        for place, _, names in walk_folders(root / folder)
        for name in filter(is_video_name, names)
    }
