"""Batches without their broken samples, and predictions that include them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from mmaction.structures import ActionDataSample

from mmdeepfake.errors import ConfigError
from mmdeepfake.structures import BROKEN_SAMPLES, LEFT_OUT, BrokenSample

Placed = tuple[int, BrokenSample]


class CollateReadable:
    """Collate the readable samples of a batch and attach the markers of the others.

    The markers leave a data worker with the batch: state kept in the worker would be
    lost.

    Args:
        collate: function from a list of samples to a dict.
    """

    def __init__(self, collate: Callable[[list], Any]) -> None:
        self.collate = collate

    def __call__(self, samples: Sequence) -> Any:
        """Return the batch; if all samples are broken, it has only their markers.

        Returns:
            The batch, with (index, `BrokenSample`) pairs under 'broken_samples', if
            any; indices count all samples from 0.
        """
        readable = [one for one in samples if not isinstance(one, BrokenSample)]
        if len(readable) == len(samples):
            return self.collate(readable)
        batch = self.collate(readable) if readable else {}
        if not isinstance(batch, dict):
            raise ConfigError(
                f"on_error='skip': the dataloader's collate_fn returned a "
                f'{type(batch).__name__}; needs a dict, as from pseudo_collate'
            )
        placed = [
            (place, one)
            for place, one in enumerate(samples)
            if isinstance(one, BrokenSample)
        ]
        return {**batch, BROKEN_SAMPLES: placed}


def take_broken(batch: Any) -> list[Placed]:
    """Remove the markers from a batch and return them."""
    return batch.pop(BROKEN_SAMPLES, []) if isinstance(batch, dict) else []


def put_back(predictions: Sequence, broken: Sequence[Placed]) -> list:
    """Insert a data sample without a score at the index of each broken one.

    The predictions keep their indices, by which MMEngine merges those of several
    processes, and a metric sees what is missing.
    """
    complete = list(predictions)
    for place, one in broken:
        placeholder = ActionDataSample().set_gt_label(one.key.label)
        placeholder.set_metainfo({'video_key': one.key, LEFT_OUT: one.kind})
        complete.insert(place, placeholder)
    return complete


def innermost_datasets(dataset: Any) -> Iterator[Any]:
    """Yield the datasets inside RepeatDataset, ConcatDataset or a slice, or itself."""
    inner = getattr(dataset, 'datasets', None)
    for name in ('dataset', '_dataset'):
        if inner is None and getattr(dataset, name, None) is not None:
            inner = [getattr(dataset, name)]
    if inner is None:
        yield dataset
        return
    for one in inner:
        yield from innermost_datasets(one)
