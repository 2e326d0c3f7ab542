"""The score of each video, and the CSV file that keeps them.

One line a video: its key, its score, the scores of its snippets, its identities and its
logit (which files of before it was kept lack). Scores are written
with `repr`, which Python reads back to the same number, so every figure can be computed
again from the file alone.
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
from scipy.special import logit

from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.files.atomic_write import replace_text
from mmdeepfake.files.bounded_reading import parse_json, read_lines, shorten
from mmdeepfake.files.csv_text import format_csv
from mmdeepfake.structures import FAKE, REAL, VideoKey

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
    """What a model says of one video.

    Attributes:
        key: see `VideoKey`; no two predictions of a set share it.
        fake_score: P(fake) of the video, in [0, 1].
        snippet_scores: P(fake) of each snippet, in the order of time; may be empty.
            The video's score is the model's own and is not computed from them.
        track: which person of the video was scored, see `VideoRecord`; 0 once the
            persons' scores have become one, see `track_rules`.
        identities: who is seen or used in the video, where known.
        fake_logit: log-odds of `fake_score`, where the model's own are known: they tell
            videos apart whose scores a float rounds to the same number, such as 1.
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
                    f'{name} {score} of video {self.key}: a probability in [0, 1] '
                    'is needed'
                    + ('; the model has diverged' if math.isnan(score) else '')
                )
        if self.fake_logit is not None and math.isnan(self.fake_logit):
            raise DataError(f'fake_logit nan of video {self.key}: a number is needed')

    @property
    def log_odds(self) -> float:
        """The logit that is known, or that of the score."""
        return (
            float(logit(self.fake_score))
            if self.fake_logit is None
            else self.fake_logit
        )


def rank_predictions(predictions: Sequence[VideoPrediction]) -> NDArray[np.intp]:
    """Return the rank of each by its log-odds, then its score; equal ones share it."""
    # Neighbouring scores near 0 may have the same logit, hence the score.
    keys = np.array([(one.log_odds, one.fake_score) for one in predictions])
    ranks = np.unique(keys.reshape(-1, 2), axis=0, return_inverse=True)[1]
    return ranks.reshape(-1)


def order_by_key(predictions: Iterable[VideoPrediction]) -> list[VideoPrediction]:
    """Sort the predictions by key; refuse a key that comes twice.

    The order makes figures independent of how many processes scored the set. A key
    twice means that a video would count double, as when a distributed sampler pads the
    set or two entries of a dataset are told apart by file name alone.
    """
    ordered = sorted(predictions, key=lambda prediction: prediction.key)
    for one, other in itertools.pairwise(ordered):
        if one.key == other.key:
            raise DataError(
                f'video {one.key} was scored more than once ({one.fake_score} and '
                f'{other.fake_score}): every video of a set needs a key of its own, '
                'and must be scored once'
            )
    return ordered


def write_predictions(path: str | Path, predictions: Sequence[VideoPrediction]) -> str:
    """Write the CSV file, whole or not at all.

    Returns:
        SHA-256 of the file, in hex.
    """
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
    """Read what `write_predictions` wrote, in the order of the keys."""
    path = Path(path)
    if not path.is_file():
        raise DataNotFoundError(
            f'no prediction file {path}: python tools/test.py CONFIG CHECKPOINT makes '
            'one, as predictions.csv in its work dir'
        )
    try:
        predictions = list(_read_lines(csv.reader(read_lines(path, keep_ends=True))))
        if not predictions:
            raise DataError('holds no video')
        return order_by_key(predictions)
    except (csv.Error, ValueError) as error:
        raise DataError(f'{path}, {error}') from error


def _read_lines(reader: Iterator[list[str]]) -> Iterator[VideoPrediction]:
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
        raise DataError(f'identities {shorten(text)}: allowed is a JSON list of texts')
    return tuple(names)


def _parse_float(column: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise DataError(f'{column} {shorten(text)} is not a number') from None
