"""Videos whose foreign bytes are opened and decoded in processes of their own.

A file that makes a decoder crash, hang or run out of memory costs that file, and
becomes a `DataError` like any other broken one. Every video gets a process that has
seen no other. The results are those of `LocalDecoder`, bit for bit: the worker decodes
and converts the frames, and only the requested part of a frame crosses over, as pixels
whose number is known before. While this process looks at a frame, the next are decoded.

These processes are no sandbox: they have this user's rights.
"""

from __future__ import annotations

import contextlib
import functools
import math
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..container_opening import MAX_FRAME_PIXELS
from ..frame_conversion import Picture
from ..frame_sources import VideoFile
from ..local_decoding import LocalDecoder, VideoDecoder
from ..source_frames import SourceFrame
from .decoder_process import DecoderProcess
from .decoder_worker import FACTS, serve_video
from .process_limits import DecodingLimits
from .supervised_process import SupervisedProcess, start_server

# Batch size of random access, once the first frame has shown the frames' size.
_MAX_FRAMES_AT_ONCE = 8
_MAX_BYTES_AT_ONCE = 64 << 20

Start = Callable[[str], DecoderProcess]


class IsolatedDecoder:
    """Opens videos in processes of their own, see the module and `VideoDecoder`.

    Can be used by several threads, and for several videos at a time.

    Args:
        limits: of each video.
        make_decoder: makes the `VideoDecoder` in those processes; can be pickled.
    """

    def __init__(
        self,
        limits: DecodingLimits | None = None,
        *,
        make_decoder: Callable[[], VideoDecoder] = LocalDecoder,
    ) -> None:
        self.limits = limits or DecodingLimits()
        self._worker = (serve_video, make_decoder, self.limits.memory_bytes)
        # It imports the decoders meanwhile. Faults of the start are those of the first
        # video.
        with contextlib.suppress(OSError):
            start_server(serve_video.__module__)

    def _start(self, path: str) -> DecoderProcess:
        return DecoderProcess(path, self.limits, SupervisedProcess(*self._worker))

    def open_video(self, path: str | os.PathLike[str]) -> IsolatedVideo:
        """See `VideoDecoder`."""
        return IsolatedVideo(path, self._start)

    def open_reader(self, path: str, *, num_threads: int = 1) -> IsolatedReader:
        """See `VideoDecoder`."""
        return IsolatedReader(path, self._start, num_threads=num_threads)


@functools.cache
def shared_decoder() -> IsolatedDecoder:
    """Return the `IsolatedDecoder` of all callers without one of their own."""
    return IsolatedDecoder()


class IsolatedVideo(VideoFile):
    """A `VideoFile` that another process reads.

    Two readings at the same time take two processes.

    Args:
        path: of the video.
        start: starts a process for it.

    Raises:
        DataNotFoundError: the file does not exist.
        DataError: it is not a video that can be read, or crashes its decoder.
    """

    def __init__(self, path: str | os.PathLike[str], start: Start) -> None:
        self.path = Path(path)
        self._start = start
        self._lock = threading.Lock()
        self._idle: DecoderProcess | None = None
        self._idle, facts = self._open()
        for name in FACTS:
            setattr(self, name, facts[name])

    def _open(self) -> tuple[DecoderProcess, dict[str, Any]]:
        path = os.fspath(self.path)
        process = self._start(path)
        seconds = process.limits.seconds_for_file(path)
        try:
            return process, process.ask(
                'open', seconds=seconds, is_right=_are_facts, path=path
            )
        except BaseException:
            process.process.end()
            raise

    def close(self) -> None:
        """End the process, if none is reading; another reading starts a new one."""
        with self._lock:
            idle, self._idle = self._idle, None
        if idle is not None:
            idle.process.end()

    def read_unconverted(self) -> Iterator[SourceFrame]:
        """See `VideoFile.read_unconverted`; frames are valid as long as they are held.

        Raises:
            DataError: also where the decoder does not survive the video.
        """
        with self._lock:
            process, self._idle = self._idle, None
        if process is None or not process.process.is_running:
            process, _ = self._open()
        try:
            process.ask('begin')
            while 'end' not in (answer := process.ask('next', is_right=_is_next)):
                yield _IsolatedFrame(process, **answer)
            self.notes = answer['end']
        finally:
            with self._lock:
                self._idle = self._idle or process


