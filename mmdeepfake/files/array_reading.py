"""Reading of untrusted numeric arrays: no pickles, no oversized allocations.

`numpy.load` allocates what the header claims, which may exceed any memory, and inflates
compressed archives without a limit. Here sizes are checked against the bytes present
first.
"""

from __future__ import annotations

import functools
import io
import math
import os
import zipfile
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

# Twice the size of 68 landmarks a frame over a ten-hour video.
MAX_ARRAY_BYTES = 1 << 30
_MAX_MEMBERS = 100
# We write archives uncompressed; zeros compress 1000 to 1.
_MAX_RATIO = 100
_FREE_BYTES = 16 << 20  # the ratio is not checked up to here
_NUMBERS = 'biuf'  # numpy's letters for bool, integer and float
# For each version of the format, bytes of the header's length, and its parser.
_HEADERS = {
    (1, 0): (2, npy_format.read_array_header_1_0),
    (2, 0): (4, npy_format.read_array_header_2_0),
}


def read_arrays(path: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    """Read all arrays of an .npz archive by name.

    Raises:
        OSError: the file is missing or cannot be read.
        ValueError: it is not an archive of numeric arrays, is damaged or too large.
    """
    with open(path, 'rb') as file:
        return _read_archive(file)


def read_array(path: str | os.PathLike[str], *, name: str = '') -> NDArray[Any]:
    """Read an .npy file, or the array `name` of an .npz archive.

    Raises:
        OSError: the file is missing or cannot be read.
        ValueError: it holds no such numeric array, is damaged or too large.
    """
    with open(path, 'rb') as file:
        is_single = file.read(len(npy_format.MAGIC_PREFIX)) == npy_format.MAGIC_PREFIX
        file.seek(0)
        if is_single or not name:
            return read_npy(file, os.fstat(file.fileno()).st_size)
        arrays = _read_archive(file)
    if name not in arrays:
        raise ValueError(f'it has no array {name!r}')
    return arrays[name]


def _read_archive(file: IO[bytes]) -> dict[str, NDArray[Any]]:
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            _check_sizes(members)
            arrays = {}
            for member in members:
                with archive.open(member) as content:
                    name = member.filename.removesuffix('.npy')
                    arrays[name] = read_npy(content, member.file_size)
    except OSError:
        raise
    except Exception as error:  # zipfile and zlib fail in many ways on damaged bytes
        raise ValueError(_describe(error)) from error
    if len(arrays) < len(members):
        raise ValueError('two of its arrays have the same name')
    return arrays


def _check_sizes(members: list[zipfile.ZipInfo]) -> None:
    total = sum(member.file_size for member in members)
    if total > MAX_ARRAY_BYTES or len(members) > _MAX_MEMBERS:
        raise ValueError(
            f'it holds {len(members)} arrays, {total} bytes in total; the limits are '
            f'{_MAX_MEMBERS} and {MAX_ARRAY_BYTES}'
        )
    check_expansion(members, max_ratio=_MAX_RATIO, free_bytes=_FREE_BYTES)


def check_expansion(
    members: list[zipfile.ZipInfo], *, max_ratio: int, free_bytes: int
) -> None:
    """Raise a `ValueError` if an archive would expand too much; see 'zip bomb'."""
    total = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members)
    if total > max(free_bytes, max_ratio * packed):
        raise ValueError(
            f'it expands from {packed} to {total} bytes; the limit is {max_ratio}-fold'
        )


def read_npy(file: IO[bytes], num_bytes: int) -> NDArray[Any]:
    """Read one array in numpy's .npy format.

    Args:
        file: open file, positioned at its start.
        num_bytes: size of the file.

    Raises:
        ValueError: it is not a numeric array, or is shorter than its header claims.
    """
    try:
        version = npy_format.read_magic(file)
        if version not in _HEADERS:
            raise ValueError(f'.npy version {version} is not supported')
        length = file.read(_HEADERS[version][0])
        text = file.read(int.from_bytes(length, 'little'))
        shape, is_column_major, dtype = _parse_header(version, length + text)
    except Exception as error:  # the header is arbitrary text
        raise ValueError(_describe(error)) from error
    if dtype.kind not in _NUMBERS or dtype.hasobject:
        raise ValueError(f'it holds {dtype}; only numbers are allowed')
    needed = math.prod(shape) * dtype.itemsize
    present = num_bytes - file.tell()
    if min(shape, default=0) < 0 or not needed <= present:
        raise ValueError(
            f'its header claims {dtype} of shape {shape}, {needed} bytes, but '
            f'{present} are present'
        )
    if needed > MAX_ARRAY_BYTES:
        raise ValueError(f'{needed} bytes; the limit is {MAX_ARRAY_BYTES}')
    content = bytearray(needed)  # not bytes, so that the array is writable
    if file.readinto(content) != needed:  # type: ignore[attr-defined]
        raise ValueError('it is truncated')
    values = np.frombuffer(content, dtype)
    return values.reshape(shape, order='F' if is_column_major else 'C')


@functools.lru_cache(256)  # parsing takes longer than reading a track's boxes
def _parse_header(
    version: tuple[int, int], header: bytes
) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    return _HEADERS[version][1](io.BytesIO(header))


def _describe(error: Exception) -> str:
    # zipfile may quote the offending bytes in full.
    return str(error).split('\n')[0][:150] or type(error).__name__
