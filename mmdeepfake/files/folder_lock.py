"""A lock on a folder: one run at a time, and the second one hears of the first.

The lock is the system's (flock, by filelock), so it ends with the process that holds
it, also by kill -9, and a worker that this process forks does not hold it. On a network
drive it keeps out the other machines only where the drive passes locks on, as NFS 4
does; where a drive knows none at all, nobody is kept out.
"""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from mmdeepfake.errors import DataError

from .atomic_write import name_output_in_errors

# Errors of file systems without locks, on which no process is kept out.
_NO_LOCKS_HERE = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


class FolderInUseError(DataError):
    """Another process holds the lock.

    Attributes:
        owner: the process that holds it, if the file names it.
    """

    def __init__(self, message: str, owner: str = '') -> None:
        super().__init__(message)
        self.owner = owner


@contextmanager
def hold_lock(path: str | os.PathLike[str], *, wait: bool = False) -> Iterator[None]:
    """Hold the lock that a file stands for; the file is made and stays.

    Args:
        path: of the file, in the folder that is locked; the folder is made.
        wait: for others to end, instead of raising.

    Raises:
        FolderInUseError: another process holds it; the message and `owner` name it.
        OutputError: the folder or the file cannot be made.
    """
    path = Path(path)
    lock = FileLock(path, timeout=-1 if wait else 0, fallback_to_soft=False)
    with name_output_in_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout as error:
            owner = path.read_text(encoding='utf-8').strip()
            raise FolderInUseError(
                f'another run is in progress in {str(path.parent)!r} '
                f'({owner or "unnamed"}); wait for it or stop it',
                owner,
            ) from error
        except OSError as error:
            if error.errno not in _NO_LOCKS_HERE:
                raise
    try:
        with name_output_in_errors(path):
            path.write_text(describe_this_process(), encoding='utf-8')
        yield
    finally:
        lock.release()


def describe_this_process() -> str:
    """Return e.g. 'process 4711 on gpu3, since 2026-11-23 15:04:05 +0000'."""
    since = time.strftime('%Y-%m-%d %H:%M:%S %z')
    return f'process {os.getpid()} on {socket.gethostname()}, since {since}'
