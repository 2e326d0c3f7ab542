"""Batches without their broken samples, and predictions that still count these."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from mmaction.structures import ActionDataSample

from mmdeepfake.errors import ConfigError
from mmdeepfake.structures import BROKEN_SAMPLES, LEFT_OUT, BrokenSample

Placed = tuple[int, BrokenSample]


class CollateReadable:
    """Collates what could be read; the markers of the rest travel beside it.

    They leave the data workers with the batch, so nothing is counted in a worker whose
    memory ends with it.

    Args:
        collate: makes a dict of a list of samples.
    """

    def __init__(self, collate: Callable[[list], Any]) -> None:
        self.collate = collate

    def __call__(self, samples: Sequence) -> Any:
        """Give the batch; of broken samples alone, it holds nothing but their markers.

        Returns:
            The batch, with (place, `BrokenSample`) pairs under 'broken_samples' where
            there are any; places count all samples, sound and broken, from 0.
        """
        sound = [one for one in samples if not isinstance(one, BrokenSample)]
        if len(sound) == len(samples):
            return self.collate(sound)
        batch = self.collate(sound) if sound else {}
        if not isinstance(batch, dict):
            raise ConfigError(
                f"on_error='skip': the dataloader's collate_fn gives a "
                f'{type(batch).__name__}; needed is a dict, as pseudo_collate gives it'
            )
        placed = [
            (place, one)
            for place, one in enumerate(samples)
            if isinstance(one, BrokenSample)
        ]
        return {**batch, BROKEN_SAMPLES: placed}


def take_broken(batch: Any) -> list[Placed]:
    """Take the markers out of a batch, which then is what the model expects."""
    return batch.pop(BROKEN_SAMPLES, []) if isinstance(batch, dict) else []


def put_back(predictions: Sequence, broken: Sequence[Placed]) -> list:
    """Put a data sample without a score at the place of each broken one.

    Predictions keep their places that way, by which MMEngine merges those of several
    processes, and a metric cannot overlook that some are lacking.
    """
    complete = list(predictions)
    for place, one in broken:
        stand_in = ActionDataSample().set_gt_label(one.key.label)
        stand_in.set_metainfo({'video_key': one.key, LEFT_OUT: one.kind})
        complete.insert(place, stand_in)
    return complete


def innermost_datasets(dataset: Any) -> Iterator[Any]:
    """Give what RepeatDataset, ConcatDataset and a sliced dataset hold, or itself."""
    inner = getattr(dataset, 'datasets', None)
    for name in ('dataset', '_dataset'):
        if inner is None and getattr(dataset, name, None) is not None:
            inner = [getattr(dataset, name)]
    if inner is None:
        yield dataset
        return
    for one in inner:
        yield from innermost_datasets(one)
