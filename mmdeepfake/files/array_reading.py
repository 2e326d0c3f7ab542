"""Arrays of numbers that others stored: no code is run, nothing is believed unseen.

`numpy.load` makes room for what the header of an array claims, which may be more than
any machine has, and for what a packed archive grows to. Here the claim is compared with
the bytes that are there first.
"""

from __future__ import annotations

import math
import os
import zipfile
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

# The 68 points of a video of ten hours are half of it.
MAX_ARRAY_BYTES = 1 << 30
_MAX_MEMBERS = 100
# An archive of ours is not packed at all; zeros are packed 1000 to 1.
_MAX_RATIO = 100
_FREE_BYTES = 16 << 20  # up to here the ratio does not matter
_NUMBERS = 'biuf'  # numpy's letters of bool, whole numbers and floats
_HEADERS = {
    (1, 0): npy_format.read_array_header_1_0,
    (2, 0): npy_format.read_array_header_2_0,
}


def read_arrays(path: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    """Read all arrays of an .npz archive by their names.

    Raises:
        OSError: there is no such file, or it cannot be read.
        ValueError: it is no archive of arrays of numbers, damaged or too large.
    """
    with open(path, 'rb') as file:
        return _read_archive(file)


def read_array(path: str | os.PathLike[str], *, name: str = '') -> NDArray[Any]:
    """Read an .npy file or, if a name is given and it is one, from an .npz archive.

    Raises:
        OSError: there is no such file, or it cannot be read.
        ValueError: it holds no such array of numbers, is damaged or too large.
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
    except Exception as error:  # torn bytes make zipfile and zlib fail in many ways
        raise ValueError(_describe(error)) from error
    if len(arrays) < len(members):
        raise ValueError('two of its arrays have the same name')
    return arrays


def _check_sizes(members: list[zipfile.ZipInfo]) -> None:
    total = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members)
    if total > MAX_ARRAY_BYTES or len(members) > _MAX_MEMBERS:
        raise ValueError(
            f'it holds {len(members)} arrays of {total} bytes in all; allowed are '
            f'{_MAX_MEMBERS} and {MAX_ARRAY_BYTES}'
        )
    if total > max(_FREE_BYTES, _MAX_RATIO * packed):
        raise ValueError(
            f'it grows from {packed} to {total} bytes; more than {_MAX_RATIO}-fold is '
            'not unpacked'
        )


def read_npy(file: IO[bytes], num_bytes: int) -> NDArray[Any]:
    """Read one array in numpy's own format.

    Args:
        file: stands at its begin.
        num_bytes: that are there.

    Raises:
        ValueError: it is no array of numbers, or has not the bytes that it claims.
    """
    try:
        version = npy_format.read_magic(file)
        if version not in _HEADERS:
            raise ValueError(f"it is of version {version} of numpy's format")
        shape, is_column_major, dtype = _HEADERS[version](file)
    except Exception as error:  # the header is text, and any text may stand there
        raise ValueError(_describe(error)) from error
    if dtype.kind not in _NUMBERS or dtype.hasobject:
        raise ValueError(f'it holds {dtype}; numbers are allowed')
    wanted = math.prod(shape) * dtype.itemsize
    there = num_bytes - file.tell()
    if min(shape, default=0) < 0 or not wanted <= there:
        raise ValueError(
            f'it claims {dtype} of shape {shape}, {wanted} bytes, and has {there}'
        )
    if wanted > MAX_ARRAY_BYTES:
        raise ValueError(f'{wanted} bytes; up to {MAX_ARRAY_BYTES} are read')
    content = bytearray(wanted)  # not bytes: the array can be written to
    if file.readinto(content) != wanted:
        raise ValueError('it is cut short')
    values = np.frombuffer(content, dtype)
    return values.reshape(shape, order='F' if is_column_major else 'C')


def _describe(error: Exception) -> str:
    # zipfile shows the bytes that it stumbled over, all of them.
    return str(error).split('\n')[0][:150] or type(error).__name__
