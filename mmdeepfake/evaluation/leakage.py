"""Find test videos and persons that a model was trained on.

A training run writes the list of its videos beside its checkpoints, so the check needs
no training data. A video stays the same at another compression level.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmdeepfake.errors import DataError
from mmdeepfake.files.atomic_write import replace_text
from mmdeepfake.files.bounded_reading import load_json, shorten
from mmdeepfake.structures import VideoKey
from mmdeepfake.structures.training_data import UNKNOWN, TrainingData, check_kind

TRAINING_VIDEOS_FILE = 'training_videos.json'
VIDEOS, PERSONS = 'videos', 'persons'
_NUM_EXAMPLES = 3


@dataclass(frozen=True)
class SeenVideos:
    """Videos as (dataset, method, name), and their persons as 'dataset/person'.

    `kind` is that of `TrainingData`.
    """

    videos: frozenset[tuple[str, str, str]]
    persons: frozenset[str]
    kind: str = UNKNOWN

    @classmethod
    def of_items(
        cls, items: Iterable[Mapping[str, Any]], *, kind: str = UNKNOWN
    ) -> SeenVideos:
        """Collect them from a dataset's items by their video_key."""
        videos, persons = set(), set()
        for item in items:
            if 'video_key' not in item:
                continue
            key = VideoKey(*item['video_key'])
            videos.add((key.dataset, key.method, key.name))
            persons |= {f'{key.dataset}/{name}' for name in item.get('identities', ())}
        return cls(frozenset(videos), frozenset(persons), kind)

    @property
    def training_data(self) -> TrainingData:
        """Kind, sets and number of persons."""
        sets = sorted({dataset for dataset, _, _ in self.videos})
        return TrainingData(self.kind, tuple(sets), len(self.persons))

    def write(self, path: Path) -> None:
        """Write them atomically as JSON."""
        record = {
            'kind': self.kind,
            'videos': sorted(self.videos),
            'persons': sorted(self.persons),
        }
        replace_text(path, json.dumps(record, ensure_ascii=False) + '\n')

    @classmethod
    def read(cls, path: Path) -> SeenVideos:
        """Read what `write` wrote."""
        try:
            record = load_json(path)
            videos = {
                (_check_text(dataset), _check_text(method), _check_text(name))
                for dataset, method, name in record['videos']
            }
            persons = map(_check_text, record['persons'])
            kind = check_kind(record.get('kind', UNKNOWN))  # older files have none
            return cls(frozenset(videos), frozenset(persons), kind)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(
                f'{path} is not a list of training videos ({error}); train again, or '
                'remove it to compare with the training data of the config'
            ) from error


def _check_text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f'{shorten(value)} is not a text')
    return value


@dataclass(frozen=True)
class Leak:
    """The videos or persons of a test that were seen in training.

    Attributes:
        kind: VIDEOS or PERSONS.
        names: of the videos or persons, sorted.
        num_tested: videos or persons in the test.
    """

    kind: str
    names: tuple[str, ...]
    num_tested: int

    def __str__(self) -> str:
        return (
            f'{len(self.names)} of {self.num_tested} {self.kind} of the test were seen '
            f'in training, such as {", ".join(self.names[:_NUM_EXAMPLES])}'
        )


def find_leaks(trained: SeenVideos, tested: SeenVideos) -> list[Leak]:
    """Find the videos and persons of the test that were trained on."""
    videos = sorted(map('/'.join, trained.videos & tested.videos))
    persons = sorted(trained.persons & tested.persons)
    leaks = (
        Leak(VIDEOS, tuple(videos), len(tested.videos)),
        Leak(PERSONS, tuple(persons), len(tested.persons)),
    )
    return [leak for leak in leaks if leak.names]
