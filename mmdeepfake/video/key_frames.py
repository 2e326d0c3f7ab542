"""Where the coded frames of a file lie, and at which of them decoding may begin.

What a container calls a key frame is often not a place to begin at: x265, and x264 with
`open-gop=1`, flag pictures that are followed by others which refer back and are shown
before; a lost table makes every frame one. Times cannot show this, since they are the
container's word as well (and times in order do not prove that nothing refers back). So
the coded pictures themselves are looked at: only H.264's IDR pictures and HEVC's random
access pictures without leading ones are begun at, all else is decoded from the start.
There the decoder forgets all that came before, and everything before is shown before:
the picture that is the n-th coded one is also the n-th shown one, whatever the times
say.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any, NamedTuple

from .container_opening import has_whole_index

_HEAD_BYTES = 1 << 16  # the first slice comes after parameter sets and messages
_START_CODE = re.compile(rb'\x00\x00\x01(.)', re.S)
_HIDDEN_BIT = 0x10  # VP8, RFC 6386, 9.1: show_frame


class CodedFrame(NamedTuple):
    """A coded frame in the file.

    Attributes:
        pos: of its first byte in the file, or of the block around it.
        size: in bytes.
        time: to seek to, in the stream's time base.
        is_key: whether the container calls it a key frame.
        head: its first bytes, where they were read already.
    """

    pos: int
    size: int
    time: int | None
    is_key: bool
    head: bytes | None


class FrameIndex:
    """The coded frames of a file that are shown, in the order of decoding.

    Read from the file's own index where that is whole, else from every packet.

    Args:
        container: opened; may be at its end afterwards, see `has_read_packets`.
        stream: of pictures.
        path: of the file.
    """

    def __init__(self, container: Any, stream: Any, path: str) -> None:
        self._path = path
        self.has_read_packets = not has_whole_index(stream)
        if self.has_read_packets:
            self._frames = list(_frames_of_packets(container, stream))
        else:
            self._frames = list(_frames_of_index(stream))
        self._find_kind = _KIND_FINDERS.get(stream.codec_context.name)
        head = stream.codec_context.extradata or b''
        self._length_bytes = _read_length_bytes(stream.codec_context.name, head)
        # An edit list may show a part twice; then no place stands for one frame.
        is_clear = len({frame.pos for frame in self._frames}) == len(self._frames)
        self._keys = [
            number
            for number, frame in enumerate(self._frames)
            if number and frame.is_key and frame.time is not None
        ]
        if self._find_kind is None or not is_clear:
            self._keys = []
        self._is_entry: dict[int, bool] = {}

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, number: int) -> CodedFrame:
        return self._frames[number]

    def entry_before(self, number: int) -> int:
        """Return the last frame up to `number` at which decoding may begin, or 0."""
        for at in range(bisect_right(self._keys, number) - 1, -1, -1):
            key = self._keys[at]
            if key not in self._is_entry:
                self._is_entry[key] = self._may_begin_at(key)
            if self._is_entry[key]:
                return key
        return 0

    def distrust(self) -> None:
        """Begin at the first frame alone from now on."""
        self._keys = []

    def _may_begin_at(self, number: int) -> bool:
        assert self._find_kind is not None  # or there would be no keys
        is_entry, is_leading = self._find_kind(self._units(number))
        if not is_entry or is_leading:
            return False
        # Leading pictures follow their key frame at once.
        following = number + 1
        return following == len(self) or not self._find_kind(self._units(following))[1]

    def _units(self, number: int) -> Iterator[int]:
        frame = self._frames[number]
        head = frame.head
        if head is None:
            with open(self._path, 'rb', buffering=0) as file:
                head = os.pread(file.fileno(), min(frame.size, _HEAD_BYTES), frame.pos)
        return _unit_headers(head, self._length_bytes)


def is_shown(packet: Any, codec: str) -> bool:
    """Return whether a packet holds a frame that is to be shown."""
    if not packet.size or packet.is_discard:
        return False
    return codec != 'vp8' or bool(memoryview(packet)[0] & _HIDDEN_BIT)


def _frames_of_index(stream: Any) -> Iterator[CodedFrame]:
    entries = stream.index_entries
    # An index has the times of decoding; the first key frame is shown so much later.
    start = stream.start_time
    shift = 0 if start is None else start - entries[0].timestamp
    for entry in entries:
        time = entry.timestamp + shift
        yield CodedFrame(entry.pos, entry.size, time, entry.is_keyframe, None)


def _frames_of_packets(container: Any, stream: Any) -> Iterator[CodedFrame]:
    codec = stream.codec_context.name
    follows_key = False
    for packet in container.demux(stream):
        if not is_shown(packet, codec):
            continue
        is_key = packet.is_keyframe
        head = b''
        if (is_key or follows_key) and codec in _KIND_FINDERS:
            head = bytes(memoryview(packet)[:_HEAD_BYTES])
        follows_key = is_key
        # Some containers are sought by the time of decoding; it is never too late.
        time = packet.pts if packet.dts is None else packet.dts
        pos = -1 if packet.pos is None else packet.pos
        yield CodedFrame(pos, packet.size, time, is_key, head)


def _read_length_bytes(codec: str, head: bytes) -> int:
    """Return the size of a unit's length field in bytes; 0 with start codes."""
    if codec == 'h264' and len(head) > 6 and head[0] == 1:
        return (head[4] & 3) + 1
    if codec == 'hevc' and len(head) > 22 and (head[0] or head[1] or head[2] > 1):
        return (head[21] & 3) + 1
    return 0


def _unit_headers(head: bytes, length_bytes: int) -> Iterator[int]:
    """Yield the first byte of every unit of a coded frame."""
    if not length_bytes:
        yield from (match[1][0] for match in _START_CODE.finditer(head))
        return
    at = 0
    while at + length_bytes < len(head):
        yield head[at + length_bytes]
        at += length_bytes + int.from_bytes(head[at : at + length_bytes], 'big')


def _find_kind_h264(headers: Iterator[int]) -> tuple[bool, bool]:
    """Return whether the picture is an IDR one, Table 7-1; none lead."""
    kinds = (header & 31 for header in headers)
    return next((kind for kind in kinds if 1 <= kind <= 5), 0) == 5, False


def _find_kind_hevc(headers: Iterator[int]) -> tuple[bool, bool]:
    """Return whether it is a random access picture, and a leading one, Table 7-1."""
    kinds = (header >> 1 & 63 for header in headers)
    kind = next((kind for kind in kinds if kind < 32), 0)
    return 16 <= kind <= 21, 6 <= kind <= 9


_KIND_FINDERS = {'h264': _find_kind_h264, 'hevc': _find_kind_hevc}
