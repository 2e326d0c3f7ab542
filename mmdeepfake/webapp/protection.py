"""What surrounds every request: who may ask, and what browsers may do with answers."""

from __future__ import annotations

import json
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .limits import Refusal

LOOPBACK_NAMES = ('localhost', '127.0.0.1', '::1')
# Other sites' pages cannot set it without asking first, and are never answered.
ASKING_HEADER = 'x-mmdeepfake'
_READING = ('GET', 'HEAD')
_ANSWER_HEADERS = {
    'Content-Security-Policy': "default-src 'none'; script-src 'self'; style-src "
    "'self'; img-src 'self'; media-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Permissions-Policy': 'camera=(), microphone=(), geolocation=()',
    'Cache-Control': 'no-store',
}
_WRONG_NAME = Refusal('not_allowed', 'This server is not reached by that name.')
_FOREIGN = Refusal('not_allowed', 'The request does not come from this page.')
_CROWDED = Refusal('full', 'Too many visitors ask at once. Try again in a minute.')


class Protection:
    """Turns away what does not come from our own page, and marks every answer.

    Args:
        app: answers the rest.
        host_names: that the server is reached by; a page that points a name of its own
            at this machine is thus not served. Empty takes any name.
    """

    def __init__(self, app: ASGIApp, host_names: Collection[str]) -> None:
        self._app = app
        self._host_names = {name.lower() for name in host_names}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; the signature is ASGI's."""
        if scope['type'] != 'http':
            await self._app(scope, receive, send)
            return

        async def send_marked(message: Message) -> None:
            if message['type'] == 'http.response.start':
                headers = MutableHeaders(scope=message)
                for name, value in _ANSWER_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        headers = Headers(scope=scope)
        if self._host_names and host_name(headers) not in self._host_names:
            await _refuse(send_marked, _WRONG_NAME)
        elif scope['method'] not in _READING and not is_own_request(headers):
            await _refuse(send_marked, _FOREIGN)
        else:
            await self._app(scope, receive, send_marked)


class RequestLimit:
    """Answers so many requests at a time and turns away more.

    Args:
        app: answers them.
        most: how many.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most
        self._num_running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; the signature is ASGI's."""
        if scope['type'] != 'http':
            await self._app(scope, receive, send)
        elif self._num_running >= self._most:
            await _refuse(send, _CROWDED)
        else:
            self._num_running += 1
            try:
                await self._app(scope, receive, send)
            finally:
                self._num_running -= 1


def host_name(headers: Headers) -> str:
    """Give the name that a request calls the server by, without the port."""
    try:
        return urlsplit(f'//{headers.get("host", "")}').hostname or ''
    except ValueError:
        return ''


def is_own_request(headers: Headers) -> bool:
    """Tell whether a request that changes something comes from our own page.

    Browsers say where it comes from. Programs say nothing of it, and set our header.
    """
    if ASKING_HEADER not in headers:
        return False
    if headers.get('sec-fetch-site', 'same-origin') != 'same-origin':
        return False
    origin = headers.get('origin')
    return origin is None or urlsplit(origin).netloc == headers.get('host')


async def _refuse(send: Send, refusal: Refusal) -> None:
    body = json.dumps(refusal.describe()).encode()
    headers = [(b'content-type', b'application/json'), (b'connection', b'close')]
    status = refusal.status
    await send({'type': 'http.response.start', 'status': status, 'headers': headers})
    await send({'type': 'http.response.body', 'body': body})
