"""The skipped videos of a dataset in a run, and their limit."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from mmdeepfake.errors import DataError
from mmdeepfake.structures import LABEL_NAMES, BrokenSample, VideoKey

_NUM_LISTED = 20


@dataclass
class SkippedVideos:
    """The broken videos of one dataset over a run.

    Attributes:
        loader: name of the dataloader in the config.
        split: split of the dataset.
        keys: its distinct videos.
        num_allowed: maximum number of skipped videos.
        rule: the dataset's settings, for messages.
        needs_both_classes: whether videos of both classes must be left, as in training.
        found: the first error of each broken video.
    """

    loader: str
    split: str
    keys: frozenset[VideoKey]
    num_allowed: int
    rule: str
    needs_both_classes: bool
    found: dict[VideoKey, BrokenSample] = field(default_factory=dict)
    _kinds: set[tuple[VideoKey, str]] = field(default_factory=set)

    @classmethod
    def of_dataset(cls, dataset: Any, loader: str) -> SkippedVideos:
        """Create the empty list of a `DeepfakeDataset` that skips."""
        items = (dataset.get_data_info(index) for index in range(len(dataset)))
        keys = frozenset(VideoKey(*item['video_key']) for item in items)
        rule = dataset.skip_rule
        return cls(
            loader,
            dataset.split,
            keys,
            rule.count_skippable(len(keys)),
            f'max_skipped_share={rule.max_skipped_share}, '
            f'max_skipped_count={rule.max_skipped_count}',
            not dataset.test_mode,
        )

    def add(self, samples: Iterable[BrokenSample]) -> list[BrokenSample]:
        """Add samples of this dataset; return those with a new kind of error."""
        new = []
        for sample in samples:
            if sample.key in self.keys and (sample.key, sample.kind) not in self._kinds:
                self._kinds.add((sample.key, sample.kind))
                self.found.setdefault(sample.key, sample)
                new.append(sample)
        return new

    def knows(self, sample: BrokenSample) -> bool:
        """Return whether this kind of error of a video was added before."""
        return (sample.key, sample.kind) in self._kinds

    def count_text(self) -> str:
        """Return '3 of 720 videos skipped, allowed: 8'."""
        return (
            f'{len(self.found)} of {len(self.keys)} videos skipped, allowed: '
            f'{self.num_allowed}'
        )

    def check(self) -> None:
        """Raise a `DataError` beyond the limit, or if a class has no video left."""
        left = {key.label for key in self.keys - set(self.found)}
        if len(self.found) > self.num_allowed:
            # Rounded up, so that the printed share is sufficient.
            share = math.ceil(len(self.found) / len(self.keys) * 1e4) / 1e4
            fix = (
                'Copy or prepare them again, or allow more of them: --cfg-options '
                f'{self.loader}.dataset.max_skipped_share={min(share, 0.9999):.4f} '
                f'{self.loader}.dataset.max_skipped_count={len(self.found)}'
            )
        elif self.needs_both_classes and len(left) < len(LABEL_NAMES):
            missing = [n for label, n in enumerate(LABEL_NAMES) if label not in left]
            fix = (
                f'No {" and no ".join(missing)} videos left; needs both classes. Copy '
                'or prepare them again'
            )
        else:
            return
        examples = [f'  {sample}' for sample in self.found.values()]
        if len(examples) > _NUM_LISTED:
            examples[_NUM_LISTED:] = [f'  and {len(examples) - _NUM_LISTED} more']
        listed = '\n'.join(examples)
        raise DataError(
            f'{self.loader}, split {self.split!r}: too many videos could not be read: '
            f'{self.count_text()} ({self.rule})\n{listed}\n{fix}'
        )

    def record(self) -> dict[str, Any]:
        """Return the entry in the record of the run."""
        return {
            'split': self.split,
            'num_videos': len(self.keys),
            'num_allowed': self.num_allowed,
            'num_skipped': len(self.found),
            'videos': [
                {'video': str(one.key), 'kind': one.kind, 'reason': one.reason}
                for one in self.found.values()
            ],
        }


def to_plain(samples: Iterable[BrokenSample]) -> list[list]:
    """Convert samples to plain lists for a checkpoint."""
    return [[list(one.key), one.path, one.kind, one.reason] for one in samples]


def from_plain(rows: Iterable[list]) -> list[BrokenSample]:
    """Convert the lists of `to_plain` back.

    Raises:
        DataError: the lists are invalid.
    """
    try:
        samples = [
            BrokenSample(VideoKey(*key), path, kind, reason)
            for key, path, kind, reason in rows
        ]
        hash(tuple(samples))  # checks that the fields are plain
    except (TypeError, ValueError) as error:
        raise DataError(
            f'invalid list of skipped videos in the checkpoint ({error}); start a new '
            'run from its weights with --cfg-options load_from=CHECKPOINT'
        ) from error
    return samples
