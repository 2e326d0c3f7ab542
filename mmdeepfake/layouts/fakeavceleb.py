"""The folders and the list of FakeAVCeleb v1.2.

    <root>/RealVideo-RealAudio/<race>/<gender>/<id>/<clip>.mp4           real
    <root>/FakeVideo-RealAudio/<race>/<gender>/<id>/<clip>_....mp4       fake
    <root>/FakeVideo-FakeAudio/<race>/<gender>/<id>/<clip>_....mp4       fake
    <root>/RealVideo-FakeAudio/...: real pictures with a cloned voice; skipped
    <root>/meta_data.csv: type, race, gender, source (the person <id>), path (the file
        name), method, target1 and target2 of each video

RealVideo-FakeAudio is neither class for a detector that only sees: its pictures are
those of RealVideo-RealAudio. Methods are those of the list: faceswap, fsgan, wav2lip,
faceswap-wav2lip and fsgan-wav2lip. Lines that repeat a video are skipped.

There is no official split, and fakes link the persons with one another: all videos are
for testing. Whether a fake has every frame of its real clip is not documented, so faces
are detected in each.

Khalid et al., "FakeAVCeleb: A Novel Audio-Video Multimodal Deepfake Dataset", NeurIPS
Datasets and Benchmarks 2021, https://github.com/DASH-Lab/FakeAVCeleb
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Mapping
from pathlib import Path
from typing import ClassVar

from mmdeepfake.errors import DataError
from mmdeepfake.files.bounded_reading import is_inner_path, shorten, shorten_list
from mmdeepfake.files.csv_text import Row, read_csv
from mmdeepfake.files.media_files import is_video_name
from mmdeepfake.structures import FAKE, REAL, REAL_METHOD

from .layout import Layout, Selection, logger, warn_of_counts, warn_of_unlisted
from .source_video import SourceVideo

LIST_NAME = 'meta_data.csv'
_REAL = 'RealVideo-RealAudio'
_LABELS = {_REAL: REAL, 'FakeVideo-RealAudio': FAKE, 'FakeVideo-FakeAudio': FAKE}
_AUDIO_ONLY = 'RealVideo-FakeAudio'
_PLACE = ('type', 'race', 'gender', 'source', 'path')
_COLUMNS = (*_PLACE, 'method', 'target1', 'target2')
_PERSON = re.compile(r'id\d+')
_OFFICIAL = {
    'RealVideo-RealAudio': 500,
    'FakeVideo-RealAudio': 9709,
    'FakeVideo-FakeAudio': 10835,
}

HOW_TO_GET = f"""\
To get FakeAVCeleb: fill in the form linked from
https://github.com/DASH-Lab/FakeAVCeleb, unpack the download, and set ROOT to the folder
that holds {', '.join(_LABELS)} and {LIST_NAME}."""


class FakeAVCelebLayout(Layout):
    """FakeAVCeleb; see this module."""

    dataset_name = 'FakeAVCeleb'
    how_to_get = HOW_TO_GET
    methods: ClassVar[tuple[str, ...]] = (
        *('faceswap', 'fsgan', 'wav2lip'),
        *('faceswap-wav2lip', 'fsgan-wav2lip'),
    )

    def find_missing(self, root: Path) -> str:
        """Return which folders, or whether the list, are missing."""
        missing = [name for name in _LABELS if not (root / name).is_dir()]
        if missing:
            return f'no folder {" or ".join(missing)}'
        return '' if (root / LIST_NAME).is_file() else f'no {LIST_NAME}'

    def find_videos(self, root: Path, selection: Selection) -> list[SourceVideo]:
        """List the videos of the list, except those whose sound alone is fake."""
        path = root / LIST_NAME
        names, rows = read_csv(path)
        if not set(_COLUMNS) <= set(names):
            raise DataError(
                f'{str(path)!r}, line 1: the columns are {shorten(names)}, needed are '
                f'{", ".join(_COLUMNS)}; copy the list again'
            )
        videos: dict[Path, SourceVideo] = {}
        skipped: set[Path] = set()
        for number, row in rows:
            place = _place_of(row, where=f'{str(path)!r}, line {number}')
            if place.parts[0] == _AUDIO_ONLY:
                skipped.add(place)
            elif place not in videos:
                videos[place] = _describe(root, place, row, selection)
        if skipped:
            logger.warning(
                '%s: skipped %d videos of %s, whose pictures are real',
                selection.dataset_name,
                len(skipped),
                _AUDIO_ONLY,
            )
        _warn_of_unlisted(root, videos)
        counts = Counter(place.parts[0] for place in videos)
        warn_of_counts(selection.dataset_name, counts, _OFFICIAL)
        unknown = {v.key.method for v in videos.values()} - {REAL_METHOD, *self.methods}
        if unknown:
            raise DataError(
                f'{str(path)!r}: method {shorten_list(sorted(unknown))} of a fake; '
                f'known are {", ".join(self.methods)}'
            )
        wanted = {REAL_METHOD, *(selection.methods or self.methods)}
        return [video for video in videos.values() if video.key.method in wanted]


def _place_of(row: Row, *, where: str) -> Path:
    parts = [str(row.get(column) or '').strip() for column in _PLACE]
    kinds = (*_LABELS, _AUDIO_ONLY)
    if parts[0] not in kinds or not all(map(is_inner_path, parts)):
        raise DataError(
            f'{where}: {"/".join(parts)[:200]!r} is not the place of a video, '
            f'<type>/<race>/<gender>/<source>/<path>; types are {", ".join(kinds)}'
        )
    return Path(*parts)


def _describe(
    root: Path, place: Path, row: Mapping[str | None, str], selection: Selection
) -> SourceVideo:
    kind, *_, person, _ = place.parts
    label = _LABELS[kind]
    name = place.with_suffix('').as_posix()  # with its folders: names repeat
    others = _PERSON.findall(' '.join((row['target1'], row['target2'], place.name)))
    original = Path(_REAL, *place.parts[1:-1], place.stem.split('_')[0])
    return SourceVideo(
        selection.key(label, row['method'].strip() if label else REAL_METHOD, name),
        root / place,
        'test',
        identities=tuple(dict.fromkeys((person, *others))),
        sources=(original.as_posix(),),
    )


def _warn_of_unlisted(root: Path, listed: Container[Path]) -> None:
    places = (p.relative_to(root) for name in _LABELS for p in (root / name).rglob('*'))
    unlisted = [p for p in places if is_video_name(p.name) and p not in listed]
    warn_of_unlisted(unlisted, missing_in=LIST_NAME)
