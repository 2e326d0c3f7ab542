"""What a worker does that decodes one video: see `VideoSession`."""

from __future__ import annotations

import select
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from mmdeepfake.errors import DataError, DataNotFoundError

from ..local_decoding import VideoDecoder
from ..source_frames import SourceFrame
from .message_channel import MessageChannel
from .process_limits import limit_memory

# Decoded before they are asked for, while the parent is busy with those before.
_MAX_AHEAD = 8
_MAX_AHEAD_BYTES = 64 << 20
FACTS = (
    'height', 'width', 'fps', 'times_seconds', 'x264_crf', 'num_packets', 'notes',
)  # fmt: skip


def serve_video(
    channel: MessageChannel, make_decoder: Callable[[], VideoDecoder], memory_bytes: int
) -> None:
    """Decode until the parent closes the connection."""
    limit_memory(memory_bytes)
    VideoSession(channel, make_decoder()).serve()


class VideoSession:
    """Executes one order after another.

    Orders: 'open' a video and describe it; 'begin' with its first frame, return the
    'next' one, and 'pixels' of one that was returned; 'open_reader', 'read',
    'reader_notes'. Each order
    may list frames to 'drop'; until then they are kept.
    """

    def __init__(self, channel: MessageChannel, decoder: VideoDecoder) -> None:
        self._channel = channel
        self._decoder = decoder
        self._video: Any = None
        self._reader: Any = None
        self._frames: Iterator[SourceFrame] | None = None
        self._kept: dict[int, SourceFrame] = {}
        self._ahead: deque[SourceFrame] = deque()
        self._ending: dict[str, Any] | None = None  # the answer after those ahead
        self._num_given = 0

    def serve(self) -> None:
        """Answer until the parent closes the connection."""
        while True:
            while self._has_room_ahead() and self._is_idle():
                self._decode_ahead()
            order, _ = self._channel.receive()
            for number in order.pop('drop', ()):
                self._kept.pop(number, None)
            kind = order.pop('order')
            try:
                answer = getattr(self, f'_{kind}')(**order)
            except Exception as error:
                answer = describe_failure(error)
            if isinstance(answer, dict):
                self._channel.send(answer)
            else:
                pixels: Any = np.ascontiguousarray(answer)
                shape = {'shape': pixels.shape}
                self._channel.send(shape, memoryview(pixels).cast('B'))

    def _is_idle(self) -> bool:
        return not select.select([self._channel], [], [], 0)[0]

    def _has_room_ahead(self) -> bool:
        if self._frames is None or self._ending is not None:
            return False
        if not self._ahead:
            return True
        frame_bytes = 3 * self._ahead[0].height * self._ahead[0].width
        return len(self._ahead) < min(_MAX_AHEAD, _MAX_AHEAD_BYTES // frame_bytes)

    def _decode_ahead(self) -> None:
        assert self._frames is not None  # 'begin' comes first
        try:
            frame = next(self._frames, None)
        except Exception as error:
            self._ending = describe_failure(error)
            return
        if frame is None:
            self._ending = {'end': list(self._video.notes)}
        else:
            self._ahead.append(frame)

    def _open(self, path: str) -> dict[str, Any]:
        self._video = self._decoder.open_video(path)
        return {name: getattr(self._video, name) for name in FACTS}

    def _begin(self) -> dict[str, Any]:
        self._ahead.clear()
        self._ending = None
        self._frames = self._video.read_unconverted()
        return {}

    def _next(self) -> dict[str, Any]:
        if not self._ahead and self._ending is None:
            self._decode_ahead()
        if not self._ahead:
            self._frames = None
            assert self._ending is not None  # or there would be a frame
            return self._ending
        frame = self._ahead.popleft()
        number = self._num_given
        self._kept[number] = frame
        self._num_given += 1
        size = {'height': frame.height, 'width': frame.width}
        return {'frame': number, **size, 'is_bt709': frame.is_bt709}

    def _pixels(self, frame: int, method: str, arguments: list[Any]) -> Any:
        return getattr(self._kept[frame], method)(*arguments)

    def _open_reader(self, path: str, num_threads: int) -> dict[str, Any]:
        self._reader = self._decoder.open_reader(path, num_threads=num_threads)
        return {'num_frames': len(self._reader), 'fps': self._reader.fps}

    def _reader_notes(self) -> dict[str, Any]:
        return {'notes': list(self._reader.notes)}

    def _read(self, indices: list[int]) -> Any:
        return self._reader.read(np.array(indices))


def describe_failure(error: Exception) -> dict[str, str]:
    """Describe an exception so that the parent can raise its like."""
    if any(isinstance(one, MemoryError) for one in (error, error.__cause__)):
        return {'error': 'memory', 'message': ''}
    if isinstance(error, DataNotFoundError):
        return {'error': 'missing', 'message': str(error)}
    if isinstance(error, DataError):
        return {'error': 'data', 'message': str(error)}
    return {'error': 'other', 'message': f'{type(error).__name__}: {error}'}
