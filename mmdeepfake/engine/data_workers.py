"""Which video a data worker was reading when it died or hung."""

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
# torch's words: of its signal handler, of the process that waits, and of `timeout`.
_DEATH = re.compile(r'DataLoader worker \(pid(?:\(s\))? ([\d, ]+)\) (.*)')
_HANG = re.compile(r'DataLoader timed out after ([\d.]+) seconds')
_HINTS = {
    'Killed': 'The system ends processes so when it runs out of memory: set a smaller '
    'num_workers or batch_size of the dataloader',
    'Bus error': 'The shared memory may be too small for the batches (df -h /dev/shm): '
    'give the machine or container more of it, or set num_workers=0',
    'Segmentation fault': 'The decoder may have crashed at a damaged video: copy or '
    'prepare it again, or take it out of the dataset',
}
_NO_HINT = 'With num_workers=0 the main process reads, and its error shows more'


class ReadingPlaces:
    """What each worker of a dataloader is reading, in memory that all share.

    Args:
        num_workers: of the dataloader.
    """

    def __init__(self, num_workers: int) -> None:
        # (num_workers, 3) int64: process id, dataset, item of it.
        self._places = torch.full((num_workers, 3), _NONE).share_memory_()
        self._array: np.ndarray | None = None

    def __getstate__(self) -> dict[str, Any]:
        # A tensor reaches a worker with its shared memory, an array as a copy.
        return {**vars(self), '_array': None}

    def note(self, dataset_index: int, item_index: int | None) -> None:
        """Note, in a worker, what it begins to read; None once it has."""
        worker = get_worker_info()
        if worker is None:  # read in the main process, as for a drawing
            return
        if self._array is None:
            self._array = self._places.numpy()  # quicker to write into
        item = _NONE if item_index is None else item_index
        self._array[worker.id] = os.getpid(), dataset_index, item

    def busy(self) -> dict[int, tuple[int, int]]:
        """Give process id -> (dataset, item) of the workers that read."""
        return {
            pid: (dataset, item)
            for pid, dataset, item in self._places.tolist()
            if item != _NONE
        }


def watch_reading(datasets: Sequence[Any], *, num_workers: int) -> None:
    """Let the datasets of a dataloader tell its workers' places, where they can."""
    if not num_workers:
        return
    places = ReadingPlaces(num_workers)
    for index, dataset in enumerate(datasets):
        if hasattr(dataset, 'on_reading'):
            dataset.on_reading = partial(places.note, index)


@contextmanager
def explain_dead_workers(runner: Runner) -> Iterator[None]:
    """Make one message of a data worker that dies or hangs, with what it was reading.

    Raises:
        DataError: in place of torch's RuntimeError.
    """
    try:
        yield
    except RuntimeError as error:
        # torch may find the death again while it handles the signal that told of it;
        # the first message says more.
        texts = [str(one) for one in (error, error.__cause__, error.__context__) if one]
        message = explain('\n'.join(reversed(texts)), _busy_workers(runner))
        if message is None:
            raise
        raise DataError(message) from error


def explain(error: str, busy: dict[int, str]) -> str | None:
    """Say what happened to a data worker, or None where the error is another one.

    Args:
        error: torch's message.
        busy: process id -> the video that this worker was reading.
    """
    if hang := _HANG.search(error):
        return (
            f'no data worker gave a batch for {hang[1]} seconds, the timeout of the '
            f'dataloader. {_reading(busy, busy)}. Raise the timeout if the disk or the '
            'network is slow, or take these videos out of the dataset'
        )
    if not (death := _DEATH.search(error)):
        return None
    pids = [int(pid) for pid in death[1].split(',')]
    fate = death[2].split('Details are lost')[0].strip().rstrip('.')
    hint = next((text for word, text in _HINTS.items() if fate.endswith(word)), None)
    fate = fate.replace('is killed', 'was killed', 1)
    return f'data worker {death[1]} {fate}. {_reading(pids, busy)}. {hint or _NO_HINT}'


def _reading(pids: Sequence[int] | dict, busy: dict[int, str]) -> str:
    """'It was reading video A/real/...'."""
    videos = [busy[pid] for pid in pids if pid in busy]
    if videos:
        return f'It was reading {", ".join(videos)}'
    others = f'; others were reading {", ".join(busy.values())}' if busy else ''
    return f'Which video it was reading is not known{others}'


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
