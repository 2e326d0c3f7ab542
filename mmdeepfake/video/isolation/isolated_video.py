"""Videos whose foreign bytes are opened and decoded in processes of their own.

A file that makes a decoder crash, hang or eat memory costs that file, and becomes a
`DataError` like any other broken one. Every video gets a process that has seen no
other. What is given is what `frame_sources.VideoFile` and
`video_reader.VideoFileReader` give, bit by bit: they decode and convert the frames,
and only what is asked for of a frame crosses over, as RGB whose size is known before.
While this process looks at a frame, the next ones are decoded.

These processes are no sandbox: they have this user's rights.
"""

from __future__ import annotations

import functools
import math
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..container_opening import MAX_FRAME_PIXELS
from ..frame_sources import VideoFile
from ..source_frames import Picture, SourceFrame
from .decoder_nursery import DecodingLimits, Nursery
from .decoder_process import DecoderProcess

# Of random access: so many come over at once, after the first one has told their size.
_MAX_FRAMES_AT_ONCE = 8
_MAX_BYTES_AT_ONCE = 64 << 20


class IsolatedDecoder:
    """Opens videos in processes of their own, see the module and `VideoDecoder`.

    Can be used by several threads, and for several videos at a time.

    Args:
        limits: of each video.
        decoder: 'module:name' of what makes the `VideoDecoder` in those processes.
    """

    def __init__(
        self,
        limits: DecodingLimits | None = None,
        *,
        decoder: str = 'mmdeepfake.video.local_decoding:LocalDecoder',
    ) -> None:
        self.limits = limits or DecodingLimits()
        self._nursery = Nursery(self.limits, decoder)

    def open_video(self, path: str | os.PathLike[str]) -> IsolatedVideo:
        """See `VideoDecoder`."""
        return IsolatedVideo(path, self._nursery)

    def open_reader(self, path: str, *, num_threads: int = 1) -> IsolatedReader:
        """See `VideoDecoder`."""
        return IsolatedReader(path, self._nursery, num_threads=num_threads)


@functools.cache
def shared_decoder() -> IsolatedDecoder:
    """The `IsolatedDecoder` of all who want none of their own."""
    return IsolatedDecoder()


class IsolatedVideo(VideoFile):
    """A `VideoFile` that another process reads.

    Two readings that go on together take two processes.

    Args:
        path: of the video.
        nursery: where processes come from.

    Raises:
        DataNotFoundError: there is no such file.
        DataError: it is no video that can be read, or its decoder does not survive it.
    """

    def __init__(self, path: str | os.PathLike[str], nursery: Nursery) -> None:
        self.path = Path(path)
        self._nursery = nursery
        self._lock = threading.Lock()
        self._idle: DecoderProcess | None = None
        process, facts = self._open()
        self._idle = process
        for name, value in facts.items():
            setattr(self, name, value)

    def _open(self) -> tuple[DecoderProcess, dict[str, Any]]:
        path = os.fspath(self.path)
        process = DecoderProcess(self._nursery, path)
        seconds = self._nursery.limits.seconds_for_file(path)
        try:
            return process, _check_facts(
                process.ask('open', seconds=seconds, path=path), process
            )
        except BaseException:
            process.close()
            raise

    def close(self) -> None:
        """End the process, if none is reading; another reading begins a new one."""
        with self._lock:
            idle, self._idle = self._idle, None
        if idle is not None:
            idle.close()

    def read_unconverted(self) -> Iterator[SourceFrame]:
        """See `VideoFile.read_unconverted`; frames are valid as long as they are held.

        Raises:
            DataError: also where the decoder does not survive the video.
        """
        with self._lock:
            process, self._idle = self._idle, None
        if process is None or not process.is_alive:
            process, _ = self._open()
        try:
            process.ask('begin')
            while 'end' not in (answer := process.ask('next')):
                yield self._make_frame(process, answer)
            self.notes = _check_notes(answer['end'], process)
        finally:
            with self._lock:
                self._idle = self._idle or process

    def _make_frame(
        self, process: DecoderProcess, answer: dict[str, Any]
    ) -> _IsolatedFrame:
        number, height, width = (
            answer.get(name) for name in ('frame', 'height', 'width')
        )
        if not (_is_count(number) and _is_size(height, width)):
            raise process.refuse_nonsense(str(answer))
        return _IsolatedFrame(process, number, height, width)


