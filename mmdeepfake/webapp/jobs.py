"""The videos that visitors have brought: who waits, who is next, what has come out."""

from __future__ import annotations

import logging
import secrets
import shutil
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmdeepfake.errors import InputError

from .limits import Limits, Refusal
from .private_folder import PrivateFolder
from .worker_process import Cancelled, WorkerProcess

RESERVED, RECEIVING, WAITING, WORKING, DONE, FAILED = (
    'reserved', 'receiving', 'waiting', 'working', 'done', 'failed',
)  # fmt: skip
UPLOAD_NAME = 'upload'
RESULTS_NAME = 'results'
logger = logging.getLogger(__name__)


@dataclass(eq=False)
class Job:
    """One video of a visitor.

    Attributes:
        id: opens the way to it; nobody guesses it.
        number: stands in the server's log in place of it.
        name: of the file, as the visitor calls it.
        room: its folder: the upload, and the results in a folder of their own.
        state: one of the constants of this module.
        changed: when the state began, by `time.monotonic`.
        stage: what is done just now, with `done` and `total` frames.
        findings: of the worker, once it is DONE.
        refusal: why it is FAILED.
        is_cancelled: set when the visitor has withdrawn it.
    """

    id: str
    number: int
    name: str
    room: Path
    state: str = RESERVED
    changed: float = field(default_factory=time.monotonic)
    stage: str = ''
    done: int = 0
    total: int | None = None
    findings: dict[str, Any] | None = None
    refusal: Refusal | None = None
    is_cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def upload(self) -> Path:
        """Where its video lies; its name is ours, not the visitor's."""
        return self.room / UPLOAD_NAME

    @property
    def results(self) -> Path:
        """Where its results lie."""
        return self.room / RESULTS_NAME


