"""The queue of uploaded videos and their results."""

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
        id: random part of its address.
        number: used in the server's log instead of the id.
        name: the visitor's file name.
        room: folder of the upload and of the results.
        state: one of the constants of this module.
        changed: start of the state, by `time.monotonic`.
        stage: current step, with `done` and `total` frames.
        findings: of the worker, if DONE.
        refusal: why it is FAILED.
        is_cancelled: set when the visitor withdraws it.
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
        """Path of its video, without the visitor's name."""
        return self.room / UPLOAD_NAME

    @property
    def results(self) -> Path:
        """Folder of its results."""
        return self.room / RESULTS_NAME


class JobBoard:
    """All jobs, shared by the server's thread and the worker's.

    A job occupies a place from `reserve` until its examination ends, even if it is
    withdrawn; there are `limits.queue` places, and one for the current job.
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
        """Reserve a place for an upload.

        Raises:
            Refusal: it is too big, or the queue or the disk is full.
        """
        if num_bytes > self._limits.max_bytes:
            raise self._limits.refuse_size()
        self.sweep()
        with self._lock:
            if self._is_closed or len(self._in_place) > self._limits.queue:
                raise Refusal(
                    'full',
                    f'The queue is full: {len(self._in_place)} videos wait or are '
                    'being examined. Try again in a few minutes.',
                )
            # The annotated video needs space, too.
            if not self._folder.has_space(3 * self._limits.max_bytes):
                raise self._limits.refuse_disk()
            self._count += 1
            try:
                room = self._folder.make_room(f'job{self._count}')
                job = Job(secrets.token_urlsafe(24), self._count, name, room)
                job.results.mkdir()
            except OSError as error:
                logger.error('cannot create a folder for an upload: %s', error.strerror)
                raise self._limits.refuse_disk() from error
            self._jobs[job.id] = job
            self._in_place.add(job)
            return job

    def get(self, job_id: str) -> Job:
        """Find a job.

        Raises:
            Refusal: there is no job with this id.
        """
        with self._lock:
            job = self._jobs.get(job_id)
        if job is None:
            raise Refusal(
                'not_found', 'There is no such video. Results are deleted after '
                f'{self._limits.keep_minutes:g} minutes.'
            )  # fmt: skip
        return job

    def begin_upload(self, job: Job) -> None:
        """Start an upload.

        Raises:
            Refusal: it was sent already or withdrawn.
        """
        with self._lock:
            if job.state != RESERVED or job.is_cancelled.is_set():
                raise Refusal('conflict', 'The video was already sent or withdrawn.')
            self._set_state(job, RECEIVING)

    def end_upload(self, job: Job) -> None:
        """Append a job to the queue, unless it was withdrawn meanwhile.

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
        """Wait for the next job and return it; None after `close`."""
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
        """Store the outcome of a job and remove its upload."""
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
        """Delete a job and its files in any state.

        A running examination is cancelled, and then removes its remaining files.
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
        """Remove expired results, and reserved places without an upload."""
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
        """Return the JSON fields of a job for the visitor."""
        with self._lock:
            fields: dict[str, Any] = {
                'id': job.id,
                'name': job.name,
                'state': job.state,
            }
            if job.state == WAITING:
                fields['num_before'] = self._waiting.index(job) + 1
            elif job.state == WORKING:
                fields |= {'stage': job.stage, 'done': job.done, 'total': job.total}
            elif job.state == DONE:
                fields['findings'] = job.findings
            elif job.refusal is not None:
                fields |= job.refusal.describe()
            return fields

    def close(self) -> None:
        """Accept no more jobs and cancel the current one."""
        with self._lock:
            self._is_closed = True
            for job in self._jobs.values():
                job.is_cancelled.set()
            self._lock.notify_all()

    def _set_state(self, job: Job, state: str) -> None:
        job.state, job.changed = state, time.monotonic()


def work_on_jobs(board: JobBoard, worker: WorkerProcess) -> None:
    """Examine jobs until the board is closed; runs in a thread."""
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
            refusal = Refusal(
                'server', 'The server cannot examine videos now; see the server log.'
            )
        except Exception:
            logger.exception('video %d failed', job.number)
            refusal = Refusal('server', 'Internal error; see the server log.')
        board.end_work(job, findings=findings, refusal=refusal)
        said = 'examined' if refusal is None else refusal.kind
        logger.info('video %d: %s (%.1f s)', job.number, said, time.monotonic() - start)


def _note_progress(job: Job, stage: str, done: int, total: int | None) -> None:
    job.stage, job.done, job.total = stage, done, total
