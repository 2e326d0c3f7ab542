"""The score of each video, and the CSV file that keeps them.

One line a video: key, score, scores of its snippets, identities and logit (missing in
older files). Scores are written with `repr`, so that every figure can be recomputed
from the file to the last bit.
"""

from __future__ import annotations

import csv
import hashlib
import itertools
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.files.atomic_write import replace_text
from mmdeepfake.files.bounded_reading import parse_json, read_lines, shorten
from mmdeepfake.files.csv_text import format_csv
from mmdeepfake.structures import FAKE, REAL, VideoKey

from .calibration import to_log_odds

COLUMNS = (
    *VideoKey._fields,
    'fake_score',
    'num_snippets',
    'snippet_scores',
    'identities',
    'fake_logit',
)
_OLDER_COLUMNS = COLUMNS[:-1]
_SNIPPET_SEPARATOR = ';'


@dataclass(frozen=True)
class VideoPrediction:
    """The scores of one video.

    Attributes:
        key: unique in a set.
        fake_score: P(fake) of the video, the model's own.
        snippet_scores: P(fake) of each snippet, in the order of time; may be empty.
        track: face that was scored, see `VideoRecord`; 0 after `merge_tracks`.
        identities: persons seen or used in the video, where known.
        fake_logit: the model's log-odds of `fake_score`, where known: they order videos
            whose scores are rounded to the same number, such as 1.
    """

    key: VideoKey
    fake_score: float
    snippet_scores: tuple[float, ...] = ()
    track: int = 0
    identities: tuple[str, ...] = ()
    fake_logit: float | None = None

    def __post_init__(self) -> None:
        if self.key.label not in (REAL, FAKE):
            raise DataError(
                f'label {self.key.label!r} of video {self.key.name!r}: allowed are '
                f'{REAL} (real) and {FAKE} (fake)'
            )
        for name, score in (
            ('fake_score', self.fake_score),
            *((f'snippet_scores[{i}]', s) for i, s in enumerate(self.snippet_scores)),
        ):
            if not 0 <= score <= 1:  # nan fails here too
                raise DataError(
                    f'{name} {score} of video {self.key}: need a probability'
                    + ('; the model has diverged' if math.isnan(score) else '')
                )
        if self.fake_logit is not None and math.isnan(self.fake_logit):
            raise DataError(f'fake_logit nan of video {self.key}: need a number')

    @property
    def log_odds(self) -> float:
        """The known logit, or that of the score."""
        if self.fake_logit is not None:
            return self.fake_logit
        return float(to_log_odds(self.fake_score))


def rank_predictions(predictions: Sequence[VideoPrediction]) -> NDArray[np.intp]:
    """Rank the predictions by log-odds, then score; equal ones share a rank."""
    # Neighbouring scores near 0 may have the same logit, hence the score.
    keys = np.array([(one.log_odds, one.fake_score) for one in predictions])
    ranks = np.unique(keys.reshape(-1, 2), axis=0, return_inverse=True)[1]
    return ranks.reshape(-1)


def order_by_key(predictions: Iterable[VideoPrediction]) -> list[VideoPrediction]:
    """Sort the predictions by key; raise DataError on a duplicate.

    The order makes figures independent of the number of processes.
    """
    ordered = sorted(predictions, key=lambda prediction: prediction.key)
    for one, other in itertools.pairwise(ordered):
        if one.key == other.key:
            raise DataError(
                f'video {one.key} was scored more than once ({one.fake_score} and '
                f'{other.fake_score}): keys must be unique, and videos scored once'
            )
    return ordered


def write_predictions(path: str | Path, predictions: Sequence[VideoPrediction]) -> str:
    """Write the CSV file atomically and return its SHA-256 in hex."""
    rows = [
        (
            *prediction.key,
            repr(prediction.fake_score),
            len(prediction.snippet_scores),
            _SNIPPET_SEPARATOR.join(map(repr, prediction.snippet_scores)),
            # JSON, since a name may hold any separator.
            json.dumps(prediction.identities) if prediction.identities else '',
            '' if prediction.fake_logit is None else repr(prediction.fake_logit),
        )
        for prediction in predictions
    ]
    text = format_csv([COLUMNS, *rows])
    replace_text(path, text)
    return hashlib.sha256(text.encode()).hexdigest()


def read_predictions(path: str | Path) -> list[VideoPrediction]:
    """Read what `write_predictions` wrote, ordered by key."""
    path = Path(path)
    if not path.is_file():
        raise DataNotFoundError(
            f'no prediction file {path}: python tools/test.py CONFIG CHECKPOINT '
            'writes predictions.csv into its work dir'
        )
    try:
        predictions = list(_parse_lines(read_lines(path, keep_ends=True)))
        if not predictions:
            raise DataError('no videos in it')
        return order_by_key(predictions)
    except (csv.Error, ValueError) as error:
        raise DataError(f'{path}, {error}') from error


def _parse_lines(lines: Iterable[str]) -> Iterator[VideoPrediction]:
    reader = csv.reader(lines)
    header = next(reader, [])
    if tuple(header) not in (COLUMNS, _OLDER_COLUMNS):
        raise DataError(
            f'line 1: header {shorten(",".join(header))}, '
            f'expected {",".join(COLUMNS)!r}'
        )
    while True:
        try:
            fields = next(reader, None)
            if fields is None:
                return
            yield _parse_line(fields, len(header))
        except (csv.Error, ValueError) as error:
            raise DataError(f'line {reader.line_num}: {error}') from error


def _parse_line(fields: list[str], num_columns: int) -> VideoPrediction:
    if len(fields) != num_columns:
        raise DataError(f'{len(fields)} fields, expected {num_columns}')
    dataset, label, method, compression, name, score, num_snippets, scores, who = (
        fields[: len(_OLDER_COLUMNS)]
    )
    log_odds = ''.join(fields[len(_OLDER_COLUMNS) :])
    if label not in (str(REAL), str(FAKE)):
        raise DataError(f'label {shorten(label)}: allowed are {REAL} and {FAKE}')
    snippet_scores = tuple(
        _parse_float('snippet_scores', text)
        for text in scores.split(_SNIPPET_SEPARATOR)
        if scores
    )
    if num_snippets != str(len(snippet_scores)):
        raise DataError(
            f'num_snippets is {shorten(num_snippets)}, but there are '
            f'{len(snippet_scores)} snippet_scores'
        )
    return VideoPrediction(
        VideoKey(dataset, int(label), method, compression, name),
        _parse_float('fake_score', score),
        snippet_scores,
        identities=_parse_identities(who),
        fake_logit=_parse_float('fake_logit', log_odds) if log_odds else None,
    )


def _parse_identities(text: str) -> tuple[str, ...]:
    if not text:
        return ()
    try:
        names = parse_json(text)
    except ValueError:
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise DataError(f'identities {shorten(text)}: need a JSON list of strings')
    return tuple(names)


def _parse_float(column: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise DataError(f'{column} {shorten(text)} is not a number') from None
