"""The processes that open foreign videos: a decoder may crash, hang or eat memory.

One process, the nursery, imports the decoders and opens nothing. For each video it
forks a child, which takes some milliseconds. The child does what its parent asks, see
`_Session`; the nursery tells how it ended.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np

from mmdeepfake.errors import DataError, DataNotFoundError

from ..source_frames import SourceFrame
from .decoder_messages import fill_from, receive_message, send
from .process_limits import limit_memory, restrict_process

# Decoded before they are asked for, while the other side is busy with those before.
_MAX_AHEAD = 8
_MAX_AHEAD_BYTES = 64 << 20
_REAP_SECONDS = 0.01
MESSAGE_BYTES = 1 << 16  # to the nursery, and from it


def tend_nursery(descriptor: int, decoder: str) -> None:
    """Fork a child for every connection that comes in, until the parent is gone.

    Args:
        descriptor: of the socket to the parent.
        decoder: 'module:name' of what makes a `VideoDecoder`.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = socket.socket(fileno=descriptor)
    module, name = decoder.split(':')
    make_decoder = getattr(importlib.import_module(module), name)
    while True:
        text, descriptors, _, _ = socket.recv_fds(control, MESSAGE_BYTES, 1)
        if not text:
            return
        order = json.loads(text)
        if 'reap' in order:
            answer = {'status': _reap(order['reap'], order['seconds'])}
        else:
            for pid in order['forget']:
                _reap(pid, 0)
            answer = {'pid': _fork(control, descriptors[0], make_decoder, order)}
        control.sendall(json.dumps(answer).encode())


def _fork(
    control: socket.socket, descriptor: int, make_decoder: Any, order: dict[str, Any]
) -> int:
    pid = os.fork()
    if pid:
        os.close(descriptor)
        return pid
    try:
        control.close()
        _serve(socket.socket(fileno=descriptor), make_decoder, order)
    finally:
        # Nothing of the nursery is to be tidied up here.
        os._exit(0)


def _reap(pid: int, seconds: float) -> int:
    """Wait so long for the end of a child, then end it; give its wait status."""
    deadline = time.monotonic() + seconds
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return status
        if time.monotonic() >= deadline:
            os.kill(pid, signal.SIGKILL)
            return os.waitpid(pid, 0)[1]
        time.sleep(_REAP_SECONDS)


def _serve(connection: socket.socket, make_decoder: Any, order: dict[str, Any]) -> None:
    restrict_process()
    limit_memory(order['memory_bytes'])
    threading.Thread(target=_end_with, args=(connection,), daemon=True).start()
    try:
        os.chdir(order['folder'])
    except OSError:
        pass  # absolute paths need none
    try:
        _Session(connection, make_decoder()).serve()
    except (EOFError, OSError):
        return  # the other side has gone


def _end_with(connection: socket.socket) -> None:
    """End this process as soon as the other side is gone, whatever it is at."""
    poll = select.poll()
    poll.register(connection, 0)  # hearing that the other side has hung up
    poll.poll()
    os._exit(0)


class _Session:
    """Does what is asked for, one order after another.

    Orders: 'open' a video and describe it; 'begin' with its first frame, give the
    'next' one, and 'pixels' of one that was given; 'open_reader', 'read',
    'reader_notes'. Every order may name frames to 'drop'; until then they are kept.
    """

    def __init__(self, connection: socket.socket, decoder: Any) -> None:
        self._connection = connection
        self._decoder = decoder
        self._video: Any = None
        self._reader: Any = None
        self._frames: Iterator[SourceFrame] | None = None
        self._kept: dict[int, SourceFrame] = {}
        self._ahead: deque[SourceFrame] = deque()
        self._ended: dict[str, Any] | None = None  # what comes after those ahead
        self._num_given = 0

    def serve(self) -> None:
        """Answer until the other side closes the connection."""
        fill = fill_from(self._connection)
        while True:
            while self._is_idle() and self._has_room_ahead():
                self._decode_ahead()
            order, _ = receive_message(fill)
            for number in order.pop('drop', ()):
                self._kept.pop(number, None)
            kind = order.pop('order')
            try:
                answer, pixels = getattr(self, f'_{kind}')(**order)
            except Exception as error:
                answer, pixels = describe_failure(error), None
            if pixels is None:
                send(self._connection, answer)
            else:
                pixels = np.ascontiguousarray(pixels)
                answer = {'shape': pixels.shape}
                send(self._connection, answer, memoryview(pixels).cast('B'))

    def _is_idle(self) -> bool:
        return not select.select([self._connection], [], [], 0)[0]

    def _has_room_ahead(self) -> bool:
        if self._frames is None or self._ended is not None:
            return False
        if not self._ahead:
            return True
        frame_bytes = 3 * self._ahead[0].height * self._ahead[0].width
        num_most = min(_MAX_AHEAD, _MAX_AHEAD_BYTES // frame_bytes)
        return len(self._ahead) < num_most

    def _decode_ahead(self) -> None:
        try:
            frame = next(self._frames, None)
        except Exception as error:
            self._ended = describe_failure(error)
            return
        if frame is None:
            self._ended = {'end': list(self._video.notes)}
        else:
            self._ahead.append(frame)

    def _open(self, path: str) -> tuple[dict[str, Any], None]:
        self._video = video = self._decoder.open_video(path)
        names = ('height', 'width', 'fps', 'times_seconds', 'x264_crf', 'notes')
        facts = {name: getattr(video, name) for name in (*names, 'num_packets')}
        return facts, None

    def _begin(self) -> tuple[dict[str, Any], None]:
        self._ahead.clear()
        self._ended = None
        self._frames = self._video.read_unconverted()
        return {}, None

    def _next(self) -> tuple[dict[str, Any], None]:
        if not self._ahead and self._ended is None:
            self._decode_ahead()
        if not self._ahead:
            self._frames = None
            return self._ended, None
        frame = self._ahead.popleft()
        self._kept[self._num_given] = frame
        self._num_given += 1
        number = self._num_given - 1
        return {'frame': number, 'height': frame.height, 'width': frame.width}, None

    def _pixels(self, frame: int, method: str, arguments: list) -> tuple[dict, Any]:
        return {}, getattr(self._kept[frame], method)(*arguments)

    def _open_reader(self, path: str, num_threads: int) -> tuple[dict[str, Any], None]:
        self._reader = self._decoder.open_reader(path, num_threads=num_threads)
        return {'num_frames': len(self._reader), 'fps': self._reader.fps}, None

    def _reader_notes(self) -> tuple[dict[str, Any], None]:
        return {'notes': self._reader.notes}, None

    def _read(self, indices: list[int]) -> tuple[dict[str, Any], Any]:
        return {}, self._reader.read(np.array(indices))


def describe_failure(error: Exception) -> dict[str, str]:
    """Say what an order failed of, so that it can be raised again."""
    causes = (error, error.__cause__)
    if any(isinstance(one, MemoryError) for one in causes):
        return {'error': 'memory', 'message': ''}
    if isinstance(error, DataNotFoundError):
        return {'error': 'missing', 'message': str(error)}
    if isinstance(error, DataError):
        return {'error': 'data', 'message': str(error)}
    return {'error': 'other', 'message': f'{type(error).__name__}: {error}'}
