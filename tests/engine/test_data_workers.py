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


KILLED = 'DataLoader worker (pid 7) is killed by signal: Killed. '


@pytest.mark.parametrize(
    ('error', 'parts'),
    [
        (KILLED, ('worker 7', 'signal: Killed', 'video A.', 'num_workers')),
        (
            'DataLoader worker (pid 8) is killed by signal: Segmentation fault. ',
            ('worker 8', 'signal: Segmentation fault', 'video B.', 'damaged video'),
        ),
        (
            'DataLoader worker (pid 9) is killed by signal: Bus error. ',
            ('worker 9', 'Bus error', 'unknown; ', 'video A, video B', '/dev/shm'),
        ),
        (
            'DataLoader worker (pid(s) 7, 8) exited unexpectedly',
            ('worker 7, 8 exited unexpectedly', 'video A, video B.', 'num_workers=0'),
        ),
        (
            'DataLoader worker (pid 7) exited unexpectedly with exit code 3. Details '
            'are lost due to multiprocessing. Rerunning with num_workers=0 may give '
            'better error trace.',
            ('worker 7', 'exit code 3. It was reading video A.', 'num_workers=0'),
        ),
        (
            'DataLoader timed out after 30 seconds',
            ('for 30 seconds', 'video A, video B.', 'timeout'),
        ),
    ],
)
def test_death_is_explained_with_the_video(error, parts):
    message = explain(error, BUSY)
    assert all(part in message for part in parts), message


def test_video_may_be_unknown():
    assert 'video is unknown. ' in explain(KILLED, {})


def test_other_errors_pass():
    assert explain('CUDA out of memory', BUSY) is None
    runner = SimpleNamespace()
    with pytest.raises(RuntimeError, match='shapes differ'):
        with explain_dead_workers(runner):
            raise RuntimeError('shapes differ')


def test_signal_is_reported_if_the_death_is_found_twice():
    with pytest.raises(DataError, match='data worker 7 was killed by signal: Killed'):
        with explain_dead_workers(SimpleNamespace()):
            try:
                raise RuntimeError(KILLED)
            except RuntimeError as error:
                raise RuntimeError(
                    'DataLoader worker (pid(s) 7) exited unexpectedly'
                ) from error


class Slow(torch.utils.data.Dataset):
    """Reports what it reads, but not the end of item 3."""

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
    places._array = places._places.numpy()  # as after a read in this process
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
