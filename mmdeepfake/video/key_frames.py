"""Whether the frames that an index calls key frames are such.

Whoever seeks begins to decode there. Where an index lost its table of key frames, every
frame counts as one, and what is decoded from the midst of a group is another picture
than the one asked for, or a broken one.
"""

from __future__ import annotations

import os
from typing import Any

_SLICE, _KEY_SLICE = 1, 5  # kinds of H.264's units that hold a picture, Table 7-1
_KEY_SLICE_TYPES = (2, 7)  # I, Table 7-6
_MAX_UNITS = 20  # in front of a frame's first slice; usual are one to four


def has_true_key_frames(stream: Any, path: str | os.PathLike[str]) -> bool:
    """Look at every frame that the index of a file calls a key frame.

    Pictures other than H.264 are believed, unless all of them are called so: then the
    table is lost, or each is coded by itself, as in MJPEG, and decord shows a neighbour
    in place of a damaged one without a word.

    Args:
        stream: of PyAV, with a whole index.
        path: of the file.
    """
    entries = stream.index_entries
    places = [entry.pos for entry in entries if entry.is_keyframe]
    context = stream.codec_context
    head = context.extradata or b''
    if context.name != 'h264' or len(head) < 7 or head[0] != 1:
        return len(places) < len(entries)
    length_bytes = (head[4] & 3) + 1
    with open(path, 'rb', buffering=0) as file:
        return all(_is_key_frame(file.fileno(), at, length_bytes) for at in places)


def _is_key_frame(file: int, at: int, length_bytes: int) -> bool:
    """Look for the first slice of a frame; its units have their lengths in front."""
    for _ in range(_MAX_UNITS):
        unit = os.pread(file, length_bytes + 9, at)
        if len(unit) <= length_bytes + 1:
            return False
        kind = unit[length_bytes] & 31
        if kind == _KEY_SLICE:
            return True
        if kind == _SLICE:
            return _read_slice_type(unit[length_bytes + 1 :]) in _KEY_SLICE_TYPES
        at += length_bytes + int.from_bytes(unit[:length_bytes], 'big')
    return False


def _read_slice_type(head: bytes) -> int:
    """Read the second number of a slice's head, 7.3.3; its first is a place."""
    bits = ''.join(f'{byte:08b}' for byte in head)
    _, rest = _read_exponential_golomb(bits)
    return _read_exponential_golomb(rest)[0]


def _read_exponential_golomb(bits: str) -> tuple[int, str]:
    """Read ue(v), 9.1: n zeros, a one, n more bits. Give it and what follows."""
    num_zeros = len(bits) - len(bits.lstrip('0'))
    end = 2 * num_zeros + 1
    if end > len(bits):
        return -1, ''
    return int(bits[num_zeros:end] or '0', 2) - 1, bits[end:]
