"""Atomic file writes.

A file is written under a temporary name in the same folder and renamed once it is on
disk. A killed process or a full disk leaves the old file or none.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from mmdeepfake.errors import OutputError

# Errors of the disk or file system itself, whatever the file.
FULL_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
_RUN_AGAIN = 'then run the same command again'
_ADVICE = {
    errno.ENOSPC: f'free some space, {_RUN_AGAIN}',
    errno.EDQUOT: f'free some of the quota, {_RUN_AGAIN}',
    errno.EFBIG: 'allow larger files (ulimit -f), or use another disk',
    errno.EROFS: 'choose a writable folder',
    errno.EACCES: 'choose a writable place, or change its permissions',
    errno.EPERM: 'choose a writable place, or change its permissions',
    errno.ENAMETOOLONG: 'choose a shorter name',
    errno.ENOTDIR: 'a part of the path is a file; choose another folder',
    errno.EEXIST: 'the folder exists as a file; choose another folder',
    errno.EISDIR: 'it is a folder; choose another name',
    errno.EIO: f'the disk is failing; check it, {_RUN_AGAIN}',
    errno.ESTALE: f'the network drive is gone; remount it, {_RUN_AGAIN}',
    errno.ENOENT: f'its folder is gone; {_RUN_AGAIN}',
}


def output_error(path: str | os.PathLike[str], error: OSError) -> OutputError:
    """Return an `OutputError` that names file, reason and fix; `errno` is kept."""
    result = OutputError(
        f'{os.fspath(path)!r} cannot be written: {_reason(error)}. No partial result '
        f'is left; {_advice(error)}'
    )
    result.errno = error.errno
    return result


def describe_disk_error(error: OSError) -> str | None:
    """Return the message of a system error that a user can fix.

    Returns:
        None for others, such as a missing file or a broken connection.
    """
    if error.errno not in _ADVICE or error.errno in (errno.ENOENT, errno.EEXIST):
        return None
    name = error.filename
    if isinstance(name, str | bytes | os.PathLike):
        what = repr(os.fsdecode(name))
    else:
        what = 'a file'
    return f'{what} cannot be read or written: {_reason(error)}; {_advice(error)}'


def _reason(error: OSError) -> str:
    return os.strerror(error.errno or 0)


def _advice(error: OSError) -> str:
    return _ADVICE.get(error.errno or 0, f'fix this, {_RUN_AGAIN}')


@contextmanager
def name_output_in_errors(
    path: str | os.PathLike[str], *, temporary: Sequence[Path] = ()
) -> Iterator[None]:
    """Turn errors of the disk, or about this path, into an `OutputError`.

    Args:
        path: file or folder that the block writes. Errors about other files, which the
            block may read, are raised unchanged.
        temporary: further files that the block writes.
    """
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        places = [Path(path).absolute(), *temporary]
        if error.errno not in FULL_DISK_ERRORS and not is_about(error, places):
            raise
        raise output_error(path, error) from error


def is_about(error: OSError, places: Sequence[Path]) -> bool:
    """Return whether a file operation failed on one of these, inside or above it.

    Args:
        error: usually names the file; errors of writes and reads name none.
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
    """Yield a temporary path; rename it to `path` when the block succeeds.

    Args:
        path: target file; its folder is created. Links are followed, an existing file
            is replaced unless it is read-only.
        alone: no other process writes this file, since a lock is held. The temporary
            name is then fixed, and leftovers of a killed run are overwritten.
        suffix: of the temporary name, for libraries that derive the format from it.

    Yields:
        A path in the same folder.

    Raises:
        OutputError: the file cannot be written; the old one is unchanged.
    """
    target = Path(os.path.realpath(path) if os.path.islink(path) else path)
    writer = '' if alone else f'.{os.getpid()}'
    temporary = target.with_name(f'.{target.name}{writer}.tmp{suffix}')
    with name_output_in_errors(target, temporary=[temporary.absolute()]):
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
    """Refuse targets that renaming would silently replace."""
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    if not target.exists():
        return
    if not target.is_file():
        raise OutputError(f'{str(target)!r} is not a regular file; choose another name')
    os.close(os.open(target, os.O_WRONLY))


def _flush_to_disk(path: Path) -> None:
    # Network drives and quotas may report a full disk only now.
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_bytes(
    path: str | os.PathLike[str], content: bytes | memoryview, *, alone: bool = False
) -> None:
    """Write a file atomically; see `replacing`."""
    with replacing(path, alone=alone) as temporary:
        temporary.write_bytes(content)


def replace_text(
    path: str | os.PathLike[str],
    text: str,
    *,
    alone: bool = False,
    errors: str = 'strict',
) -> None:
    """Write a UTF-8 file atomically; see `replacing` and `str.encode`."""
    replace_bytes(path, text.encode('utf-8', errors), alone=alone)


def replace_json(
    path: str | os.PathLike[str], value: object, *, alone: bool = False
) -> None:
    """Write JSON atomically; see `replacing`."""
    replace_text(path, json.dumps(value, indent=2) + '\n', alone=alone)
