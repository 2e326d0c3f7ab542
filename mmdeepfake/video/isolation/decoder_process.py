"""The parent's side of `decoder_worker`: one process, and the errors of its end."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmdeepfake.errors import DataError, DataNotFoundError, InputError

from .message_channel import ProtocolError
from .process_limits import DecodingLimits
from .supervised_process import SupervisedProcess, WorkerLost


class DecoderProcess:
    """One worker that opens one video.

    Its end, and what it sends that is invalid, becomes a `DataError` that names the
    video. Threads may share it.

    Args:
        path: of the video.
        limits: of its decoding.
        process: that runs `serve_video`.
    """

    def __init__(
        self, path: str, limits: DecodingLimits, process: SupervisedProcess
    ) -> None:
        self.path = path
        self.limits = limits
        self.dropped: deque[int] = deque()  # frames that nothing refers to any more
        self._lock = threading.Lock()
        self.process = process

    def ask(
        self,
        order: str,
        *,
        seconds: float | None = None,
        is_right: Callable[[dict[str, Any]], bool] = lambda answer: True,
        pixels: Callable[[Any], NDArray[np.uint8] | None] | None = None,
        **facts: Any,
    ) -> Any:
        """Have an order executed.

        Args:
            order: see `VideoSession`.
            seconds: that it may take; None is the limit for a frame.
            is_right: whether an answer is valid.
            pixels: is given the announced shape of an answer that is an array; returns
                an array of this shape, or None if the shape is wrong.
            facts: of the order.

        Returns:
            The answer, or the filled array.

        Raises:
            DataError: the video is broken, or the process has ended.
        """
        with self._lock:
            if not self.process.is_open:
                raise DataError(f'video file {self.path!r} was closed')
            try:
                return self._exchange(order, seconds, is_right, pixels, facts)
            except WorkerLost as error:
                raise DataError(
                    f'video file {self.path!r}: its decoder {error}'
                ) from error

    def _exchange(
        self,
        order: str,
        seconds: float | None,
        is_right: Any,
        pixels: Any,
        facts: dict[str, Any],
    ) -> Any:
        def allocate(message: dict[str, Any], num_bytes: int) -> NDArray[np.uint8]:
            if 'error' in message and not num_bytes:
                return np.empty(0, np.uint8)
            array: NDArray[np.uint8] | None = pixels(message.get('shape'))
            if array is None or array.nbytes != num_bytes:
                raise ProtocolError(f'{num_bytes} bytes for {message}')
            return array

        drop = [self.dropped.popleft() for _ in range(len(self.dropped))]
        self.process.send({'order': order, 'drop': drop, **facts})
        answer, array = self.process.receive(
            self.limits.stall_seconds if seconds is None else seconds,
            allocate=None if pixels is None else allocate,
        )
        if 'error' in answer:
            raise self._refusal(answer)
        if not is_right(answer):
            raise self.process.refuse(str(answer))
        return answer if pixels is None else array

    def _refusal(self, answer: dict[str, Any]) -> InputError:
        text = str(answer.get('message'))[:2000]
        if answer['error'] == 'memory':
            return DataError(
                f'video file {self.path!r}: its decoder needed more than '
                f'{self.limits.memory_bytes / 2**30:g} GiB of memory'
            )
        if answer['error'] == 'missing':
            return DataNotFoundError(text)
        if answer['error'] == 'data':
            return DataError(text)
        return DataError(f'video file {self.path!r} cannot be decoded: {text}')
