"""Sequential reading of untrusted tar archives.

A foreign archive may name files outside of it, hold links and devices, or expand
without limit. All of this is refused, and reads are bounded in advance; the largest
archive of WildDeepfake is far below every limit here.
"""

from __future__ import annotations

import bz2
import gzip
import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import IO, Any, cast

from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.files.bounded_reading import is_inner_path, shorten

MAX_MEMBERS = 1_000_000
MAX_BYTES = 16 << 30  # of an unpacked archive
MAX_FILE_BYTES = 64 << 20
MAX_RATIO = 20  # unpacked over packed; images hardly compress
_FREE_BYTES = 256 << 20  # the ratio is not checked up to here
_HEADER_BYTES = 1 << 20  # names and comments of one member
_BLOCK = 512  # bytes; the size of a header, and files are padded to it
_MAX_NAME_BYTES = 255  # limit of file systems
_PACKED: dict[bytes, Callable[[IO[bytes]], Any]] = {
    b'\x1f\x8b': gzip.open,
    b'BZh': bz2.open,
}


def read_members(
    archive: str | os.PathLike[str], is_wanted: Callable[[str], bool]
) -> Iterator[tuple[str, bytes | None]]:
    """Yield the name of each file, and its content if `is_wanted(name)`.

    Args:
        archive: a .tar, optionally compressed by gzip or bzip2.
        is_wanted: receives the name without a leading './'.

    Raises:
        DataNotFoundError: the archive does not exist.
        DataError: it is damaged, truncated or too large, or holds a link, a device, a
            repeated name, or a path that leads out of it.
    """
    path = os.fspath(archive)
    if not os.path.isfile(path):
        raise DataNotFoundError(f'no archive {path!r}')
    with open(path, 'rb') as file:
        try:
            yield from _walk(_Unpacked(file, os.path.getsize(path)), is_wanted)
        except _RefusedError as error:
            raise DataError(f'archive {path!r} {error}; it is refused') from error
        except Exception as error:  # tarfile fails in many ways on damaged bytes
            if isinstance(error, OSError) and error.errno:  # an error of the disk
                raise
            raise DataError(
                f'archive {path!r} ({os.path.getsize(path)} bytes) is truncated, '
                f'damaged or not a tar archive ({error}); copy it again'
            ) from error


class _RefusedError(Exception):
    """The archive is intact but has suspicious content."""


class _Unpacked:
    """The decompressed bytes of an archive, up to a limit that grows with its members.

    Attributes:
        num_read: number of bytes read.
        max_read: number of bytes that may be read.
        tail: the last bytes read.
    """

    def __init__(self, file: IO[bytes], num_packed: int) -> None:
        start = file.read(3)
        file.seek(0)
        unpack = next((_PACKED[m] for m in _PACKED if start.startswith(m)), None)
        self._file: IO[bytes] = file if unpack is None else unpack(file)
        self.num_packed = num_packed
        self.num_read = 0
        self.max_read = _HEADER_BYTES
        self.tail = b''

    def read(self, size: int) -> bytes:
        """Read some bytes; tarfile asks for 10 KB at a time."""
        content = self._file.read(size)
        self.num_read += len(content)
        if self.num_read > self.max_read:
            raise _RefusedError(
                f'has a header of more than {_HEADER_BYTES} bytes, or data after its '
                'end'
            )
        self.tail = (self.tail + content)[-4 * tarfile.RECORDSIZE :]
        return content

    def block_at(self, offset: int) -> bytes:
        """Return the block at an offset among the bytes read last."""
        start = offset - (self.num_read - len(self.tail))
        return self.tail[start : start + _BLOCK] if start >= 0 else b'?'


def _walk(
    unpacked: _Unpacked, is_wanted: Callable[[str], bool]
) -> Iterator[tuple[str, bytes | None]]:
    seen: set[str] = set()
    # 'r|' streams: one pass, whatever the size.
    with tarfile.open(fileobj=cast(IO[bytes], unpacked), mode='r|') as tar:
        end = num_members = 0
        while (member := tar.next()) is not None:
            if tar.offset <= end:
                raise tarfile.ReadError('a file of negative size')
            end = tar.offset
            num_members += 1
            _check_size(unpacked, num_members=num_members, num_bytes=end)
            unpacked.max_read = end + _HEADER_BYTES
            tar.members.clear()  # type: ignore[attr-defined]  # or it keeps all
            name = _check_member(member, seen)
            if not member.isfile():
                continue
            content = tar.extractfile(member) if is_wanted(name) else None
            yield name, content.read() if content else None
        # tarfile takes a damaged header for the end of the archive.
        block = unpacked.block_at(end)
        if len(block) not in (0, _BLOCK) or block.strip(b'\0'):
            raise tarfile.ReadError('a header in it is damaged')
        while unpacked.read(1 << 16):  # the checksum is at its end
            pass


def _check_size(unpacked: _Unpacked, *, num_members: int, num_bytes: int) -> None:
    most = min(MAX_BYTES, max(_FREE_BYTES, MAX_RATIO * unpacked.num_packed))
    if num_bytes > most or num_members > MAX_MEMBERS:
        raise _RefusedError(
            f'expands from {unpacked.num_packed} bytes to {num_bytes} or more, in '
            f'{num_members} files so far; the limits are {most} bytes ({MAX_RATIO} '
            f'times its size, at most {MAX_BYTES}) and {MAX_MEMBERS} files'
        )


def _check_member(member: tarfile.TarInfo, seen: set[str]) -> str:
    name = str(PurePosixPath(member.name))
    if len(os.fsencode(PurePosixPath(name).name)) > _MAX_NAME_BYTES:
        raise _RefusedError(
            f'holds a file name of more than {_MAX_NAME_BYTES} bytes: {shorten(name)}'
        )
    if not is_inner_path(member.name):
        raise _RefusedError(f'holds {shorten(member.name)}, which leads out of it')
    if member.isdir():
        return name
    if not member.isfile() or member.issparse():
        kind = 'a link' if member.issym() or member.islnk() else 'not a regular file'
        raise _RefusedError(f'holds {shorten(name)}, which is {kind}')
    if member.size > MAX_FILE_BYTES:
        raise _RefusedError(
            f'holds {shorten(name)} of {member.size} bytes; the limit is '
            f'{MAX_FILE_BYTES}'
        )
    if name in seen:
        raise _RefusedError(f'holds {shorten(name)} twice')
    seen.add(name)
    return name
