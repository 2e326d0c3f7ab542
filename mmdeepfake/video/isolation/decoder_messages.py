"""What a process that decodes and the one that asks it say to each other.

A message is two lengths, a JSON object and bytes. Neither side believes more than that:
nothing that is received is run, and nothing is kept in memory that was not announced
and is not as long as it should be.
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

Receive = Callable[[memoryview], None]


class ProtocolError(Exception):
    """The other side says what it cannot mean."""


def send(
    connection: socket.socket,
    message: dict[str, Any],
    payload: bytes | memoryview = b'',
) -> None:
    """Send a message and the bytes that belong to it."""
    text = json.dumps(message).encode()
    size = len(memoryview(payload).cast('B')) if payload else 0
    connection.sendall(_LENGTHS.pack(len(text), size) + text)
    if size:
        connection.sendall(payload)


def receive_message(fill: Receive) -> tuple[dict[str, Any], int]:
    """Receive a message, and how many bytes follow it.

    Args:
        fill: fills a buffer with what comes next.

    Raises:
        ProtocolError: it is no message.
    """
    lengths = bytearray(_LENGTHS.size)
    fill(memoryview(lengths))
    num_json, num_bytes = _LENGTHS.unpack(lengths)
    if num_json > _MAX_JSON_BYTES:
        raise ProtocolError(f'a message of {num_json} bytes')
    text = bytearray(num_json)
    fill(memoryview(text))
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProtocolError('no JSON') from error
    if not isinstance(message, dict):
        raise ProtocolError('no JSON object')
    return message, num_bytes


def fill_from(connection: socket.socket) -> Receive:
    """Make a `Receive` that waits as long as it takes."""

    def fill(buffer: memoryview) -> None:
        while buffer:
            num_bytes = connection.recv_into(buffer)
            if not num_bytes:
                raise EOFError
            buffer = buffer[num_bytes:]

    return fill
