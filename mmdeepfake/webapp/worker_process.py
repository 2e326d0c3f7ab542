"""The server's end of the process that opens the uploads.

It and the server exchange JSON alone: an upload that takes over a decoder still has no
way into the server's process.
"""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable
from typing import Any

from mmdeepfake.errors import DataError
from mmdeepfake.video.isolation.supervised_process import SupervisedProcess, WorkerLost

from .limits import STATUS_OF, Limits, Refusal
from .worker import MakeExaminer, serve_uploads

_START_SECONDS = 600  # for the model; it is read from a disk that may be slow
_PRELOAD = ('mmdeepfake.registration', 'mmdeepfake.webapp.examination')
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


class WorkerProcess:
    """One process that examines uploads, replaced after each that it dies of.

    Args:
        make_examiner: see `serve_uploads`; can be pickled.
        limits: see `serve_uploads`, and the time for one upload.
    """

    def __init__(self, make_examiner: MakeExaminer, limits: Limits) -> None:
        self._make_examiner = make_examiner
        self._limits = limits
        self._process: SupervisedProcess | None = None

    def start(self) -> dict[str, Any]:
        """Start the process and load the model.

        Returns:
            What the examiner says of itself.

        Raises:
            DataError: the model cannot be loaded, with the reason.
        """
        self.stop()
        self._process = SupervisedProcess(
            serve_uploads, self._make_examiner, self._limits, preload=_PRELOAD
        )
        try:
            message, _ = self._process.receive(_START_SECONDS)
        except WorkerLost as error:
            raise DataError(
                f'the process that examines videos {error}; see its messages above'
            ) from error
        if 'ready' not in message:
            self.stop()
            raise DataError(str(message.get('failed')))
        return message['ready']

    def examine(
        self,
        order: dict[str, Any],
        *,
        report: Callable[[str, int, int | None], None],
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> dict[str, Any]:
        """Have one upload examined.

        Args:
            order: 'upload', 'folder', 'name' and 'number' of the job.
            report: is called with the stage, the frames done, and their number.
            is_cancelled: is asked again and again.

        Raises:
            Refusal: the upload cannot be examined, or the process died of it.
            Cancelled: `is_cancelled` said so.
            DataError: the process was dead and cannot be started again.
        """
        if self._process is None or not self._process.is_running:
            self.start()

        def check() -> None:
            if is_cancelled():
                raise Cancelled

        deadline = time.monotonic() + self._limits.job_seconds
        try:
            self._process.send(order)
            while True:
                left = max(0.0, deadline - time.monotonic())
                message, _ = self._process.receive(left, on_look=check)
                match message:
                    case {
                        'stage': str(stage),
                        'done': int(done),
                        'total': int() | None,
                    }:
                        report(stage, done, message['total'])
                    case {'findings': dict(findings)}:
                        return findings
                    case {'refusal': str(kind), 'message': str(text)} if (
                        kind in STATUS_OF
                    ):
                        raise Refusal(kind, text)
                    case _:
                        raise self._process.refuse(str(message))
        except WorkerLost as error:
            logger.warning('video %s: the worker %s', order['number'], error)
            raise self._refusal(error) from error

    def _refusal(self, error: WorkerLost) -> Refusal:
        if error.timed_out:
            return Refusal(
                'time_limit',
                f'Examining the video took longer than {self._limits.job_seconds:g} '
                'seconds and was stopped. A shorter one may do.',
            )
        reason = _KILLED if error.exit_code == -signal.SIGKILL else _CRASHED
        return Refusal('crashed', f'{reason}. Other videos are not concerned.')

    def stop(self) -> None:
        """End the process at once; it holds nothing that needs an orderly end."""
        if self._process is not None:
            self._process.end()
            self._process = None
