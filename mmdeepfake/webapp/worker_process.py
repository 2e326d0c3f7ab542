"""The server's end of the worker: starts it, gives it work, ends it when it must."""

from __future__ import annotations

import json
import logging
import multiprocessing
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from mmdeepfake.errors import DataError

from .limits import Limits, Refusal
from .worker import MakeExaminer, serve_uploads

_START_SECONDS = 600  # for the model; it is read from a disk that may be slow
_LOOK_SECONDS = 0.2  # between two looks at the clock and at what visitors cancelled
_MESSAGE_BYTES = 4 << 20
_CRASHED = (
    'Reading the video ended in a crash: the file is damaged in a way that the decoder '
    'cannot bear'
)
_KILLED = (
    'Examining the video was ended by the system, as it does where memory runs out; a '
    'shorter or smaller one may do'
)
logger = logging.getLogger(__name__)


class Cancelled(Exception):
    """The visitor has withdrawn the upload."""


class WorkerDied(Exception):
    """The worker's process is gone, or says what it cannot mean."""


class WorkerProcess:
    """One process that examines uploads, begun anew after each that it dies of.

    It comes from a fork server, a process that has imported what it needs but has
    neither threads nor connections, so that beginning anew takes little time.

    Args:
        make_examiner: see `serve_uploads`; can be pickled.
        limits: see `serve_uploads`, and the time for one upload.
    """

    def __init__(self, make_examiner: MakeExaminer, limits: Limits) -> None:
        self._context = multiprocessing.get_context('forkserver')
        self._context.set_forkserver_preload(['mmdeepfake.webapp.examination'])
        self._make_examiner = make_examiner
        self._limits = limits
        self._process: Any = None
        self._connection: Connection | None = None

    def start(self) -> dict[str, Any]:
        """Start the process and load the model.

        Returns:
            What the examiner says of itself.

        Raises:
            DataError: the model cannot be loaded, with the reason.
        """
        self.stop()
        self._connection, its_end = self._context.Pipe()
        self._process = self._context.Process(
            target=serve_uploads,
            args=(its_end, self._make_examiner, self._limits),
            daemon=True,
        )
        try:
            self._process.start()
        except OSError as error:  # as where the path of TMPDIR is too long
            self._process = None
            self.stop()
            raise DataError(
                f'the process that examines videos cannot be started: {error}'
            ) from error
        its_end.close()
        try:
            message = self._receive(time.monotonic() + _START_SECONDS)
        except (WorkerDied, TimeoutError) as error:
            self.stop()
            raise DataError(
                'the process that examines videos did not start; see its messages above'
            ) from error
        if 'failed' in message:
            self.stop()
            raise DataError(message['failed'])
        return message['ready']

    def examine(
        self,
        order: dict[str, str],
        *,
        tell: Callable[[str, int, int | None], None],
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> dict[str, Any]:
        """Have one upload examined.

        Args:
            order: 'upload', 'folder', 'name' and 'number' of the job.
            tell: is told stage, frames done, and of how many.
            is_cancelled: is asked again and again.

        Raises:
            Refusal: the upload cannot be examined, or the process died of it.
            Cancelled: `is_cancelled` said so.
            DataError: the process was dead and cannot be started again.
        """
        if self._process is None or not self._process.is_alive():
            self.start()
        deadline = time.monotonic() + self._limits.job_seconds
        try:
            self._connection.send_bytes(json.dumps(order).encode())
            while True:
                message = self._receive(deadline, is_cancelled)
                if 'stage' not in message:
                    break
                tell(str(message['stage']), int(message['done']), message['total'])
            if 'refusal' in message:
                raise Refusal(message['refusal'], str(message['message']))
            if not isinstance(message['findings'], dict):
                raise WorkerDied
            return message['findings']
        except Cancelled:
            self.stop()
            raise
        except TimeoutError:
            self.stop()
            raise Refusal(
                'time_limit',
                f'Examining the video took longer than {self._limits.job_seconds:g} '
                'seconds and was stopped. A shorter one may do.',
            ) from None
        except (WorkerDied, OSError, KeyError, TypeError, ValueError) as error:
            code = self._process.exitcode
            self.stop()
            logger.warning('video %s ended the worker (%s)', order['number'], code)
            reason = _KILLED if code == -signal.SIGKILL else _CRASHED
            raise Refusal(
                'crashed', f'{reason}. Other videos are not concerned.'
            ) from error

    def _receive(
        self, deadline: float, is_cancelled: Callable[[], bool] = lambda: False
    ) -> dict[str, Any]:
        while not self._connection.poll(_LOOK_SECONDS):
            if is_cancelled():
                raise Cancelled
            if time.monotonic() > deadline:
                raise TimeoutError
        try:
            message = json.loads(self._connection.recv_bytes(_MESSAGE_BYTES))
        except (EOFError, OSError, ValueError, RecursionError) as error:
            self._process.join(1)
            raise WorkerDied from error
        if not isinstance(message, dict):
            raise WorkerDied
        return message

    def stop(self) -> None:
        """End the process at once; it holds nothing that needs an orderly end."""
        if self._process is not None:
            self._process.kill()
            self._process.join(10)
            self._process = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def make_order(upload: Path, folder: Path, name: str, number: int) -> dict[str, str]:
    """Make what `WorkerProcess.examine` takes."""
    return {
        'upload': str(upload),
        'folder': str(folder),
        'name': name,
        'number': str(number),
    }
