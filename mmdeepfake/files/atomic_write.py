"""Files that are written whole or not at all.

A file is made under a temporary name in its own folder and renamed when all of it is on
the disk. Whoever is killed, or finds the disk full, leaves the old file or none.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from mmdeepfake.errors import OutputError

# Faults of the place that is written to, whatever file was at hand.
FULL_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
_RUN_AGAIN = 'then run the same command again'
_ADVICE = {
    errno.ENOSPC: f'make room there, {_RUN_AGAIN}',
    errno.EDQUOT: f'make room within the quota, {_RUN_AGAIN}',
    errno.EFBIG: 'allow larger files (ulimit -f), or choose another disk',
    errno.EROFS: 'choose a folder that can be written to',
    errno.EACCES: 'choose a place that you may write to, or change its permissions',
    errno.EPERM: 'choose a place that you may write to, or change its permissions',
    errno.ENAMETOOLONG: 'choose a shorter name',
    errno.ENOTDIR: 'a part of the path is a file; choose another folder',
    errno.EEXIST: 'a file has the name of the folder; choose another folder',
    errno.EISDIR: 'a folder has that name; choose another name',
    errno.EIO: f'the disk fails; see to it, {_RUN_AGAIN}',
    errno.ESTALE: f'the network drive is gone; mount it again, {_RUN_AGAIN}',
    errno.ENOENT: f'its folder is gone; {_RUN_AGAIN}',
}


def output_error(path: str | os.PathLike[str], error: OSError) -> OutputError:
    """Say what could not be written, why, and what to do; `errno` is kept."""
    fault = OutputError(
        f'{os.fspath(path)!r} cannot be written: {_say(error)}. No half-written result '
        f'is left there; {_advise(error)}'
    )
    fault.errno = error.errno
    return fault


def describe_disk_error(error: OSError) -> str | None:
    """Give the message of an error of the operating system that a user can mend.

    Returns:
        None where that is not known to be so: a file that should be there is missing,
        a connection broke.
    """
    if error.errno not in _ADVICE or error.errno in (errno.ENOENT, errno.EEXIST):
        return None
    name = error.filename
    if isinstance(name, str | bytes | os.PathLike):
        what = f'{os.fsdecode(name)!r} cannot be read or written'
    else:
        what = 'a file cannot be read or written'
    return f'{what}: {_say(error)}; {_advise(error)}'


def _say(error: OSError) -> str:
    return os.strerror(error.errno or 0)


def _advise(error: OSError) -> str:
    return _ADVICE.get(error.errno or 0, f'see to it, {_RUN_AGAIN}')


@contextmanager
def name_output_in_errors(
    path: str | os.PathLike[str], *, drafts: Sequence[Path] = ()
) -> Iterator[None]:
    """Turn a fault of the disk, or of this very place, into a message that names it.

    Args:
        path: file or folder that the block writes. A block may read other files: what
            is wrong with one of those is raised as it is.
        drafts: further files that it writes on the way.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        places = [Path(path).absolute(), *drafts]
        if error.errno not in FULL_DISK_ERRORS and not is_about(error, places):
            raise
        raise output_error(path, error) from error


def is_about(error: OSError, places: Sequence[Path]) -> bool:
    """Whether a file operation failed on one of these, in it or above it.

    Args:
        error: names the file in most cases; that of a write or a read names none.
        places: absolute paths of files and folders.
    """
    for name in (error.filename, error.filename2):
        if isinstance(name, str | bytes | os.PathLike):
            named = Path(os.fsdecode(name)).absolute()
            for place in places:
                if named == place or place in named.parents or named in place.parents:
                    return True
    return False


@contextmanager
def replacing(
    path: str | os.PathLike[str], *, alone: bool = False, suffix: str = ''
) -> Iterator[Path]:
    """Give a temporary path to write; the file gets its name when the block ends well.

    Args:
        path: of the file; its folder is made. A link is followed, an old file replaced
            unless it is read-only.
        alone: no one else writes this file meanwhile, since a lock is held: then the
            temporary name is the same each time, and what a killed run left is written
            over.
        suffix: of the temporary name, for a library that goes by it.

    Yields:
        A path in the same folder.

    Raises:
        OutputError: the file cannot be written; the old one is as it was.
    """
    target = Path(os.path.realpath(path) if os.path.islink(path) else path)
    writer = '' if alone else f'.{os.getpid()}'
    temporary = target.with_name(f'.{target.name}{writer}.tmp{suffix}')
    with name_output_in_errors(target, drafts=[temporary.absolute()]):
        _refuse_to_replace(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            _flush_to_disk(temporary)
            os.replace(temporary, target)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def _refuse_to_replace(target: Path) -> None:
    """Refuse what renaming would silently do away with: it asks the folder alone."""
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    if not target.exists():
        return
    if not target.is_file():
        raise OutputError(f'{str(target)!r} is no regular file; choose another name')
    os.close(os.open(target, os.O_WRONLY))


def _flush_to_disk(path: Path) -> None:
    # Network drives and quotas may tell only now that there was no room.
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_bytes(
    path: str | os.PathLike[str], content: bytes | memoryview, *, alone: bool = False
) -> None:
    """Write a file whole or not at all; see `replacing`."""
    with replacing(path, alone=alone) as temporary:
        temporary.write_bytes(content)


def replace_text(
    path: str | os.PathLike[str],
    text: str,
    *,
    alone: bool = False,
    errors: str = 'strict',
) -> None:
    """Write a UTF-8 file whole or not at all; see `replacing` and `str.encode`."""
    replace_bytes(path, text.encode('utf-8', errors), alone=alone)
