"""The asking side of `decoder_child`: one process, and the errors of its end."""

from __future__ import annotations

import select
import socket
import threading
import time
import weakref
from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmdeepfake.errors import DataError, DataNotFoundError, InputError

from .decoder_messages import ProtocolError, receive_message, send
from .decoder_nursery import Fork, Nursery, describe_status

_LOOK_SECONDS = 0.5
_END_SECONDS = 2.0  # for a process whose connection has ended to be gone


class DecoderProcess:
    """One process that opens one video.

    What it dies of becomes a `DataError` that names the video, and so does what it says
    that cannot be. It can be asked by several threads, one after another.

    Args:
        nursery: it comes from.
        path: of the video.
    """

    def __init__(self, nursery: Nursery, path: str) -> None:
        self.path = path
        self.limits = nursery.limits
        self.dropped: deque[int] = deque()  # frames that nobody looks at any more
        self._lock = threading.Lock()
        connection, fork = nursery.fork()
        self._connection = connection
        self._nursery = nursery
        self._fork = fork
        self._end = weakref.finalize(self, _end_process, connection, nursery, fork)

    @property
    def is_alive(self) -> bool:
        """Whether it can still be asked."""
        return self._end.alive

    def close(self) -> None:
        """End the process, whatever it is at."""
        self._end()

    def ask(self, order: str, *, seconds: float | None = None, **facts: Any) -> dict:
        """Have something done and told.

        Args:
            order: see `decoder_child`.
            seconds: that it may take; None is the limit for a frame.
            facts: of the order.

        Raises:
            DataError: the video is broken, or the process has ended.
        """
        message, num_bytes = self._exchange(order, seconds, facts, None)
        if num_bytes:
            raise self.refuse_nonsense(f'{num_bytes} bytes that nobody asked for')
        return message

    def ask_pixels(
        self,
        order: str,
        allocate: Any,
        *,
        seconds: float | None = None,
        **facts: Any,
    ) -> NDArray[np.uint8]:
        """Have pixels given.

        Args:
            order: see `decoder_child`.
            allocate: is given the shape that is announced; returns an array of that
                shape, or None where it cannot be.
            seconds: see `ask`.
            facts: of the order.

        Raises:
            DataError: see `ask`.
        """
        return self._exchange(order, seconds, facts, allocate)[0]

    def _exchange(
        self, order: str, seconds: float | None, facts: dict, allocate: Any
    ) -> Any:
        with self._lock:
            if not self.is_alive:
                raise DataError(f'video file {self.path!r} was closed')
            drop = [self.dropped.popleft() for _ in range(len(self.dropped))]
            allowed = self.limits.stall_seconds if seconds is None else seconds
            fill = _Patience(self._connection, allowed)
            try:
                send(self._connection, {'order': order, 'drop': drop, **facts})
                message, num_bytes = receive_message(fill)
                if 'error' in message:
                    raise self._refusal(message)
                if allocate is None:
                    return message, num_bytes
                pixels = allocate(message.get('shape'))
                if pixels is None or pixels.nbytes != num_bytes:
                    raise ProtocolError(f'{num_bytes} bytes for {message}')
                fill(memoryview(pixels).cast('B'))
                return pixels, num_bytes
            except InputError:  # first: that a file is missing is an OSError too
                raise
            except TimeoutError:
                self.close()
                raise DataError(
                    f'video file {self.path!r}: its decoder gave no answer for '
                    f'{allowed:g} s and was ended'
                ) from None
            except (EOFError, OSError) as error:
                raise self._death() from error
            except ProtocolError as error:
                raise self.refuse_nonsense(str(error)) from error
            except BaseException:
                self.close()  # half an answer may still be on its way
                raise

    def _refusal(self, message: dict[str, Any]) -> InputError:
        text = str(message.get('message'))[:2000]
        if message['error'] == 'memory':
            return DataError(
                f'video file {self.path!r}: its decoder needed more than '
                f'{self.limits.memory_bytes / 2**30:g} GiB of memory'
            )
        if message['error'] == 'missing':
            return DataNotFoundError(text)
        if message['error'] == 'data':
            return DataError(text)
        return DataError(f'video file {self.path!r} cannot be decoded: {text}')

    def _death(self) -> DataError:
        status = self._nursery.reap(self._fork, seconds=_END_SECONDS)
        self._end.detach()  # its number may be another's by now
        self._connection.close()
        return DataError(
            f'video file {self.path!r}: its decoder crashed or ran out of memory '
            f'({describe_status(status)})'
        )

    def refuse_nonsense(self, what: str) -> DataError:
        """End the process, and say that it is not to be believed."""
        self.close()
        return DataError(
            f'video file {self.path!r}: its decoder gave an answer that makes no '
            f'sense ({what[:200]}) and was ended'
        )


def _end_process(connection: socket.socket, nursery: Nursery, fork: Fork) -> None:
    nursery.forget(fork)
    connection.close()


class _Patience:
    """Fills buffers with what comes in, for so many seconds in all.

    Time in which this process itself is stopped does not count.
    """

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self._connection = connection
        self._seconds = seconds
        self._poll = select.poll()
        self._poll.register(connection, select.POLLIN)

    def __call__(self, buffer: memoryview) -> None:
        while buffer:
            self._wait()  # not for one byte after another, each in time
            num_bytes = self._connection.recv_into(buffer)
            if not num_bytes:
                raise EOFError
            buffer = buffer[num_bytes:]

    def _wait(self) -> None:
        while True:
            before = time.monotonic()
            came = self._poll.poll(1000 * min(_LOOK_SECONDS, self._seconds))
            self._seconds -= min(time.monotonic() - before, _LOOK_SECONDS)
            if came:
                return
            if self._seconds <= 0:
                raise TimeoutError
