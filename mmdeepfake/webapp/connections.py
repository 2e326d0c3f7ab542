"""How long and how many visitors may keep the server waiting.

uvicorn waits for as long as it takes: for the rest of a request, for a body that it
does not need, for a visitor who does not read. Here each of these has its time, and
connections without a request give way to new ones.
"""

from __future__ import annotations

import asyncio
import json
import math
import struct
from collections.abc import Callable, Collection
from socket import SO_LINGER, SO_SNDBUF, SOL_SOCKET
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from .limits import Refusal

MOST_CONNECTIONS = 512  # well below the 1024 open files that a process usually has
_WAIT_SECONDS = 10.0  # for a whole request's head, after the connection or an answer
# uvicorn keeps requests that are sent ahead, and would go on to read more of them.
_AHEAD_BYTES = 1 << 16
_WRITE_SECONDS = 30.0  # for a visitor to take a part of the answer
# Of an answer, kept by the kernel, which asks for more when a third has gone: at 6 kB/s
# that is within the time above. It may double this, and would go up to some MB.
_SEND_BYTES = 1 << 18
_CLOSE_SECONDS = 5.0  # for a visitor to take the last answer


def make_server(app: ASGIApp, **settings: Any) -> uvicorn.Server:
    """Make the server of an application.

    Args:
        app: see `make_app`.
        settings: of `uvicorn.Config`.
    """
    config = uvicorn.Config(
        app,
        http=GuardedConnection,
        ws='none',
        access_log=False,  # it would tell the ids of the results
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=3,
        **settings,
    )
    return uvicorn.Server(config)


class GuardedConnection(H11Protocol):
    """A connection that ends when its visitor keeps the server waiting."""

    _timer: asyncio.TimerHandle | None = None
    _write_timer: asyncio.TimerHandle | None = None
    _idle_since = 0.0
    _unsent = math.inf  # bytes of the last answer, at the last look

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a visitor, in place of the one who has been idle longest if need be."""
        super().connection_made(transport)
        self._set_option(SO_SNDBUF, _SEND_BYTES)
        self._wait_for_request()
        if len(self.connections) > MOST_CONNECTIONS:
            _longest_idle(self.connections).transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take what has come in, unless requests are sent far ahead of their turn."""
        super().data_received(data)
        if len(self.conn.trailing_data[0]) > _AHEAD_BYTES:
            self._cut_off()

    def handle_events(self) -> None:
        """Work on what has come in; a request that is complete is not waited for."""
        cycle = self.cycle
        super().handle_events()
        if self.cycle is not cycle and not self._is_idle:
            self._cancel_timer()

    def on_response_complete(self) -> None:
        """Wait for the next request, or for the rest of this one's body."""
        self._wait_for_request()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the visitor."""
        self._cancel_timer()
        self.resume_writing()
        super().connection_lost(exc)
        self._unset_keepalive_if_required()

    def pause_writing(self) -> None:
        """Begin to wait for a visitor who does not read."""
        super().pause_writing()
        self._write_timer = self.loop.call_later(_WRITE_SECONDS, self._cut_off)

    def resume_writing(self) -> None:
        """Note that the visitor reads."""
        super().resume_writing()
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def send_400_response(self, msg: str) -> None:
        """Say that it is no request, and hang up."""
        self._refuse('bad_request', 'That is no HTTP request, or its head is too long.')

    @property
    def _is_idle(self) -> bool:
        """Whether no request of it is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def _wait_for_request(self) -> None:
        self._idle_since = self.loop.time()
        self._unsent = math.inf
        self._set_timer(_WAIT_SECONDS, self._end_waiting)

    def _set_timer(self, seconds: float, then: Callable[[], None]) -> None:
        self._cancel_timer()
        self._timer = self.loop.call_later(seconds, then)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end_waiting(self) -> None:
        is_begun = bool(self.conn.trailing_data[0])
        if is_begun and self.conn.our_state is h11.IDLE:
            self._refuse('too_slow', 'The request took too long to come in.')
        elif 0 < self.transport.get_write_buffer_size() < self._unsent:
            # The last answer is being taken, over a slow line.
            self._unsent = self.transport.get_write_buffer_size()
            self._set_timer(_WAIT_SECONDS, self._end_waiting)
        else:  # no word of a request, or a last answer that is not taken
            self._cut_off()

    def _cut_off(self) -> None:
        """End the connection with a reset: what was not taken is kept no longer.

        Else the kernel would go on to offer it, up to some MB a connection.
        """
        self._set_option(SO_LINGER, struct.pack('ii', 1, 0))
        self.transport.abort()

    def _set_option(self, option: int, value: int | bytes) -> None:
        socket = self.transport.get_extra_info('socket')
        if socket is not None:
            socket.setsockopt(SOL_SOCKET, option, value)

    def _refuse(self, kind: str, message: str) -> None:
        """Answer in place of the application and hang up."""
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.abort()  # in the middle of an answer, or after it
            return
        if self.cycle is not None and not self._is_idle:
            self.cycle.disconnected = True  # the application is told, and not heard
            self.cycle.message_event.set()
        refusal = Refusal(kind, message)
        body = json.dumps(refusal.describe()).encode()
        headers = [
            ('Content-Type', 'application/json'),
            ('Content-Length', str(len(body))),
            ('Connection', 'close'),
        ]
        for event in (
            h11.Response(status_code=refusal.status, headers=headers),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b'')
        self.transport.close()
        self._set_timer(_CLOSE_SECONDS, self._cut_off)


def _longest_idle(connections: Collection[Any]) -> GuardedConnection:
    """Give the connection to end; the newest has no request yet and is one of them."""
    idle = [
        one for one in connections if one._is_idle and not one.transport.is_closing()
    ]
    return min(idle, key=lambda one: one._idle_since)
