"""The process that opens the uploads: a decoder may crash or hang on what it is given.

It talks JSON with the server over a pipe. The server believes nothing but JSON from it:
an upload that takes a decoder over still has no way into the server's process.
"""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

from mmdeepfake.errors import InputError
from mmdeepfake.files.atomic_write import FULL_DISK_ERRORS
from mmdeepfake.video.isolation.process_limits import restrict_process

from .limits import Limits, Refusal

logger = logging.getLogger(__name__)


class Examiner(Protocol):
    """What looks at uploads; see `VideoExaminer`."""

    def describe(self) -> dict[str, Any]:
        """Give what every visitor is told of the model."""
        ...

    def examine(
        self,
        upload: Path,
        folder: Path,
        name: str,
        tell: Callable[[str, int, int | None], None],
    ) -> dict[str, Any]:
        """Give the findings of one upload, or raise `Refusal`."""
        ...


MakeExaminer = Callable[[], Examiner]


def serve_uploads(
    connection: Connection, make_examiner: MakeExaminer, limits: Limits
) -> None:
    """Examine one upload after another until the server closes the pipe.

    Args:
        connection: to the server.
        make_examiner: loads the model; an `InputError` of it goes to the server.
        limits: what may be written is bounded by the size of an upload.
    """
    # The annotated video may be larger than what it was drawn from.
    restrict_process(file_bytes=4 * limits.max_bytes + (64 << 20))
    try:
        examiner = make_examiner()
    except InputError as error:
        _send(connection, {'failed': str(error)})
        return
    _send(connection, {'ready': examiner.describe()})
    while True:
        try:
            order = json.loads(connection.recv_bytes())
        except EOFError:
            return
        _send(connection, _examine(connection, examiner, order))


def _examine(
    connection: Connection, examiner: Examiner, order: dict[str, str]
) -> dict[str, Any]:
    def tell(stage: str, done: int, total: int | None) -> None:
        _send(connection, {'stage': stage, 'done': done, 'total': total})

    folder = Path(order['folder'])
    tempfile.tempdir = str(folder.parent)  # what is left there goes with the job
    try:
        return {
            'findings': examiner.examine(
                Path(order['upload']), folder, order['name'], tell
            )
        }
    except Refusal as refusal:
        return {'refusal': refusal.kind, 'message': refusal.message}
    except (BrokenPipeError, ConnectionResetError):
        raise
    except Exception as error:
        if getattr(error, 'errno', None) in FULL_DISK_ERRORS:
            logger.error('the results of video %s: %s', order['number'], error)
            refusal = Limits.refuse_disk()
            return {'refusal': refusal.kind, 'message': refusal.message}
        logger.exception('video %s failed', order['number'])
        return {
            'refusal': 'server',
            'message': 'The server could not examine this video. It was told why.',
        }


def _send(connection: Connection, message: dict[str, Any]) -> None:
    connection.send_bytes(json.dumps(message).encode())
