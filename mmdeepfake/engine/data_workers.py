"""Error messages for data workers that died or hung, with the video being read."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from mmengine.runner import BaseLoop, Runner
from torch.utils.data import get_worker_info

from mmdeepfake.errors import DataError

from .broken_sample_batches import innermost_datasets

_LOOPS = ('_train_loop', '_val_loop', '_test_loop')
_NONE = -1
# torch's messages: of its signal handler, of the waiting process, and of `timeout`.
_DEATH = re.compile(r'DataLoader worker \(pid(?:\(s\))? ([\d, ]+)\) (.*)')
_HANG = re.compile(r'DataLoader timed out after ([\d.]+) seconds')
_HINTS = {
    'Killed': 'Probably out of memory: set a smaller num_workers or batch_size of the '
    'dataloader',
    'Bus error': 'The shared memory may be too small for the batches (df -h /dev/shm): '
    'increase it, or set num_workers=0',
    'Segmentation fault': 'The decoder may have crashed on a damaged video: copy or '
    'prepare it again, or remove it from the dataset',
}
_DEFAULT_HINT = 'Set num_workers=0 for a more detailed error'


class ReadingPlaces:
    """The item that each worker of a dataloader is reading, in shared memory."""

    def __init__(self, num_workers: int) -> None:
        # (num_workers, 3) int64: process ID, dataset, item.
        self._places = torch.full((num_workers, 3), _NONE).share_memory_()
        self._array: np.ndarray | None = None

    def __getstate__(self) -> dict[str, Any]:
        # A tensor is pickled with its shared memory, an array as a copy.
        return {**vars(self), '_array': None}

    def note(self, dataset_index: int, item_index: int | None) -> None:
        """Record the item that this worker begins to read; None when it is done."""
        worker = get_worker_info()
        if worker is None:  # main process
            return
        if self._array is None:
            self._array = self._places.numpy()  # faster to write
        item = _NONE if item_index is None else item_index
        self._array[worker.id] = os.getpid(), dataset_index, item

    def busy(self) -> dict[int, tuple[int, int]]:
        """Return process ID -> (dataset, item) of the busy workers."""
        return {
            pid: (dataset, item)
            for pid, dataset, item in self._places.tolist()
            if item != _NONE
        }


def watch_reading(datasets: Sequence[Any], *, num_workers: int) -> None:
    """Make the datasets of a dataloader record what its workers read."""
    if not num_workers:
        return
    places = ReadingPlaces(num_workers)
    for index, dataset in enumerate(datasets):
        if hasattr(dataset, 'on_reading'):
            dataset.on_reading = partial(places.note, index)


@contextmanager
def explain_dead_workers(runner: Runner) -> Iterator[None]:
    """Replace torch's error for a dead or hung worker by a `DataError`."""
    try:
        yield
    except RuntimeError as error:
        # torch may report a death twice; the first message has more details.
        texts = [str(one) for one in (error, error.__cause__, error.__context__) if one]
        message = explain('\n'.join(reversed(texts)), _busy_workers(runner))
        if message is None:
            raise
        raise DataError(message) from error


def explain(error: str, busy: dict[int, str]) -> str | None:
    """Describe the end of a data worker; return None for another error.

    Args:
        error: torch's message.
        busy: process ID -> video that the worker was reading.
    """
    if hang := _HANG.search(error):
        return (
            f'no batch from the data workers for {hang[1]} seconds, the timeout of '
            f'the dataloader. {_reading(busy, busy)}. Raise the timeout if the disk or '
            'network is slow, or remove these videos from the dataset'
        )
    if not (death := _DEATH.search(error)):
        return None
    pids = [int(pid) for pid in death[1].split(',')]
    fate = death[2].split('Details are lost')[0].strip().rstrip('.')
    hints = (text for word, text in _HINTS.items() if fate.endswith(word))
    hint = next(hints, _DEFAULT_HINT)
    fate = fate.replace('is killed', 'was killed', 1)
    return f'data worker {death[1]} {fate}. {_reading(pids, busy)}. {hint}'


def _reading(pids: Sequence[int] | dict, busy: dict[int, str]) -> str:
    """Return 'It was reading video A/real/...'."""
    videos = [busy[pid] for pid in pids if pid in busy]
    if videos:
        return f'It was reading {", ".join(videos)}'
    others = f'; others were reading {", ".join(busy.values())}' if busy else ''
    return f'Its video is unknown{others}'


def _busy_workers(runner: Runner) -> dict[int, str]:
    busy: dict[int, str] = {}
    for name in _LOOPS:
        loop = getattr(runner, name, None)
        if not isinstance(loop, BaseLoop):
            continue
        datasets = list(innermost_datasets(loop.dataloader.dataset))
        for dataset in datasets:
            note = getattr(dataset, 'on_reading', None)
            if note is not None:
                for pid, (index, item) in note.func.__self__.busy().items():
                    busy[pid] = _name_video(datasets[index], item)
    return busy


def _name_video(dataset: Any, item_index: int) -> str:
    item = dataset.get_data_info(item_index)
    path = item.get('filename') or item.get('frame_dir')
    return f'video {item["video_key"]} ({path})'
