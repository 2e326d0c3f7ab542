"""The files in a tar archive one after another, none of which is believed.

An archive that others made may name files outside of it, hold links and devices, or
grow without end. All of this is refused, and what is read is bounded beforehand: the
largest archive of WildDeepfake is far below every limit here.
"""

from __future__ import annotations

import bz2
import gzip
import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import IO

from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.files.bounded_reading import is_inner_path, shorten

MAX_MEMBERS = 1_000_000
MAX_BYTES = 16 << 30  # of an unpacked archive
MAX_FILE_BYTES = 64 << 20  # of one file that is read
MAX_RATIO = 20  # unpacked over packed; pictures hardly get smaller
_FREE_BYTES = 256 << 20  # up to here the ratio does not matter
_HEADER_BYTES = 1 << 20  # names and comments of one member
_BLOCK = 512  # bytes; a header is one, and files are filled up to some
_MAX_NAME_BYTES = 255  # what file systems take
_PACKED = {b'\x1f\x8b': gzip.open, b'BZh': bz2.open}


def read_members(
    archive: str | os.PathLike[str], is_wanted: Callable[[str], bool]
) -> Iterator[tuple[str, bytes | None]]:
    """Give the name of each file, and its content if it is wanted.

    Args:
        archive: a .tar, or one packed by gzip or bzip2.
        is_wanted: told the name, without './' before it.

    Raises:
        DataNotFoundError: there is no such archive.
        DataError: it is damaged or ends too early; it is larger than allowed; or it
            holds a link, a device, a name twice, or one that leads out of it.
    """
    path = os.fspath(archive)
    if not os.path.isfile(path):
        raise DataNotFoundError(f'no archive {path!r}')
    with open(path, 'rb') as file:
        try:
            yield from _walk(_Unpacked(file, os.path.getsize(path)), is_wanted)
        except _RefusedError as error:
            raise DataError(f'archive {path!r} {error}; it is not unpacked') from error
        except Exception as error:  # torn bytes make tarfile fail in many ways
            if isinstance(error, OSError) and error.errno:  # the disk's fault
                raise
            raise DataError(
                f'archive {path!r} ({os.path.getsize(path)} bytes) is truncated, '
                f'damaged or no tar archive ({error}); copy it again'
            ) from error


class _RefusedError(Exception):
    """The archive is whole, but not one that anybody would give out."""


class _Unpacked:
    """The bytes of an archive, as far as they may be read by now.

    Attributes:
        num_read: how many were.
        max_read: how many may be.
        tail: the last ones.
    """

    def __init__(self, file: IO[bytes], num_packed: int) -> None:
        start = file.read(3)
        file.seek(0)
        unpack = next((_PACKED[m] for m in _PACKED if start.startswith(m)), None)
        self._file = file if unpack is None else unpack(file)
        self.num_packed = num_packed
        self.num_read = 0
        self.max_read = _HEADER_BYTES
        self.tail = b''

    def read(self, size: int) -> bytes:
        """Give some bytes; tarfile asks for 10 KB at a time."""
        content = self._file.read(size)
        self.num_read += len(content)
        if self.num_read > self.max_read:
            raise _RefusedError(
                f'has a header of more than {_HEADER_BYTES} bytes, or bytes behind '
                'its end'
            )
        self.tail = (self.tail + content)[-4 * tarfile.RECORDSIZE :]
        return content

    def block_at(self, offset: int) -> bytes:
        """Give the block that begins there, among the bytes read last."""
        start = offset - (self.num_read - len(self.tail))
        return self.tail[start : start + _BLOCK] if start >= 0 else b'?'


def _walk(
    unpacked: _Unpacked, is_wanted: Callable[[str], bool]
) -> Iterator[tuple[str, bytes | None]]:
    seen: set[str] = set()
    # 'r|' reads on and on, without a way back: one pass, whatever the size.
    with tarfile.open(fileobj=unpacked, mode='r|') as tar:
        end = num_members = 0
        while (member := tar.next()) is not None:
            if tar.offset <= end:
                raise tarfile.ReadError('a file of less than no bytes')
            end = tar.offset
            num_members += 1
            _check_size(unpacked, num_members=num_members, num_bytes=end)
            unpacked.max_read = end + _HEADER_BYTES
            tar.members.clear()  # or it keeps every one
            name = _check_member(member, seen)
            if not member.isfile():
                continue
            content = None
            if is_wanted(name):
                content = tar.extractfile(member).read()
            yield name, content
        # tarfile takes a damaged header for the end.
        block = unpacked.block_at(end)
        if len(block) not in (0, _BLOCK) or block.strip(b'\0'):
            raise tarfile.ReadError('a header in it is damaged')
        while unpacked.read(1 << 16):  # at its end a checksum tells of damage
            pass


def _check_size(unpacked: _Unpacked, *, num_members: int, num_bytes: int) -> None:
    most = min(MAX_BYTES, max(_FREE_BYTES, MAX_RATIO * unpacked.num_packed))
    if num_bytes > most or num_members > MAX_MEMBERS:
        raise _RefusedError(
            f'grows from {unpacked.num_packed} bytes to {num_bytes} and more, in '
            f'{num_members} files so far; allowed are {most} bytes ({MAX_RATIO} times '
            f'its own size, at most {MAX_BYTES}) and {MAX_MEMBERS} files'
        )


def _check_member(member: tarfile.TarInfo, seen: set[str]) -> str:
    name = str(PurePosixPath(member.name))
    if len(os.fsencode(PurePosixPath(name).name)) > _MAX_NAME_BYTES:
        raise _RefusedError(
            f'names a file of more than {_MAX_NAME_BYTES} bytes: {shorten(name)}'
        )
    if not is_inner_path(member.name):
        raise _RefusedError(f'names {shorten(member.name)}, which leads out of it')
    if member.isdir():
        return name
    if not member.isfile() or member.issparse():
        kind = 'a link' if member.issym() or member.islnk() else 'no plain file'
        raise _RefusedError(f'holds {shorten(name)}, which is {kind}')
    if member.size > MAX_FILE_BYTES:
        raise _RefusedError(
            f'holds {shorten(name)} of {member.size} bytes; up to {MAX_FILE_BYTES} '
            'are read'
        )
    if name in seen:
        raise _RefusedError(f'holds {shorten(name)} twice')
    seen.add(name)
    return name
