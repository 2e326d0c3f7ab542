from types import SimpleNamespace

import pytest
import torch

from mmdeepfake.engine.data_workers import (
    ReadingPlaces,
    explain,
    explain_dead_workers,
    watch_reading,
)
from mmdeepfake.errors import DataError

BUSY = {7: 'video A', 8: 'video B'}


@pytest.mark.parametrize(
    ('error', 'message'),
    [
        (
            'DataLoader worker (pid 7) is killed by signal: Killed. ',
            'data worker 7 was killed by signal: Killed. It was reading video A. The '
            'system ends processes so when it runs out of memory: set a smaller '
            'num_workers or batch_size of the dataloader',
        ),
        (
            'DataLoader worker (pid 8) is killed by signal: Segmentation fault. ',
            'data worker 8 was killed by signal: Segmentation fault. It was reading '
            'video B. The decoder may have crashed at a damaged video: copy or prepare '
            'it again, or take it out of the dataset',
        ),
        (
            'DataLoader worker (pid 9) is killed by signal: Bus error. ',
            'data worker 9 was killed by signal: Bus error. Which video it was reading '
            'is not known; others were reading video A, video B. The shared memory may '
            'be too small for the batches (df -h /dev/shm): give the machine or '
            'container more of it, or set num_workers=0',
        ),
        (
            'DataLoader worker (pid(s) 7, 8) exited unexpectedly',
            'data worker 7, 8 exited unexpectedly. It was reading video A, video B. '
            'With num_workers=0 the main process reads, and its error shows more',
        ),
        (
            'DataLoader worker (pid 7) exited unexpectedly with exit code 3. Details '
            'are lost due to multiprocessing. Rerunning with num_workers=0 may give '
            'better error trace.',
            'data worker 7 exited unexpectedly with exit code 3. It was reading '
            'video A. With num_workers=0 the main process reads, and its error shows '
            'more',
        ),
        (
            'DataLoader timed out after 30 seconds',
            'no data worker gave a batch for 30 seconds, the timeout of the '
            'dataloader. It was reading video A, video B. Raise the timeout if the '
            'disk or the network is slow, or take these videos out of the dataset',
        ),
    ],
)
def test_death_is_explained_with_the_video(error, message):
    assert explain(error, BUSY) == message


def test_nothing_is_made_up_where_nothing_is_known():
    error = 'DataLoader worker (pid 7) is killed by signal: Killed. '
    assert 'Which video it was reading is not known. The' in explain(error, {})


def test_other_errors_pass():
    assert explain('CUDA out of memory', BUSY) is None
    runner = SimpleNamespace()
    with pytest.raises(RuntimeError, match='shapes differ'):
        with explain_dead_workers(runner):
            raise RuntimeError('shapes differ')


def test_signal_is_told_where_the_death_was_found_twice():
    with pytest.raises(DataError, match='data worker 7 was killed by signal: Killed'):
        with explain_dead_workers(SimpleNamespace()):
            try:
                raise RuntimeError(
                    'DataLoader worker (pid 7) is killed by signal: Killed. '
                )
            except RuntimeError as error:
                raise RuntimeError(
                    'DataLoader worker (pid(s) 7) exited unexpectedly'
                ) from error


class Slow(torch.utils.data.Dataset):
    """Tells where it is; item 3 does not say that it has been read."""

    on_reading = None

    def __len__(self):
        return 4

    def __getitem__(self, index):
        self.on_reading(index)
        if index != 3:
            self.on_reading(None)
        return index


@pytest.mark.parametrize(
    'start', ['fork', pytest.param('spawn', marks=pytest.mark.faults)]
)
def test_places_of_workers_are_seen_from_outside(start):
    dataset = Slow()
    watch_reading([object(), dataset], num_workers=2)
    places = dataset.on_reading.func.__self__
    places._array = places._places.numpy()  # as if somebody had read here before
    loader = torch.utils.data.DataLoader(
        dataset, num_workers=2, multiprocessing_context=start
    )
    iterator = iter(loader)
    pids = [worker.pid for worker in iterator._workers]
    assert [int(batch) for batch in iterator] == [0, 1, 2, 3]
    assert places.busy() == {pids[1]: (1, 3)}


def test_main_process_has_no_place():
    places = ReadingPlaces(1)
    places.note(0, 5)
    assert places.busy() == {}
