"""Middleware: refuse requests of other sites, and add security headers."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .limits import Refusal

# Pages of other sites need a preflight request to set it, which is refused.
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
_FOREIGN = Refusal('not_allowed', 'The request does not come from this page.')


class Protection:
    """Refuse requests of other sites, and add headers to every response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request; the signature is ASGI's."""
        if scope['type'] != 'http':
            await self._app(scope, receive, send)
            return

        async def send_marked(message: Message) -> None:
            if message['type'] == 'http.response.start':
                headers = MutableHeaders(scope=message)
                for name, value in _ANSWER_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        answer = self._app
        if scope['method'] not in _READING and not is_own_request(Headers(scope=scope)):
            answer = JSONResponse(_FOREIGN.describe(), _FOREIGN.status)
        await answer(scope, receive, send_marked)


def is_own_request(headers: Headers) -> bool:
    """Return whether a request that changes state comes from our own page.

    Browsers send its origin; programs do not, and set our header.
    """
    if ASKING_HEADER not in headers:
        return False
    if headers.get('sec-fetch-site', 'same-origin') != 'same-origin':
        return False
    origin = headers.get('origin')
    return origin is None or urlsplit(origin).netloc == headers.get('host')
