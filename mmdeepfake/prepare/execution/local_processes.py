"""Worker processes of this machine.

Not `concurrent.futures`, whose pool breaks as a whole when one of its processes dies:
a video that crashes a decoder, or does not fit in memory, must cost that video alone.
"""

from __future__ import annotations

import os
import pickle
import time
import traceback
from collections import deque
from collections.abc import Iterator, Sequence
from multiprocessing.connection import wait

from mmdeepfake import errors
from mmdeepfake.errors import InputError
from mmdeepfake.structures.video_record import STATUSES
from mmdeepfake.video.isolation.message_channel import MessageChannel
from mmdeepfake.video.isolation.supervised_process import (
    LOOK_SECONDS,
    Stopwatch,
    SupervisedProcess,
    WorkerLost,
)

from ..work_plan import WorkUnit
from ..worker_context import WorkerContext, WorkerSettings
from .unit_runner import (
    THREAD_VARIABLES,
    VideoOutcome,
    run_unit,
    settle_crash,
    use_one_thread,
)
from .worker_limits import WorkerLimits

_OUTCOME = ('status', 'fault', 'num_frames')
_MESSAGE_SECONDS = 60.0  # for the rest of a message that has begun


def run_locally(
    units: Sequence[WorkUnit],
    order: WorkerSettings,
    *,
    num_workers: int,
    limits: WorkerLimits | None = None,
) -> Iterator[VideoOutcome]:
    """Prepare all videos in worker processes, yielding each as it is finished.

    A worker that dies, or exceeds its limits, fails the video that it was at; the rest
    of its unit goes to a new one. Closing this iterator, or an exception in it, ends
    all workers at once: unfinished videos leave nothing.

    Args:
        units: what to prepare.
        order: for every worker.
        num_workers: processes.
        limits: of each; None takes the defaults.

    Raises:
        ConfigError: a package is missing, or a setting cannot be used.
        OutputError: the disk is full, or cannot be written to.
    """
    for variable in THREAD_VARIABLES:  # read when the libraries are loaded
        os.environ.setdefault(variable, '1')
    pool = _WorkerPool(order, limits or WorkerLimits(), units)
    try:
        yield from pool.run(num_workers)
    finally:
        pool.end()


class _Worker:
    """A process, and the video that it is at."""

    def __init__(self, order: WorkerSettings) -> None:
        # The tracker imports scipy when it is used; here, once for all workers.
        self.process = SupervisedProcess(
            _prepare_units, order, preload=('scipy.optimize',)
        )
        self.silent = Stopwatch()  # since it last reported a frame

    def begin(self, unit: WorkUnit) -> None:
        self.unit, self.position, self.since = unit, 0, time.monotonic()
        self.silent.restart()
        self.process.send({}, pickle.dumps(unit))

    def receive(self) -> VideoOutcome | None:
        """Receive the outcome of a video; None is a heartbeat."""
        message, _ = self.process.receive(_MESSAGE_SECONDS)
        self.silent.restart()
        if not message:
            return None
        key = self.unit.videos[self.position].key
        match message:
            case {'error': str(kind), 'message': str(text)}:
                raise _make_error(kind, text)
            case {
                'status': str(status),
                'fault': (None | str()) as fault,
                'num_frames': int(num_frames),
            } if status in STATUSES:
                outcome = VideoOutcome(key, status, fault, num_frames)
            case _:
                raise self.process.refuse(str(message))
        self.position += 1
        self.since = time.monotonic()
        return outcome


class _WorkerPool:
    """The workers, and the units that wait for one."""

    def __init__(
        self, order: WorkerSettings, limits: WorkerLimits, units: Sequence[WorkUnit]
    ) -> None:
        self._order = order
        self._limits = limits
        self._waiting = deque(units)
        self._workers: list[_Worker] = []
        # Makes no detector here: it only records what a dead worker cannot.
        self._context = WorkerContext(order)

    def end(self) -> None:
        for worker in self._workers:
            worker.process.end()

    def run(self, num_workers: int) -> Iterator[VideoOutcome]:
        while self._waiting and len(self._workers) < num_workers:
            yield from self._start_worker()
        looked = time.monotonic()
        while self._workers:
            ready = wait([worker.process for worker in self._workers], LOOK_SECONDS)
            for worker in [one for one in self._workers if one.process in ready]:
                yield from self._attend(worker)
            if time.monotonic() - looked >= LOOK_SECONDS:
                looked = time.monotonic()
                for worker in list(self._workers):
                    yield from self._check(worker)

    def _start_worker(self) -> Iterator[VideoOutcome]:
        worker = _Worker(self._order)
        self._workers.append(worker)
        yield from self._assign(worker)

    def _assign(self, worker: _Worker) -> Iterator[VideoOutcome]:
        if not self._waiting:
            self._dismiss(worker)
            return
        try:
            worker.begin(self._waiting.popleft())
        except WorkerLost as error:
            yield from self._replace(worker, f'the worker process {error}')

    def _attend(self, worker: _Worker) -> Iterator[VideoOutcome]:
        try:
            outcome = worker.receive()
        except WorkerLost as error:
            yield from self._replace(worker, f'the worker process {error}')
            return
        if outcome is not None:
            yield outcome
            if worker.position == len(worker.unit.videos):
                yield from self._assign(worker)

    def _check(self, worker: _Worker) -> Iterator[VideoOutcome]:
        fault = self._limits.find_fault(
            worker.unit,
            worker.position,
            silent=worker.silent.look(),
            seconds=time.monotonic() - worker.since,
            pid=worker.process.pid,
        )
        if fault is not None and not wait([worker.process], 0):
            yield from self._replace(worker, fault)

    def _replace(self, worker: _Worker, fault: str) -> Iterator[VideoOutcome]:
        self._dismiss(worker)
        yield settle_crash(
            worker.unit.videos[worker.position],
            self._context,
            f'{fault} while preparing this video; --retry-failed tries it again, with '
            'fewer --workers if memory was short',
        )
        rest = worker.unit.from_video(worker.position + 1)
        if rest.videos:
            self._waiting.appendleft(rest)
        if self._waiting:
            yield from self._start_worker()

    def _dismiss(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.process.end()


def _make_error(name: str, text: str) -> Exception:
    """Make the exception that a worker reported, of our kinds alone."""
    kind = getattr(errors, name, None)
    is_ours = isinstance(kind, type) and issubclass(kind, InputError)
    return kind(text) if is_ours else RuntimeError(f'in a worker: {text}')


def _prepare_units(channel: MessageChannel, order: WorkerSettings) -> None:
    """Prepare units until the parent closes the connection."""
    use_one_thread()
    reported = time.monotonic()

    def report_frame() -> None:
        nonlocal reported
        if time.monotonic() - reported > LOOK_SECONDS:
            reported = time.monotonic()
            channel.send({})

    try:
        context = WorkerContext(order)
        context.report_progress = report_frame
        while True:
            _, num_bytes = channel.receive()
            unit = bytearray(num_bytes)
            channel.fill(unit)
            for outcome in run_unit(pickle.loads(unit), context):
                channel.send({name: getattr(outcome, name) for name in _OUTCOME})
    except (EOFError, ConnectionError):
        raise  # the parent has gone
    except InputError as error:
        channel.send({'error': type(error).__name__, 'message': str(error)})
    except Exception:
        channel.send({'error': '', 'message': traceback.format_exc()})
