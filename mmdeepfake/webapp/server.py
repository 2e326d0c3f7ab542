"""The page and its HTTP interface.

| request | answer |
|---|---|
| GET / | the page |
| GET /example.mp4 | a rendered video |
| GET /api/about | limits and model |
| POST /api/jobs | reserves a place: {"name", "size"} in, {"id"} out |
| PUT /api/jobs/ID/video | uploads the video |
| GET /api/jobs/ID | progress and findings |
| GET /api/jobs/ID/files/NAME | a picture, the annotated video, a report |
| DELETE /api/jobs/ID | removes the video and its results |

Refusals are {"kind", "message"}. The size is sent before the video, since a browser
shows no reason for a refusal in the middle of an upload.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import logging
import re
from collections.abc import AsyncIterator, Collection, Mapping
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from .example import render_example
from .jobs import FAILED, Job, JobBoard
from .limits import Limits, Refusal
from .protection import Protection
from .uploads import receive_video, shorten_name

PAGE = Path(__file__).parent / 'page'
_PAGE_FILES = {
    '/': ('index.html', 'text/html'),
    '/page.js': ('page.js', 'text/javascript'),
    '/page.css': ('page.css', 'text/css'),
    '/icon.svg': ('icon.svg', 'image/svg+xml'),
}
_RESULT_TYPES = {  # None: offered for download
    'png': 'image/png',
    'svg': 'image/svg+xml',
    'mp4': 'video/mp4',
    **dict.fromkeys(('json', 'csv', 'html')),
}
_RESULT_FILE = re.compile(rf'[a-z]+(_\d+)?\.({"|".join(_RESULT_TYPES)})')
_SWEEP_SECONDS = 5.0
_MAX_JSON_BYTES = 4096  # of a request
MOST_CONNECTIONS = 128  # including idle ones; more get status 503
_HEAD_BYTES = 1 << 16  # of a request
_INTERNAL_ERROR = Refusal('server', 'Internal error; see the server log.')
logger = logging.getLogger(__name__)


def make_app(
    board: JobBoard,
    limits: Limits,
    about: Mapping[str, Any],
    *,
    host_names: Collection[str] = (),
) -> ASGIApp:
    """Make the application; the caller runs `work_on_jobs` in another thread.

    `about` has facts about the model. `host_names` are allowed in requests, against
    DNS rebinding; empty allows any.
    """

    @contextlib.asynccontextmanager
    async def sweep(_: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(_sweep_forever(board))
        yield
        task.cancel()

    app = Starlette(
        routes=_Answers(board, limits, about).routes(),
        exception_handlers={
            Refusal: lambda _, refusal: _refuse(refusal),
            HTTPException: _answer_http_error,
            Exception: lambda *_: _refuse(_INTERNAL_ERROR),
        },
        middleware=[
            Middleware(
                TrustedHostMiddleware,
                allowed_hosts=list(host_names) or ['*'],
                www_redirect=False,
            )
        ],
        lifespan=sweep,
    )
    # A redirect would use the host name in the request.
    app.router.redirect_slashes = False
    return Protection(app)


def make_server(app: ASGIApp, **settings: Any) -> uvicorn.Server:
    """Make the server of an application; `settings` are `uvicorn.Config`'s."""
    config = uvicorn.Config(
        app,
        http='h11',
        ws='none',
        limit_concurrency=MOST_CONNECTIONS,
        h11_max_incomplete_event_size=_HEAD_BYTES,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=3,
        access_log=False,  # it would contain the ids of results
        log_config=None,
        server_header=False,
        proxy_headers=False,
        **settings,
    )
    return uvicorn.Server(config)


