"""Frames of a video file by their numbers.

The truth is what decoding from the first frame on gives. Decoding begins at a later key
frame only where the coded pictures prove that it gives the same, see `key_frames`, and
the packet found there is the very one that was meant; else it begins at the first.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from mmdeepfake.errors import DataError, DataNotFoundError

from .container_opening import (
    OpenVideo,
    check_video_file,
    plausible_rate,
    refuse_truncated,
)
from .frame_decoder import FrameDecoder
from .key_frames import FrameIndex
from .source_frames import DecodedFrame


class VideoFileReader:
    """Frames of a video file by number; reading forwards goes on where it stopped.

    One decoded frame is held at a time, besides those that are given.

    Args:
        path: of the file.
        num_threads: decoder threads; 0 lets FFmpeg choose.

    Attributes:
        fps: frames per second, where known.

    Raises:
        DataNotFoundError: the file does not exist.
        DataError: it is empty, truncated, no video, or has no frame.
    """

    def __init__(self, path: str | os.PathLike[str], *, num_threads: int = 1) -> None:
        self._path = os.fspath(path)
        try:
            num_bytes = check_video_file(Path(path))
        except DataNotFoundError as error:
            whole_path = os.path.abspath(path)
            raise DataNotFoundError(f'no video file {whole_path!r}') from error
        self._opening = OpenVideo(path, num_threads=num_threads)
        self._frames: Iterator[DecodedFrame] | None = None
        self._decoder: FrameDecoder | None = None
        self._next = 0  # number of the frame that comes next out of `_frames`
        self._opened: tuple[Any, Any] | None = None  # container and stream
        container, stream = self._open()
        try:
            refuse_truncated(stream, num_bytes=num_bytes, path=path)
            with self._opening.naming_errors():
                self._index = FrameIndex(container, stream, self._path)
        except BaseException:
            self.close()
            raise
        self._is_at_start = not self._index.has_read_packets
        self.fps = plausible_rate(stream.average_rate)
        if not len(self):
            self.close()
            raise DataError(f'video file {self._path!r} has no frames; one is needed')

    def __len__(self) -> int:
        """Count the coded frames; one that cannot be decoded is refused on reading."""
        return len(self._index)

    @property
    def notes(self) -> list[str]:
        """Damage found since decoding last started over."""
        return [] if self._decoder is None else self._decoder.notes

    def read(self, indices: NDArray[np.integer]) -> NDArray[np.uint8]:
        """Return the frames at `indices`: (F, H, W, 3) uint8, RGB; each decoded once.

        Raises:
            DataError: the stream is damaged, or ends before the last of them.
        """
        wanted, places = np.unique(indices, return_inverse=True)
        if not 0 <= wanted[0] <= wanted[-1] < len(self):
            raise IndexError(
                f'video file {self._path!r} has {len(self)} frames; {wanted[0]} to '
                f'{wanted[-1]} were asked for'
            )
        frames: NDArray[np.uint8] | None = None
        for which, number in enumerate(wanted.tolist()):
            pixels = self._read_frame(number).whole()
            if frames is None:
                frames = np.empty((len(places), *pixels.shape), np.uint8)
            frames[places == which] = pixels
        assert frames is not None  # at least one is wanted
        return frames

    def _read_frame(self, number: int) -> DecodedFrame:
        entry = self._index.entry_before(number)
        frames, self._frames = self._frames, None  # kept only if nothing fails
        if frames is None or number < self._next or entry > self._next:
            frames, self._next = self._decode_from(entry), entry
        with self._opening.naming_errors():
            for frame in frames:
                self._next += 1
                if self._next > number:
                    self._frames = frames
                    return frame
        raise DataError(
            f'video file {self._path!r}: frame {number} of {len(self)} was asked for, '
            f'{self._next} can be decoded; the file is truncated or damaged, copy it '
            'again'
        )

    def _decode_from(self, entry: int) -> Iterator[DecodedFrame]:
        """Yield the frames from one on, by going there or from the first frame on."""
        if entry == 0:
            yield from self._decode_all()
            return
        packets = self._seek(entry)
        packet = next(packets, None)
        if packet is not None:
            frames = self._new_decoder().decode(chain([packet], packets))
            first = next(frames, None)
            # Two packets may make up one interlaced frame.
            if first is not None and not first.picture.interlaced_frame:
                if first.picture.pts == packet.pts:
                    yield first
                    yield from frames
                    return
        self._index.distrust()
        yield from islice(self._decode_all(), entry, None)

    def _seek(self, entry: int) -> Iterator[Any]:
        """Yield the packets from a key frame on; none where it is not found."""
        container, stream = self._open()
        self._is_at_start = False
        wanted = self._index[entry]
        try:
            container.seek(wanted.time, stream=stream, backward=True)
        except av.FFmpegError:
            return
        packets = container.demux(stream)
        for packet in packets:
            if (packet.pos, packet.size) == (wanted.pos, wanted.size):
                yield packet
                yield from packets
                return

    def _decode_all(self) -> Iterator[DecodedFrame]:
        if not self._is_at_start:
            self._close_file()  # seeking to the start trusts an index, too
        container, stream = self._open()
        self._is_at_start = False
        yield from self._new_decoder().decode(container.demux(stream))

    def _new_decoder(self) -> FrameDecoder:
        _, stream = self._open()
        self._decoder = FrameDecoder(stream, path=self._path, num_packets=len(self))
        return self._decoder

    def _open(self) -> tuple[Any, Any]:
        if self._opened is None:
            self._opened = self._opening.__enter__()
            self._is_at_start = True
        return self._opened

    def _close_file(self) -> None:
        if self._opened is not None:
            self._opened = None
            self._opening.__exit__(None, None, None)

    def close(self) -> None:
        """Let go of the file; another reading opens it again."""
        self._frames = None
        self._close_file()
