"""Scores that another program gave to the videos of a manifest, as our predictions.

The CSV file has a line for each video, with a column `path` or `name` and a column
`score`; further columns `dataset`, `method` and `compression` may tell namesakes apart,
and `label` is checked. Columns of other names are mapped to these by `parse_columns`.

A path fits a video if it ends with the path of its file below the root of the dataset,
or of its clip in the prepared folder, or these end with it. A name fits if it ends with
the video's name. Suffixes of videos do not count, and both kinds of slash do. A line
that fits several videos, or a video with several lines, is an error.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.files.bounded_reading import shorten, shorten_list
from mmdeepfake.files.csv_text import Row, read_csv, refuse_lines
from mmdeepfake.files.media_files import is_video_name
from mmdeepfake.structures import LABEL_NAMES, VideoKey, VideoRecord

from .calibration import to_log_odds, to_scores
from .predictions import VideoPrediction, order_by_key

_NARROWING = ('dataset', 'method', 'compression')
FIELDS = ('path', 'name', 'score', 'label', *_NARROWING)
PROBABILITY, SCORE = KINDS = ('probability', 'score')
FAKE_IS_HIGHER, REAL_IS_HIGHER = DIRECTIONS = ('fake', 'real')
_CLIP_SUFFIX = '.tar'  # of a prepared clip


@dataclass(frozen=True)
class ForeignScores:
    """The scores of a file, and what they lack.

    Attributes:
        predictions: of the videos that have a score, ordered by key.
        missing: a prediction of 0.5 for each video that has none, in the same order.
        unknown: path or name in the lines that fit no video.
    """

    predictions: tuple[VideoPrediction, ...]
    missing: tuple[VideoPrediction, ...]
    unknown: tuple[str, ...]

    @property
    def coverage(self) -> float:
        """Share of the videos that have a score."""
        num_scored = len(self.predictions)
        return num_scored / (num_scored + len(self.missing))


def read_foreign_scores(
    path: Path,
    records: Sequence[VideoRecord],
    *,
    columns: Mapping[str, str] | None = None,
    kind: str = PROBABILITY,
    higher: str = FAKE_IS_HIGHER,
) -> ForeignScores:
    """Read a file of scores and find the video of each line.

    Args:
        path: the CSV file.
        records: the videos of the test, several faces of one included.
        columns: field -> column of the file, where their names differ.
        kind: 'probability' in 0..1; or 'score', any number, taken as log-odds.
        higher: the class, 'fake' or 'real', that higher values speak for.

    Raises:
        DataNotFoundError: the file is missing, or none of its lines fits a video.
        DataError: a column is missing, or lines are invalid; the message counts them.
    """
    if not path.is_file():
        raise DataNotFoundError(f'no file of scores {str(path)!r}')
    names, rows = read_csv(path, columns)
    place = next((field for field in ('path', 'name') if field in names), None)
    if place is None or 'score' not in names:
        raise DataError(
            f'{str(path)!r}, line 1: the columns are {shorten(names)}; needed are '
            'score and path or name. Map others: --columns path=... score=...'
        )
    index = _Index(records, by_name=place == 'name')
    narrowing = [f for f in ('label', *_NARROWING) if f in (columns or {})]
    found: dict[VideoKey, tuple[int, VideoPrediction]] = {}
    unknown: list[str] = []
    errors: list[str] = []
    for number, row in rows:
        try:
            record = index.find(row, place, narrowing)
            if record is None:
                unknown.append(row[place])
                continue
            prediction = _predict(record, row['score'], kind, higher)
            first, _ = found.setdefault(record.key, (number, prediction))
            if first != number:
                raise ValueError(f'{record.key} has a score in line {first} already')
        except ValueError as error:
            errors.append(f'line {number}: {error}')
    refuse_lines(path, errors)
    if not found:
        raise DataNotFoundError(
            f'{str(path)!r}: none of {len(rows)} lines fits a video of the manifest; '
            f'{place} is {shorten_list(unknown[:2])} there, and the videos are such as '
            f'{shorten_list(index.examples())}'
        )
    predictions = [prediction for _, prediction in found.values()]
    missing = [
        VideoPrediction(key, 0.5, identities=record.identities)
        for key, record in index.records.items()
        if key not in found
    ]
    return ForeignScores(
        tuple(order_by_key(predictions)), tuple(order_by_key(missing)), tuple(unknown)
    )


def _parts(text: str) -> tuple[str, ...]:
    """Return the parts of a path, or of a name, without the suffix of a video."""
    parts = [
        p for p in text.strip().replace('\\', '/').split('/') if p not in ('', '.')
    ]
    if parts and (is_video_name(parts[-1]) or parts[-1].endswith(_CLIP_SUFFIX)):
        parts[-1] = parts[-1].rpartition('.')[0]
    return tuple(parts)


class _Index:
    """Videos by the last part of the places that a line may name."""

    def __init__(self, records: Sequence[VideoRecord], *, by_name: bool) -> None:
        self.records = {record.key: record for record in reversed(records)}
        self._by_name = by_name
        self._places: defaultdict[str, dict[tuple[tuple[str, ...], VideoKey], None]]
        self._places = defaultdict(dict)
        for record in records:
            names = (record.key.name,) if by_name else (record.source, record.path)
            for parts in map(_parts, filter(None, names)):
                self._places[parts[-1]][parts, record.key] = None

    def examples(self) -> list[str]:
        """Return places of two videos, as a line may name them."""
        places = [place for group in self._places.values() for place in group]
        return ['/'.join(parts) for parts, _ in places[:2]]

    def find(
        self, row: Row, place: str, narrowing: Sequence[str]
    ) -> VideoRecord | None:
        """Return the video of a line, None if there is none."""
        if None in row or None in row.values():
            raise ValueError('it has more or fewer fields than the first line')
        wanted = _parts(row[place])
        if not wanted:
            raise ValueError(f'{place}={shorten(row[place])}')
        lengths: dict[VideoKey, int] = {}
        for parts, key in self._places.get(wanted[-1], ()):
            common = min(len(parts), len(wanted))
            fits = parts[-common:] == wanted[-common:]
            if fits and not (self._by_name and common < len(parts)):
                lengths[key] = max(common, lengths.get(key, 0))
        keys = [key for key in lengths if _agrees(key, row, narrowing)]
        longest = max((lengths[key] for key in keys), default=0)
        keys = [key for key in keys if lengths[key] == longest]
        if len(keys) > 1:
            raise ValueError(
                f'{place} {shorten(row[place])} fits {len(keys)} videos, '
                f'{shorten_list(list(map(str, keys[:2])))}; map a column to path, or '
                'one to method or compression'
            )
        if not keys:
            return None
        label = row['label'].strip().lower() if 'label' in narrowing else ''
        if label and label not in (LABEL_NAMES[keys[0].label], str(keys[0].label)):
            raise ValueError(
                f'label {shorten(label)} of {keys[0]}: the manifest says '
                f'{LABEL_NAMES[keys[0].label]}; is 1 fake, and is 0 real?'
            )
        return self.records[keys[0]]


def _agrees(key: VideoKey, row: Row, narrowing: Sequence[str]) -> bool:
    return all(
        getattr(key, field) == row[field].strip()
        for field in narrowing
        if field != 'label'
    )


def _predict(record: VideoRecord, text: str, kind: str, higher: str) -> VideoPrediction:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f'score {shorten(text)} is not a number') from None
    if not math.isfinite(value) or (kind == PROBABILITY and not 0 <= value <= 1):
        raise ValueError(
            f'score {shorten(text)} of {record.key}: need a finite number'
            + (' in 0..1, or --kind score' if kind == PROBABILITY else '')
        )
    sign = 1 if higher == FAKE_IS_HIGHER else -1
    if kind == SCORE:
        # The logistic function makes large scores equal, so they are kept as well.
        score, log_odds = float(to_scores(sign * value)), sign * value
    elif sign == 1:
        score, log_odds = value, None
    else:
        score, log_odds = 1 - value, -float(to_log_odds(value))
    return VideoPrediction(
        record.key, score, identities=record.identities, fake_logit=log_odds
    )