class _IsolatedFrame:
    """A frame that another process holds, see `SourceFrame`."""

    def __init__(
        self, process: DecoderProcess, number: int, height: int, width: int
    ) -> None:
        self.height, self.width = height, width
        self._process = process
        self._number = number

    def __del__(self) -> None:
        self._process.dropped.append(self._number)

    def whole(self) -> Picture:
        """See `SourceFrame.whole`."""
        return self._ask('whole', self.height, self.width)

    def part(self, x1y1x2y2_px: tuple[int, int, int, int]) -> Picture:
        """See `SourceFrame.part`."""
        box = tuple(int(side) for side in x1y1x2y2_px)
        x1, y1, x2, y2 = box
        height, width = (
            len(range(*slice(low, high).indices(side)))
            for low, high, side in ((y1, y2, self.height), (x1, x2, self.width))
        )
        return self._ask('part', height, width, box)

    def reduced(self, height: int, width: int) -> Picture:
        """See `SourceFrame.reduced`."""
        return self._ask('reduced', height, width, height, width)

    def thinned(self, skip_rows: int, skip_columns: int) -> Picture:
        """See `SourceFrame.thinned`."""
        height, width = -(-self.height // skip_rows), -(-self.width // skip_columns)
        return self._ask('thinned', height, width, skip_rows, skip_columns)

    def _ask(self, method: str, height: int, width: int, *arguments: Any) -> Picture:
        def allocate(shape: Any) -> Picture | None:
            wanted = (height, width, 3)
            return np.empty(wanted, np.uint8) if shape == list(wanted) else None

        return self._process.ask_pixels(
            'pixels', allocate, frame=self._number, method=method, arguments=arguments
        )


class IsolatedReader:
    """Random access to a video that another process reads, see `RandomAccess`.

    Args:
        path: of the video.
        nursery: where the process comes from.
        num_threads: of the decoder.

    Raises:
        DataError: see `IsolatedVideo`.
    """

    def __init__(self, path: str, nursery: Nursery, *, num_threads: int) -> None:
        self._limits = nursery.limits
        self._process = DecoderProcess(nursery, path)
        facts = self._process.ask(
            'open_reader',
            seconds=self._limits.seconds_for_file(path),
            path=path,
            num_threads=num_threads,
        )
        self._num_frames = facts.get('num_frames')
        self.fps: float | None = facts.get('fps')
        if not (_is_count(self._num_frames) and _is_rate(self.fps)):
            raise self._process.refuse_nonsense(str(facts))

    def __len__(self) -> int:
        return self._num_frames

    def read(self, indices: NDArray[np.integer]) -> NDArray[np.uint8]:
        """Give the frames at `indices`, one or more: (F, H, W, 3) uint8, RGB.

        Raises:
            DataError: see `IsolatedVideo`.
        """
        first = self._read(indices[:1], None)
        frames = np.empty((len(indices), *first.shape[1:]), np.uint8)
        frames[0] = first[0]
        num_most = min(_MAX_FRAMES_AT_ONCE, _MAX_BYTES_AT_ONCE // first.nbytes)
        for start in range(1, len(indices), max(1, num_most)):
            part = slice(start, start + max(1, num_most))
            self._read(indices[part], frames[part])
        return frames

    def _read(
        self, indices: NDArray[np.integer], target: NDArray[np.uint8] | None
    ) -> NDArray[np.uint8]:
        def allocate(shape: Any) -> NDArray[np.uint8] | None:
            if target is not None:
                return target if shape == list(target.shape) else None
            is_right = _is_shape(shape, len(indices))
            return np.empty(shape, np.uint8) if is_right else None

        return self._process.ask_pixels(
            'read',
            allocate,
            seconds=self._limits.seconds_for_frames(int(indices.max()) + 1),
            indices=indices.tolist(),
        )

    @property
    def notes(self) -> list[str]:
        """See `RandomAccess`."""
        answer = self._process.ask('reader_notes')
        return _check_notes(answer.get('notes'), self._process)

    def close(self) -> None:
        """End the process; nothing can be read any more."""
        self._process.close()


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


def _check_notes(notes: Any, process: DecoderProcess) -> list[str]:
    if isinstance(notes, list) and all(isinstance(note, str) for note in notes):
        return notes
    raise process.refuse_nonsense(str(notes))


def _check_facts(facts: dict[str, Any], process: DecoderProcess) -> dict[str, Any]:
    """Take the attributes of a `VideoFile`, if they can be such."""
    names = ('height', 'width', 'fps', 'times_seconds', 'x264_crf', 'num_packets')
    height, width, fps, times, crf, num_packets = (facts.get(name) for name in names)
    if not (
        _is_size(height, width)
        and _is_rate(fps)
        and _is_rate(crf)
        and _is_count(num_packets)
        and isinstance(times, list)
        and all(map(_is_number, times))
    ):
        raise process.refuse_nonsense(str(facts))
    notes = _check_notes(facts.get('notes'), process)
    return {**dict(zip(names, (facts[n] for n in names), strict=True)), 'notes': notes}