class JobBoard:
    """All jobs, for the server's thread and the one that works on them.

    A job takes a place from `reserve` until its work has ended, also where the visitor
    withdraws it; there are as many places as `limits.queue`, and one for the work.

    Args:
        folder: for their rooms.
        limits: see `Limits`.
    """

    def __init__(self, folder: PrivateFolder, limits: Limits) -> None:
        self._folder = folder
        self._limits = limits
        self._lock = threading.Condition()
        self._jobs: dict[str, Job] = {}
        self._in_place: set[Job] = set()
        self._waiting: deque[Job] = deque()
        self._count = 0
        self._is_closed = False

    def reserve(self, name: str, num_bytes: int) -> Job:
        """Give a place to a video that will be sent.

        Raises:
            Refusal: it is too big, or there is no place or disk space left.
        """
        if num_bytes > self._limits.max_bytes:
            raise self._limits.refuse_size()
        self.sweep()
        with self._lock:
            if self._is_closed or len(self._in_place) > self._limits.queue:
                raise Refusal(
                    'full',
                    f'{len(self._in_place)} videos are being examined or wait for it; '
                    'no more can wait here. Try again in some minutes.',
                )
            # Beside the upload there will be the annotated video.
            if not self._folder.has_space(3 * self._limits.max_bytes):
                raise self._limits.refuse_disk()
            self._count += 1
            try:
                room = self._folder.make_room(f'job{self._count}')
                job = Job(secrets.token_urlsafe(24), self._count, name, room)
                job.results.mkdir()
            except OSError as error:
                logger.error('no folder for an upload: %s', error.strerror)
                raise self._limits.refuse_disk() from error
            self._jobs[job.id] = job
            self._in_place.add(job)
            return job

    def get(self, job_id: str) -> Job:
        """Find a job.

        Raises:
            Refusal: there is none of this id.
        """
        with self._lock:
            job = self._jobs.get(job_id)
        if job is None:
            raise Refusal(
                'not_found', 'There is no such video here; results are kept for '
                f'{self._limits.keep_minutes:g} minutes.'
            )  # fmt: skip
        return job

    def begin_upload(self, job: Job) -> None:
        """Note that a video is coming in.

        Raises:
            Refusal: it has come already, or its place is gone.
        """
        with self._lock:
            if job.state != RESERVED or job.is_cancelled.is_set():
                raise Refusal('conflict', 'The video was sent before, or withdrawn.')
            self._set_state(job, RECEIVING)

    def end_upload(self, job: Job) -> None:
        """Let a video wait for its turn; one that was withdrawn meanwhile is dropped.

        Raises:
            Refusal: it was withdrawn.
        """
        with self._lock:
            if not job.is_cancelled.is_set():
                self._set_state(job, WAITING)
                self._waiting.append(job)
                self._lock.notify_all()
                return
        self.remove(job)
        raise Refusal('not_found', 'The video was withdrawn.')

    def take(self) -> Job | None:
        """Wait for the next job and give it; None once the board is closed."""
        with self._lock:
            while not self._waiting and not self._is_closed:
                self._lock.wait()
            if self._is_closed:
                return None
            job = self._waiting.popleft()
            self._set_state(job, WORKING)
            return job

    def end_work(
        self, job: Job, *, findings: dict | None = None, refusal: Refusal | None = None
    ) -> None:
        """Take what came out of a job; its upload is removed."""
        job.upload.unlink(missing_ok=True)
        if refusal is not None:
            shutil.rmtree(job.results, ignore_errors=True)
        with self._lock:
            self._in_place.discard(job)
            job.findings, job.refusal = findings, refusal
            self._set_state(job, DONE if refusal is None else FAILED)
        if job.is_cancelled.is_set():
            self.remove(job)

    def remove(self, job: Job) -> None:
        """Forget a job and remove its files, whatever state it is in.

        Who works on it just now is told, and removes what is then left.
        """
        with self._lock:
            job.is_cancelled.set()
            self._jobs.pop(job.id, None)
            if job in self._waiting:
                self._waiting.remove(job)
            if job.state != WORKING:
                self._in_place.discard(job)
        shutil.rmtree(job.room, ignore_errors=True)

    def sweep(self) -> None:
        """Remove what has been kept long enough, and places that nobody takes."""
        now = time.monotonic()
        keep_seconds = 60 * self._limits.keep_minutes
        with self._lock:
            ended = [job for job in self._jobs.values() if job.state in (DONE, FAILED)]
            ended.sort(key=lambda job: job.changed)
            old = ended[: max(0, len(ended) - self._limits.max_kept)]
            old += [job for job in ended if now - job.changed > keep_seconds]
            old += [
                job
                for job in self._jobs.values()
                if job.state == RESERVED
                and now - job.changed > self._limits.idle_seconds
            ]
        for job in old:
            self.remove(job)

    def describe(self, job: Job) -> dict[str, Any]:
        """Give what the visitor is told of a job."""
        with self._lock:
            told: dict[str, Any] = {'id': job.id, 'name': job.name, 'state': job.state}
            if job.state == WAITING:
                told['num_before'] = self._waiting.index(job) + 1
            elif job.state == WORKING:
                told |= {'stage': job.stage, 'done': job.done, 'total': job.total}
            elif job.state == DONE:
                told['findings'] = job.findings
            elif job.refusal is not None:
                told |= job.refusal.describe()
            return told

    def close(self) -> None:
        """Take no more jobs, and have those that are worked on cancelled."""
        with self._lock:
            self._is_closed = True
            for job in self._jobs.values():
                job.is_cancelled.set()
            self._lock.notify_all()

    def _set_state(self, job: Job, state: str) -> None:
        job.state, job.changed = state, time.monotonic()


def work_on_jobs(board: JobBoard, worker: WorkerProcess) -> None:
    """Work on one job after another until the board is closed; for a thread."""
    while (job := board.take()) is not None:
        start = time.monotonic()
        findings, refusal = None, None
        try:
            findings = worker.examine(
                dict(
                    upload=str(job.upload),
                    folder=str(job.results),
                    name=job.name,
                    number=job.number,
                ),
                report=lambda *progress, job=job: _note_progress(job, *progress),
                is_cancelled=job.is_cancelled.is_set,
            )
        except Refusal as error:
            refusal = error
        except Cancelled:
            refusal = Refusal('not_found', 'The video was withdrawn.')
        except InputError as error:
            logger.error('the worker does not start again: %s', error)
            refusal = Refusal('server', 'The server cannot examine videos just now.')
        except Exception:
            logger.exception('video %d failed', job.number)
            refusal = Refusal('server', 'The server could not examine this video.')
        board.end_work(job, findings=findings, refusal=refusal)
        said = 'examined' if refusal is None else refusal.kind
        logger.info('video %d: %s (%.1f s)', job.number, said, time.monotonic() - start)


def _note_progress(job: Job, stage: str, done: int, total: int | None) -> None:
    job.stage, job.done, job.total = stage, done, total
