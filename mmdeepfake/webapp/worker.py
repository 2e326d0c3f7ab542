"""What the process does that opens the uploads, see `worker_process`."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from mmdeepfake.errors import InputError
from mmdeepfake.files.atomic_write import FULL_DISK_ERRORS
from mmdeepfake.video.isolation.message_channel import MessageChannel
from mmdeepfake.video.isolation.process_limits import limit_file_size

from .limits import Limits, Refusal

logger = logging.getLogger(__name__)


class Examiner(Protocol):
    """Interface of what examines uploads; see `VideoExaminer`."""

    def describe(self) -> dict[str, Any]:
        """Return the facts about the model that every visitor sees."""
        ...

    def examine(
        self,
        upload: Path,
        folder: Path,
        name: str,
        report: Callable[[str, int, int | None], None],
    ) -> dict[str, Any]:
        """Return the findings of one upload, or raise `Refusal`."""
        ...


MakeExaminer = Callable[[], Examiner]


def serve_uploads(
    channel: MessageChannel, make_examiner: MakeExaminer, limits: Limits
) -> None:
    """Examine one upload after another until the server closes the connection.

    Args:
        channel: to the server.
        make_examiner: loads the model; an `InputError` of it goes to the server.
        limits: the size of an upload bounds what may be written.
    """
    # The annotated video may be larger than what it was drawn from.
    limit_file_size(4 * limits.max_bytes + (64 << 20))
    try:
        examiner = make_examiner()
    except InputError as error:
        channel.send({'failed': str(error)})
        return
    channel.send({'ready': examiner.describe()})
    while True:
        order, _ = channel.receive()
        channel.send(_examine(channel, examiner, **order))


def _examine(
    channel: MessageChannel,
    examiner: Examiner,
    upload: str,
    folder: str,
    name: str,
    number: int,
) -> dict[str, Any]:
    def report(stage: str, done: int, total: int | None) -> None:
        channel.send({'stage': stage, 'done': done, 'total': total})

    tempfile.tempdir = str(Path(folder).parent)  # what is left there goes with the job
    try:
        return {'findings': examiner.examine(Path(upload), Path(folder), name, report)}
    except ConnectionError:
        raise
    except Exception as error:
        if isinstance(error, Refusal):
            refusal = error
        elif getattr(error, 'errno', None) in FULL_DISK_ERRORS:
            logger.error('the results of video %s: %s', number, error)
            refusal = Limits.refuse_disk()
        else:
            logger.exception('video %s failed', number)
            refusal = Refusal('server', 'Internal error; see the server log.')
        return {'refusal': refusal.kind, 'message': refusal.message}
