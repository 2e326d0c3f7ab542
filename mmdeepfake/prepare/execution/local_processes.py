"""Worker processes of this machine.

Written out rather than taken from `concurrent.futures`, whose pool breaks as a whole
when one of its processes dies: a video that makes a decoder crash, or that the system's
memory does not hold, must cost that one video.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

from mmdeepfake.video.isolation.process_limits import restrict_process

from ..work_plan import WorkUnit
from ..worker_context import WorkerContext, WorkerSettings
from .unit_runner import (
    THREAD_VARIABLES,
    VideoOutcome,
    run_unit,
    settle_crash,
    use_one_thread,
)
from .worker_limits import LOOK_SECONDS, Silence, WorkerLimits


def run_locally(
    units: Sequence[WorkUnit],
    order: WorkerSettings,
    *,
    num_workers: int,
    limits: WorkerLimits | None = None,
) -> Iterator[VideoOutcome]:
    """Prepare all videos in worker processes, giving each as it is finished.

    A process that dies, or that takes more than it may, fails the video that it was at;
    the rest of its unit goes to a new process. Closing this iterator, or an
    exception in it, ends all processes at once: unfinished videos leave nothing.

    Args:
        units: what to prepare.
        order: what every worker is told.
        num_workers: processes.
        limits: of each; None takes the usual ones.

    Raises:
        ConfigError: a package is missing, or a setting cannot be used.
        OutputError: the disk is full, or cannot be written to.
    """
    with _Crew(order, limits or WorkerLimits()) as crew:
        yield from crew.run(units, num_workers)


@dataclass
class _Worker:
    process: Any
    connection: Connection
    unit: WorkUnit
    position: int = 0  # of the video that it is at
    since: float = 0.0
    silence: Silence = field(default_factory=Silence)

    @property
    def is_finished(self) -> bool:
        return self.position == len(self.unit.videos)


class _Crew:
    """The processes, and what each is at."""

    def __init__(self, order: WorkerSettings, limits: WorkerLimits) -> None:
        self._order = order
        self._limits = limits
        self._looked = 0.0
        self._workers: list[_Worker] = []
        self._context = _worker_context()
        # Makes no detector here: it only records what a dead worker cannot.
        self._workshop = WorkerContext(order)

    def __enter__(self) -> _Crew:
        return self

    def __exit__(self, *exception: object) -> None:
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.join()
            worker.connection.close()

    def run(
        self, units: Sequence[WorkUnit], num_workers: int
    ) -> Iterator[VideoOutcome]:
        waiting = deque(units)
        while waiting and len(self._workers) < num_workers:
            self._workers.append(self._start(waiting.popleft()))
        while self._workers:
            ready = wait([w.connection for w in self._workers], LOOK_SECONDS)
            for worker in list(self._workers):
                if worker.connection in ready:
                    yield from self._hear(worker, waiting)
            if time.monotonic() - self._looked >= LOOK_SECONDS:
                self._looked = time.monotonic()
                yield from self._look_around(waiting)

    def _look_around(self, waiting: deque[WorkUnit]) -> Iterator[VideoOutcome]:
        """End the workers that take too much."""
        for worker in list(self._workers):
            fault = self._limits.find_fault(
                worker.unit,
                worker.position,
                silent=worker.silence.go_on(),
                seconds=time.monotonic() - worker.since,
                pid=worker.process.pid,
            )
            if fault is not None and not worker.connection.poll():
                yield from self._replace(worker, waiting, fault)

    def _start(self, unit: WorkUnit) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_work, args=(theirs, self._order), daemon=True
        )
        process.start()
        theirs.close()  # so that the end of the process is the end of the pipe
        worker = _Worker(process, ours, unit)
        self._hand_over(worker, unit)
        return worker

    def _hand_over(self, worker: _Worker, unit: WorkUnit) -> None:
        worker.unit, worker.position, worker.since = unit, 0, time.monotonic()
        worker.silence.end()
        try:
            worker.connection.send(unit)
        except OSError:
            pass  # it has died; that is heard of when its pipe is read

    def _hear(
        self, worker: _Worker, waiting: deque[WorkUnit]
    ) -> Iterator[VideoOutcome]:
        try:
            message = worker.connection.recv()
        except (EOFError, OSError):
            worker.process.join()
            fault = f'the worker process died ({_describe_exit(worker.process)})'
            yield from self._replace(worker, waiting, fault)
            return
        if isinstance(message, Exception):
            raise message
        worker.silence.end()
        if message is None:
            return
        yield message
        worker.position += 1
        worker.since = time.monotonic()
        if worker.is_finished:
            if waiting:
                self._hand_over(worker, waiting.popleft())
            else:
                self._dismiss(worker)

    def _replace(
        self, worker: _Worker, waiting: deque[WorkUnit], fault: str
    ) -> Iterator[VideoOutcome]:
        self._dismiss(worker)
        yield settle_crash(
            worker.unit.videos[worker.position],
            self._workshop,
            f'{fault} while preparing this video; --retry-failed tries it again, with '
            'fewer --workers if memory was short',
        )
        rest = worker.unit.from_video(worker.position + 1)
        if rest.videos:
            waiting.appendleft(rest)
        if waiting:
            self._workers.append(self._start(waiting.popleft()))

    def _dismiss(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.process.kill()
        worker.process.join()
        worker.connection.close()


def _describe_exit(process: Any) -> str:
    code = process.exitcode
    if code is None or code >= 0:
        return f'exit code {code}'
    name = signal.Signals(-code).name
    hint = ', as when memory runs out' if -code == signal.SIGKILL else ''
    return f'{name}{hint}'


def _work(connection: Connection, order: WorkerSettings) -> None:
    """Prepare units until there are no more: the life of a worker."""
    restrict_process()
    threading.Thread(target=_die_with_parent, daemon=True).start()
    use_one_thread()
    try:
        context = WorkerContext(order)
        context.report_progress = _Heartbeat(connection).beat
        while True:
            for outcome in run_unit(connection.recv(), context):
                connection.send(outcome)
    except (EOFError, BrokenPipeError):
        return
    except Exception as error:
        connection.send(error)


class _Heartbeat:
    """Tells now and then that frames come: None is all that is said."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._told = time.monotonic()

    def beat(self) -> None:
        """Take note of a frame."""
        now = time.monotonic()
        if now - self._told > LOOK_SECONDS:
            self._told = now
            self._connection.send(None)


def _die_with_parent() -> None:
    """End this process as soon as the main one is gone, even by SIGKILL."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _worker_context() -> Any:
    """How workers start: from a server that has imported everything once.

    Plain forks of this process could hang, since OpenCV's and PyTorch's threads do not
    survive a fork.
    """
    for variable in THREAD_VARIABLES:  # read when the libraries are loaded
        os.environ.setdefault(variable, '1')
    if 'forkserver' not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context('spawn')
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload([__name__])
    return context
