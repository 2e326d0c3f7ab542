"""The page and what it asks for.

| request | answer |
|---|---|
| GET / | the page |
| GET /api/about | limits and model |
| POST /api/jobs | takes a place: {"name", "size"} in, {"id"} out |
| PUT /api/jobs/ID/video | takes the video itself |
| GET /api/jobs/ID | how far it is, and the findings |
| GET /api/jobs/ID/files/NAME | a picture, the annotated video, a report |
| DELETE /api/jobs/ID | removes the video and its results |

What is refused is answered with {"kind", "message"}. The size is announced before the
video is sent, since a browser that is refused in the middle of sending shows no reason.
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
_RESULT_FILE = re.compile(r'[a-z]+(_\d+)?\.(png|mp4|json|csv|html)')
_SHOWN = {'.png': 'image/png', '.mp4': 'video/mp4'}
_SWEEP_SECONDS = 5.0
_ASKING_BYTES = 4096
MOST_CONNECTIONS = 128  # idle ones count; more are answered with 503
_HEAD_BYTES = 1 << 16  # of a request
logger = logging.getLogger(__name__)


def make_app(
    board: JobBoard,
    limits: Limits,
    about: Mapping[str, Any],
    *,
    host_names: Collection[str] = (),
) -> ASGIApp:
    """Make the application; who makes it runs `work_on_jobs` beside it.

    Args:
        board: holds the jobs.
        limits: are told to visitors, and kept.
        about: what is told of the model.
        host_names: that the server is reached by; a page that points a name of its own
            at this machine is thus not served. Empty takes any name.
    """

    @contextlib.asynccontextmanager
    async def sweep(_: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(_sweep_forever(board))
        yield
        task.cancel()

    app = Starlette(
        routes=_make_routes(_Answers(board, limits, about)),
        exception_handlers={
            Refusal: lambda _, refusal: _say_no(refusal),
            HTTPException: _say_http_error,
            Exception: _say_failure,
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
    # The redirect would lead wherever the request says that it came to.
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
        access_log=False,  # it would hold the ids of the results
        log_config=None,
        server_header=False,
        proxy_headers=False,
        **settings,
    )
    return uvicorn.Server(config)


def _make_routes(answers: _Answers) -> list[Route]:
    return [
        *(Route(path, answers.get_page_file, methods=['GET']) for path in _PAGE_FILES),
        Route('/api/about', answers.get_about, methods=['GET']),
        Route('/api/jobs', answers.post_job, methods=['POST']),
        Route('/api/jobs/{id}/video', answers.put_video, methods=['PUT']),
        Route('/api/jobs/{id}', answers.get_job, methods=['GET']),
        Route('/api/jobs/{id}', answers.delete_job, methods=['DELETE']),
        Route('/api/jobs/{id}/files/{name}', answers.get_file, methods=['GET']),
    ]


class _Answers:
    """The answers, one method a route; see the module."""

    def __init__(
        self, board: JobBoard, limits: Limits, about: Mapping[str, Any]
    ) -> None:
        self._board = board
        self._limits = limits
        self._about = {'limits': dataclasses.asdict(limits), 'model': dict(about)}

    async def get_page_file(self, request: Request) -> Response:
        name, kind = _PAGE_FILES[request.url.path]
        return FileResponse(PAGE / name, media_type=kind)

    async def get_about(self, _: Request) -> Response:
        return JSONResponse(self._about)

    async def post_job(self, request: Request) -> Response:
        asked = await self._read_json(request)
        size = asked.get('size')
        if not isinstance(size, int) or size < 0:
            raise Refusal('bad_request', 'The size of the video is not told.')
        if size == 0:
            raise Refusal('broken', 'The file is empty.')
        job = self._board.reserve(shorten_name(asked.get('name', '')), size)
        return JSONResponse(self._board.describe(job), status_code=201)

    async def put_video(self, request: Request) -> Response:
        job = self._board.get(request.path_params['id'])
        self._board.begin_upload(job)
        is_here = False
        try:
            await receive_video(request.stream(), job, self._limits)
            self._board.end_upload(job)
            is_here = True
        finally:  # whatever happens, the server's end among it
            if not is_here:
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
        # The worker makes the list, and what it says is not believed.
        is_ours = bool(_RESULT_FILE.fullmatch(name)) and not path.is_symlink()
        if job.state == FAILED or not (is_result and is_ours and path.is_file()):
            raise Refusal('not_found', 'There is no such file here.')
        if path.suffix in _SHOWN:
            return FileResponse(path, media_type=_SHOWN[path.suffix])
        return FileResponse(
            path,
            media_type='application/octet-stream',
            headers={'Content-Disposition': f'attachment; filename="{name}"'},
        )

    async def _read_json(self, request: Request) -> dict[str, Any]:
        try:
            return await asyncio.wait_for(
                _read_json(request), self._limits.idle_seconds
            )
        except asyncio.TimeoutError:
            raise Refusal('too_slow', 'The request took too long to come in.') from None

    def _find(self, request: Request) -> Job:
        return self._board.get(request.path_params['id'])


async def _read_json(request: Request) -> dict[str, Any]:
    body = b''
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > _ASKING_BYTES:
                raise Refusal('bad_request', 'The request is too long.')
        asked = json.loads(body)
    except (ValueError, RecursionError):
        asked = None
    except ClientDisconnect:
        raise Refusal('bad_request', 'The request was broken off.') from None
    if not isinstance(asked, dict):
        raise Refusal('bad_request', 'The request is no JSON object.')
    return asked


def _say_no(refusal: Refusal) -> Response:
    headers = {'Retry-After': '60'} if refusal.kind == 'full' else None
    return JSONResponse(refusal.describe(), refusal.status, headers=headers)


def _say_http_error(_: Request, error: Exception) -> Response:
    status = getattr(error, 'status_code', 500)
    body = {'kind': 'not_found', 'message': 'There is no such page.'}
    if status != 404:
        body = {'kind': 'bad_request', 'message': 'That cannot be asked for here.'}
    return JSONResponse(body, status_code=status)


def _say_failure(_: Request, error: Exception) -> Response:
    return _say_no(Refusal('server', 'The server failed. It was told why.'))


async def _sweep_forever(board: JobBoard) -> None:
    while True:
        await asyncio.sleep(_SWEEP_SECONDS)
        try:
            await asyncio.to_thread(board.sweep)
        except OSError:
            logger.exception('old results are not removed')
