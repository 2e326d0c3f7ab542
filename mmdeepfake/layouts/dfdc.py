"""The folders, metadata and labels of the full DeepFake Detection Challenge dataset.

    <root>/dfdc_train_part_<n>/<name>.mp4, with metadata.json beside them, n = 0..49
    <root>/test/<name>.mp4, with labels.csv beside them

or the parts in <root>/train/. metadata.json has for each file "label": "REAL" or
"FAKE" and, for a fake, "original": the file name of the video it was made from. Its
"split" is always "train" and not used. labels.csv has the columns filename and label,
1 for fake.

Splits: test is the public test set; of the training parts, 35 to 39 are for validation
and all others for training. There is no official validation part; these five are a
common choice.

Dolhansky et al., "The DeepFake Detection Challenge (DFDC) Dataset", 2020,
https://ai.meta.com/datasets/dfdc/
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, ClassVar

from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.files.bounded_reading import read_lines, shorten
from mmdeepfake.structures import FAKE, LABEL_NAMES, REAL, REAL_METHOD, VideoKey

from .json_files import check_listed_path, read_json_of_videos
from .layout import (
    Layout,
    Selection,
    folder_names,
    video_files,
    warn_of_counts,
    warn_of_unlisted,
)
from .source_video import SourceVideo

METHOD = 'DFDC'
NUM_PARTS = 50
VALIDATION_PARTS = range(35, 40)
_PART = re.compile(r'dfdc_train_part_(\d+)')
_LABELS = {'REAL': REAL, 'FAKE': FAKE, '0': REAL, '1': FAKE}
# Sources differ on the number of training fakes.
_TRAIN_COUNTS = {'training real': 19_154}
_TEST_COUNTS = {'test real': 2500, 'test fake': 2500}

HOW_TO_GET = """\
To get DFDC: request it at https://ai.meta.com/datasets/dfdc/ (or accept the rules of
the Kaggle competition "deepfake-detection-challenge"), unpack the parts, and set ROOT
to the folder that holds dfdc_train_part_0/ to dfdc_train_part_49/, each with its
metadata.json, and test/ with labels.csv."""


class DFDCLayout(Layout):
    """DFDC, full; see this module."""

    dataset_name = 'DFDC'
    how_to_get = HOW_TO_GET
    methods: ClassVar[tuple[str, ...]] = (METHOD,)

    def find_missing(self, root: Path) -> str:
        """Return what is missing if there are neither parts nor the test set."""
        if _part_folders(root) or (root / 'test/labels.csv').is_file():
            return ''
        return 'no dfdc_train_part_<n> and no test/labels.csv'

    def find_videos(self, root: Path, selection: Selection) -> list[SourceVideo]:
        """List the videos of all existing parts and of the test set."""
        wanted = selection.splits
        parts = _part_folders(root)
        videos = []
        if wanted is None or set(wanted) - {'test'}:
            videos = list(_list_parts(parts, selection))
        if (wanted is None and (root / 'test').is_dir()) or 'test' in (wanted or ()):
            videos += _list_test(root / 'test', selection)
        counts = Counter(
            f'{"test" if video.split == "test" else "training"} '
            f'{LABEL_NAMES[video.key.label]}'
            for video in videos
        )
        is_complete = len(parts) == NUM_PARTS and counts['training real']
        official = dict(_TRAIN_COUNTS) if is_complete else {}
        if counts['test real'] or counts['test fake']:
            official |= _TEST_COUNTS
        warn_of_counts(selection.dataset_name, counts, official)
        return videos


def _part_folders(root: Path) -> dict[int, Path]:
    found: dict[int, Path] = {}
    for base in (root, root / 'train'):
        for name in folder_names(base):
            match = _PART.fullmatch(name)
            if match:
                found.setdefault(int(match[1]), base / name)
    return dict(sorted(found.items()))


def _list_parts(parts: dict[int, Path], selection: Selection) -> Iterator[SourceVideo]:
    metadata = {}
    for number, folder in parts.items():
        path = folder / 'metadata.json'
        if not path.is_file():
            raise DataNotFoundError(
                f'no labels of part {number}: {str(path.absolute())!r} is missing.\n'
                f'{HOW_TO_GET}'
            )
        metadata[number] = read_json_of_videos(path)
        _warn_of_unlabelled(metadata[number], path)
    # The original of a fake is usually in the same part, but may be in another.
    name_of = {
        file: _name(number, file)
        for number, entries in metadata.items()
        for file, fields in entries.items()
        if fields.get('label') == 'REAL'
    }
    for number, entries in metadata.items():
        for file, fields in entries.items():
            where = f'{parts[number] / "metadata.json"}, entry {shorten(file)}'
            check_listed_path(file, where=where)
            label = _read_label(fields.get('label'), where)
            name = source = _name(number, file)
            partner = None
            if label == FAKE:
                original = _read_original(fields, where)
                source = name_of.get(original, Path(original).stem)
                if original in name_of:
                    partner = _key(REAL, source, selection)
            yield SourceVideo(
                _key(label, name, selection),
                parts[number] / file,
                'val' if number in VALIDATION_PARTS else 'train',
                sources=(source,),
                partner=partner,
            )


def _name(number: int, file: str) -> str:
    return f'dfdc_train_part_{number}/{Path(file).stem}'


def _key(label: int, name: str, selection: Selection) -> VideoKey:
    return selection.key(label, METHOD if label == FAKE else REAL_METHOD, name)


def _read_label(value: object, where: str) -> int:
    if not isinstance(value, str) or value not in _LABELS:
        raise DataError(
            f'{where}: label={shorten(value)}; allowed are '
            f'{", ".join(map(repr, _LABELS))}'
        )
    return _LABELS[value]


def _read_original(fields: dict[str, Any], where: str) -> str:
    original = fields.get('original')
    if not isinstance(original, str) or not original:
        raise DataError(
            f'{where}: original={original!r}; a fake needs the file name of the video '
            'it was made from'
        )
    return original


def _list_test(folder: Path, selection: Selection) -> list[SourceVideo]:
    path = folder / 'labels.csv'
    if not path.is_file():
        raise DataNotFoundError(
            f'no labels of the test set: {str(path.absolute())!r} is missing.\n'
            f'{HOW_TO_GET}'
        )
    labels = _read_labels(path)
    _warn_of_unlabelled(labels, path)
    return [
        SourceVideo(
            _key(label, f'test/{Path(file).stem}', selection),
            folder / file,
            'test',
            sources=(f'test/{Path(file).stem}',),
        )
        for file, label in labels.items()
    ]


def _read_labels(path: Path) -> dict[str, int]:
    try:
        rows = csv.DictReader(read_lines(path, keep_ends=True))
        if not {'filename', 'label'} <= set(rows.fieldnames or ()):
            raise DataError(
                f'{path}: the first line is {shorten(rows.fieldnames)}; expected are '
                "the columns 'filename' and 'label'"
            )
        labels = {}
        for row in rows:
            where = f'{path}, line {rows.line_num}'
            name = check_listed_path(row['filename'], where=where)
            labels[name] = _read_label(row['label'], where)
        return labels
    except DataError:
        raise
    except (csv.Error, ValueError) as error:
        raise DataError(f'{path} is not a CSV file in UTF-8: {error}') from error


def _warn_of_unlabelled(labelled: Collection[str], where: Path) -> None:
    files = video_files(where.parent)
    warn_of_unlisted([f for f in files if f.name not in labelled], missing_in=where)
