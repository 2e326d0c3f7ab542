"""Messages between a process and a worker that it does not trust.

A message is two lengths, a JSON object and bytes. Nothing that is received is executed
or unpickled, and no memory is taken for bytes that were not announced and expected.

Not `multiprocessing.Connection`: it blocks on half a message for as long as the other
side likes, and copies what it receives twice, which pixels are too large for.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Callable
from typing import Any

_LENGTHS = struct.Struct('>II')
# Longer than the times of all frames of a day's video.
_MAX_JSON_BYTES = 64 << 20


class ProtocolError(Exception):
    """The other side sent something invalid."""


def _block() -> None:
    """Leave the waiting to the system."""


class MessageChannel:
    """One end of a connection.

    Args:
        connection: a stream socket; it is closed by its owner.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def fileno(self) -> int:
        """Return the file descriptor, for `select` and its kin."""
        return self._connection.fileno()

    def send(self, message: dict[str, Any], payload: bytes | memoryview = b'') -> None:
        """Send a message and the bytes that belong to it."""
        text = json.dumps(message).encode()
        self._connection.sendall(_LENGTHS.pack(len(text), len(payload)) + text)
        if payload:
            self._connection.sendall(payload)

    def receive(self, wait: Callable[[], None] = _block) -> tuple[dict[str, Any], int]:
        """Receive a message, and the number of bytes that follow it.

        Args:
            wait: returns when there is something to read; may raise to give up.

        Raises:
            ProtocolError: it is not a message.
            EOFError: the other side has closed the connection.
        """
        lengths = bytearray(_LENGTHS.size)
        self.fill(lengths, wait)
        num_json, num_bytes = _LENGTHS.unpack(lengths)
        if num_json > _MAX_JSON_BYTES:
            raise ProtocolError(f'a message of {num_json} bytes')
        text = bytearray(num_json)
        self.fill(text, wait)
        try:
            message = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ProtocolError('invalid JSON') from error
        if not isinstance(message, dict):
            raise ProtocolError('not a JSON object')
        return message, num_bytes

    def fill(self, buffer: Any, wait: Callable[[], None] = _block) -> None:
        """Fill a buffer with the bytes that come next; see `receive`."""
        rest = memoryview(buffer).cast('B')
        while rest:
            wait()
            num_bytes = self._connection.recv_into(rest)
            if not num_bytes:
                raise EOFError
            rest = rest[num_bytes:]
