"""What a process that opens foreign files may take of its machine."""

from __future__ import annotations

import logging
import os
import resource
import signal
from pathlib import Path

logger = logging.getLogger(__name__)

# Above that of other processes: should memory run out, the worker goes first.
_OOM_SCORE = '500'


def restrict_process(*, file_bytes: int | None = None) -> None:
    """Make this process one that may be lost: it leaves nothing, and goes first.

    It writes no core file, is the first to be ended where memory runs out, and lives on
    at Ctrl-C, which goes to all processes of a terminal: its parent ends it.

    Args:
        file_bytes: size of the largest file that it may write; None bounds nothing.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if file_bytes is not None:
        _limit(resource.RLIMIT_FSIZE, file_bytes)
    try:
        Path('/proc/self/oom_score_adj').write_text(_OOM_SCORE)
    except OSError as error:
        logger.info('oom_score_adj is not set: %s', os.strerror(error.errno or 0))


def limit_memory(num_bytes: int) -> bool:
    """Let this process map so many bytes more than it has now (`RLIMIT_AS`).

    Returns:
        Whether it is limited: only Linux tells how much is mapped.
    """
    try:
        num_pages = int(Path('/proc/self/statm').read_text().split()[0])
    except OSError:
        return False
    _limit(resource.RLIMIT_AS, num_pages * resource.getpagesize() + num_bytes)
    return True


def _limit(kind: int, most: int) -> None:
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(kind, (most, hard))
