"""From coded packets to frames, with a count of what the decoder could not make out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

import av

from mmdeepfake.errors import DataError

from .container_opening import find_pixel_aspect
from .frame_conversion import FrameConverter
from .source_frames import DecodedFrame

# Ours: more damaged or missing frames than this make a video unusable.
MAX_DAMAGED_SHARE = 0.05
# Every packet of theirs is a frame; others code "as before" by a packet without one.
_FRAME_A_PACKET = ('h264', 'hevc', 'vp9', 'libdav1d', 'av1')


class FrameDecoder:
    """Decodes packets of one file and counts damage.

    A packet that cannot be decoded is left out. How much is damaged is what the decoder
    says: those of HEVC, VP8, VP9 and AV1 show most damage without a word.

    Attributes:
        num_frames: decoded so far.

    Args:
        stream: that the packets are of.
        path: of the file.
        num_packets: of the whole file.
    """

    def __init__(
        self, stream: Any, *, path: str | os.PathLike[str], num_packets: int
    ) -> None:
        self._stream = stream
        self._name = f'video file {os.fspath(path)!r}'
        self._num_packets = num_packets
        self._converter = FrameConverter(find_pixel_aspect(stream))
        self.num_frames = 0
        self._num_corrupt = self._num_lost = 0

    def decode(self, packets: Iterable[Any]) -> Iterator[DecodedFrame]:
        """Yield the frames of packets in the order of display.

        Raises:
            DataError: a frame has another size than the first, or more than
                `MAX_DAMAGED_SHARE` of the file's frames are damaged.
        """
        size = None
        for packet in packets:
            for picture in self._decode_packet(packet):
                frame = DecodedFrame(picture, self._converter)
                size = size or (frame.width, frame.height)
                if (frame.width, frame.height) != size:
                    raise DataError(
                        f'{self._name}: frame {self.num_frames} is {frame.width} x '
                        f'{frame.height} pixels, those before it {size[0]} x '
                        f'{size[1]}; all must have one size'
                    )
                if picture.is_corrupt:
                    self._num_corrupt += 1
                    self._check_damage()
                self.num_frames += 1
                yield frame

    def _decode_packet(self, packet: Any) -> list[av.VideoFrame]:
        try:
            pictures: list[av.VideoFrame] = self._stream.decode(packet)
            return pictures
        except av.InvalidDataError:
            self._num_lost += 1
            self._check_damage()
            return []

    def _check_damage(self) -> None:
        if self._num_corrupt + self._num_lost > MAX_DAMAGED_SHARE * self._num_packets:
            raise DataError(
                f'{self._name} cannot be decoded to its end: {self._num_corrupt} of '
                f'its {self._num_packets} frames are damaged and {self._num_lost} '
                f'missing so far; up to {MAX_DAMAGED_SHARE:.0%} may be. Copy it again'
            )

    @property
    def notes(self) -> list[str]:
        """What was damaged so far."""
        notes = []
        if self._num_corrupt:
            notes.append(f'{self._num_corrupt} frames are damaged in the stream')
        if self._num_lost:
            notes.append(f'{self._num_lost} frames cannot be decoded and are left out')
        return notes

    def finish(self, *, counts_missing: bool) -> list[str]:
        """Note the damage of a file that was decoded from its first packet to its last.

        Args:
            counts_missing: whether each packet should have given a frame.

        Raises:
            DataError: too many frames are missing.
        """
        if counts_missing and self._stream.codec_context.name in _FRAME_A_PACKET:
            num_missing = self._num_packets - self.num_frames
            self._num_lost = max(self._num_lost, num_missing)
            self._check_damage()
        return self.notes