class _IsolatedFrame:
    """A frame that another process holds, see `SourceFrame`."""

    def __init__(
        self,
        process: DecoderProcess,
        frame: int,
        height: int,
        width: int,
        is_bt709: bool,
    ) -> None:
        self.height, self.width, self.is_bt709 = height, width, is_bt709
        self._process = process
        self._number = frame

    def __del__(self) -> None:
        self._process.dropped.append(self._number)

    def whole(self) -> Picture:
        """See `SourceFrame.whole`."""
        return self._ask('whole', (self.height, self.width, 3))

    def part(self, x1y1x2y2_px: tuple[int, int, int, int]) -> Picture:
        """See `SourceFrame.part`."""
        box = tuple(int(side) for side in x1y1x2y2_px)
        x1, y1, x2, y2 = box
        height, width = (
            len(range(*slice(low, high).indices(side)))
            for low, high, side in ((y1, y2, self.height), (x1, x2, self.width))
        )
        return self._ask('part', (height, width, 3), box)

    def reduced(self, height: int, width: int) -> Picture:
        """See `SourceFrame.reduced`."""
        return self._ask('reduced', (height, width, 3), height, width)

    def thinned(self, skip_rows: int, skip_columns: int) -> Picture:
        """See `SourceFrame.thinned`."""
        height, width = -(-self.height // skip_rows), -(-self.width // skip_columns)
        return self._ask('thinned', (height, width, 3), skip_rows, skip_columns)

    def planes(self, height: int, width: int, is_bt709: bool) -> Picture:
        """See `SourceFrame.planes`."""
        shape = (height * 3 // 2, width)
        return self._ask('planes', shape, height, width, is_bt709)

    def _ask(self, method: str, wanted: tuple[int, ...], *arguments: Any) -> Picture:
        pixels: Picture = self._process.ask(
            'pixels',
            pixels=lambda shape: (
                np.empty(wanted, np.uint8) if shape == list(wanted) else None
            ),
            frame=self._number,
            method=method,
            arguments=arguments,
        )
        return pixels


class IsolatedReader:
    """Random access to a video that another process reads, see `RandomAccess`.

    Args:
        path: of the video.
        start: starts the process.
        num_threads: of the decoder.

    Raises:
        DataError: see `IsolatedVideo`.
    """

    def __init__(self, path: str, start: Start, *, num_threads: int) -> None:
        self._process = start(path)
        self._limits = self._process.limits
        facts = self._process.ask(
            'open_reader',
            seconds=self._limits.seconds_for_file(path),
            is_right=lambda facts: (
                _is_count(facts.get('num_frames')) and _is_rate(facts.get('fps'))
            ),
            path=path,
            num_threads=num_threads,
        )
        self._num_frames: int = facts['num_frames']
        self.fps: float | None = facts.get('fps')

    def __len__(self) -> int:
        return self._num_frames

    def read(self, indices: NDArray[np.integer]) -> NDArray[np.uint8]:
        """Return the frames at `indices`, one or more: (F, H, W, 3) uint8, RGB.

        Raises:
            DataError: see `IsolatedVideo`.
        """
        first = self._read(
            indices[:1],
            lambda shape: np.empty(shape, np.uint8) if _is_shape(shape, 1) else None,
        )
        frames = np.empty((len(indices), *first.shape[1:]), np.uint8)
        frames[0] = first[0]
        step = max(1, min(_MAX_FRAMES_AT_ONCE, _MAX_BYTES_AT_ONCE // first.nbytes))
        for start in range(1, len(indices), step):
            part = frames[start : start + step]
            self._read(
                indices[start : start + step], functools.partial(_if_shaped, part)
            )
        return frames

    def _read(
        self,
        indices: NDArray[np.integer],
        allocate: Callable[[Any], NDArray[np.uint8] | None],
    ) -> NDArray[np.uint8]:
        frames: NDArray[np.uint8] = self._process.ask(
            'read',
            seconds=self._limits.seconds_for_frames(int(indices.max()) + 1),
            pixels=allocate,
            indices=indices.tolist(),
        )
        return frames

    @property
    def notes(self) -> list[str]:
        """See `RandomAccess`."""
        notes: list[str] = self._process.ask(
            'reader_notes', is_right=lambda answer: _are_notes(answer.get('notes'))
        )['notes']
        return notes

    def close(self) -> None:
        """End the process; nothing can be read any more."""
        self._process.process.end()


def _if_shaped(array: NDArray[np.uint8], shape: Any) -> NDArray[np.uint8] | None:
    return array if shape == list(array.shape) else None


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and value >= 0


def _is_size(height: Any, width: Any) -> bool:
    is_whole = _is_count(height) and _is_count(width)
    return is_whole and 0 < height * width <= MAX_FRAME_PIXELS


def _is_shape(shape: Any, num_frames: int) -> bool:
    is_list = isinstance(shape, list) and len(shape) == 4
    return is_list and (shape[0], shape[3]) == (num_frames, 3) and _is_size(*shape[1:3])


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _is_rate(value: Any) -> bool:
    return value is None or _is_number(value)


def _is_list(value: Any, is_right: Callable[[Any], bool]) -> bool:
    return isinstance(value, list) and all(map(is_right, value))


def _are_notes(notes: Any) -> bool:
    return _is_list(notes, lambda note: isinstance(note, str))


def _is_next(answer: dict[str, Any]) -> bool:
    if 'end' in answer:
        return _are_notes(answer['end'])
    is_frame = answer.keys() == {'frame', 'height', 'width', 'is_bt709'}
    return (
        is_frame
        and _is_count(answer['frame'])
        and isinstance(answer['is_bt709'], bool)
        and _is_size(answer['height'], answer['width'])
    )


def _are_facts(facts: dict[str, Any]) -> bool:
    """Return whether an answer can be the attributes of a `VideoFile`."""
    return (
        facts.keys() == set(FACTS)
        and _is_size(facts['height'], facts['width'])
        and _is_rate(facts['fps'])
        and _is_rate(facts['x264_crf'])
        and _is_count(facts['num_packets'])
        and _is_list(facts['times_seconds'], _is_number)
        and _are_notes(facts['notes'])
    )
