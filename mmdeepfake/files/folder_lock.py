"""A lock on a folder: one run at a time, and the second one hears of the first.

The lock is the system's (flock), so it ends with the process that holds it, also by
kill -9, and what lies in the file says no more than who held it last. On a network
drive it keeps out the other machines only where the drive passes locks on, as NFS 4
does; where a drive knows none at all, nobody is kept out.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from mmdeepfake.errors import DataError

from .atomic_write import name_output_in_errors

# Locks that a file system does not know; on such a one nobody is kept out.
_NO_LOCKS_HERE = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
_held: weakref.WeakSet[TextIO] = weakref.WeakSet()


class FolderInUseError(DataError):
    """Another process holds the lock.

    Attributes:
        owner: who, as far as the file tells; '' where locks are shared.
    """

    def __init__(self, message: str, owner: str = '') -> None:
        super().__init__(message)
        self.owner = owner


@contextmanager
def hold_lock(
    path: str | os.PathLike[str], *, exclusive: bool = True, wait: bool = False
) -> Iterator[TextIO]:
    """Hold the lock that a file stands for; the file is made and stays.

    Args:
        path: of the file, in the folder that is locked; the folder is made.
        exclusive: False shares the lock with others who do so too.
        wait: for others to end, instead of raising.

    Yields:
        The open file. A command that inherits it (`pass_fds`) holds the lock as well; a
        fork of this process does not.

    Raises:
        FolderInUseError: another process holds it; the message and `owner` tell which.
        OutputError: the folder or the file cannot be made.
    """
    path = Path(path)
    with name_output_in_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path, 'a+', encoding='utf-8')  # 'w' would wipe out the owner's name
    with file:
        _lock(file, path, exclusive=exclusive, wait=wait)
        _held.add(file)
        with name_output_in_errors(path):
            os.ftruncate(file.fileno(), 0)  # who held it before is of no interest
            if exclusive:
                os.write(file.fileno(), describe_this_process().encode())
        yield file


def _lock(file: TextIO, path: Path, *, exclusive: bool, wait: bool) -> None:
    kind = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
    try:
        fcntl.flock(file, kind if wait else kind | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.seek(0)
        owner = file.read().strip()
        raise FolderInUseError(
            f'another run is at work in {str(path.parent)!r} ({owner or "unnamed"}); '
            'wait for it or stop it',
            owner,
        ) from error
    except OSError as error:
        if error.errno not in _NO_LOCKS_HERE:
            raise


def describe_this_process() -> str:
    """Say who this is: 'process 4711 on gpu3, since 2026-11-23 15:04:05 +0000'."""
    since = time.strftime('%Y-%m-%d %H:%M:%S %z')
    return f'process {os.getpid()} on {socket.gethostname()}, since {since}'


def _close_in_fork() -> None:
    """Leave the lock to the parent: else a worker would keep it when that is killed."""
    for file in list(_held):
        file.close()


os.register_at_fork(after_in_child=_close_in_fork)