class _Answers:
    """The handlers, one method per route; see the module."""

    def __init__(
        self, board: JobBoard, limits: Limits, about: Mapping[str, Any]
    ) -> None:
        self._board = board
        self._limits = limits
        self._rendering = asyncio.Lock()
        self._about = {'limits': dataclasses.asdict(limits), 'model': dict(about)}

    def routes(self) -> list[Route]:
        """List the routes."""
        job = '/api/jobs/{id}'
        return [
            *(Route(path, self.get_page_file, methods=['GET']) for path in _PAGE_FILES),
            Route('/example.mp4', self.get_example, methods=['GET']),
            Route('/api/about', self.get_about, methods=['GET']),
            Route('/api/jobs', self.post_job, methods=['POST']),
            Route(f'{job}/video', self.put_video, methods=['PUT']),
            Route(job, self.get_job, methods=['GET']),
            Route(job, self.delete_job, methods=['DELETE']),
            Route(f'{job}/files/{{name}}', self.get_file, methods=['GET']),
        ]

    async def get_page_file(self, request: Request) -> Response:
        name, kind = _PAGE_FILES[request.url.path]
        return FileResponse(PAGE / name, media_type=kind)

    async def get_example(self, _: Request) -> Response:
        async with self._rendering:  # once, however many ask for it
            video = await asyncio.to_thread(render_example)
        return Response(video, media_type='video/mp4')

    async def get_about(self, _: Request) -> Response:
        return JSONResponse(self._about)

    async def post_job(self, request: Request) -> Response:
        asked = await self._read_json(request)
        size = asked.get('size')
        if not isinstance(size, int) or size < 0:
            raise Refusal('bad_request', 'The size of the video is missing.')
        if size == 0:
            raise Refusal('broken', 'The file is empty.')
        job = self._board.reserve(shorten_name(asked.get('name', '')), size)
        return JSONResponse(self._board.describe(job), status_code=201)

    async def put_video(self, request: Request) -> Response:
        job = self._board.get(request.path_params['id'])
        self._board.begin_upload(job)
        is_complete = False
        try:
            await receive_video(request.stream(), job, self._limits)
            self._board.end_upload(job)
            is_complete = True
        finally:  # also if the server stops
            if not is_complete:
                self._board.remove(job)
        return JSONResponse(self._board.describe(job), status_code=202)

    async def get_job(self, request: Request) -> Response:
        return JSONResponse(self._board.describe(self._find(request)))

    async def delete_job(self, request: Request) -> Response:
        self._board.remove(self._find(request))
        return Response(status_code=204)

    async def get_file(self, request: Request) -> Response:
        job, name = self._find(request), request.path_params['name']
        path = job.results / name
        is_result = job.findings is not None and name in job.findings.get('files', ())
        # The list comes from the worker, which is not trusted.
        is_ours = bool(_RESULT_FILE.fullmatch(name)) and not path.is_symlink()
        if job.state == FAILED or not (is_result and is_ours and path.is_file()):
            raise Refusal('not_found', 'There is no such file.')
        media_type = _RESULT_TYPES[path.suffix[1:]]
        if media_type is not None:
            return FileResponse(path, media_type=media_type)
        return FileResponse(
            path,
            media_type='application/octet-stream',
            filename=f'{Path(job.name).stem}_{name}',
        )

    async def _read_json(self, request: Request) -> dict[str, Any]:
        try:
            return await asyncio.wait_for(
                _read_json(request), self._limits.idle_seconds
            )
        except asyncio.TimeoutError:
            raise Refusal('too_slow', 'The request took too long.') from None

    def _find(self, request: Request) -> Job:
        return self._board.get(request.path_params['id'])


async def _read_json(request: Request) -> dict[str, Any]:
    body = b''
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MAX_JSON_BYTES:
                raise Refusal('bad_request', 'The request is too long.')
        asked = json.loads(body)
    except (ValueError, RecursionError):
        asked = None
    except ClientDisconnect:
        raise Refusal('bad_request', 'The request was interrupted.') from None
    if not isinstance(asked, dict):
        raise Refusal('bad_request', 'The request is not a JSON object.')
    return asked


def _refuse(refusal: Refusal) -> Response:
    headers = {'Retry-After': '60'} if refusal.kind == 'full' else None
    return JSONResponse(refusal.describe(), refusal.status, headers=headers)


def _answer_http_error(_: Request, error: Exception) -> Response:
    status = getattr(error, 'status_code', 500)
    body = {'kind': 'not_found', 'message': 'There is no such page.'}
    if status != 404:
        body = {'kind': 'bad_request', 'message': 'This request is not supported.'}
    return JSONResponse(body, status_code=status)


async def _sweep_forever(board: JobBoard) -> None:
    while True:
        await asyncio.sleep(_SWEEP_SECONDS)
        try:
            await asyncio.to_thread(board.sweep)
        except OSError:
            logger.exception('old results could not be removed')
