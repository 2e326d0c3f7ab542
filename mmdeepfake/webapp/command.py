"""The command `tools/webapp.py`."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import ipaddress
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.util import get_temp_dir
from typing import Any

from mmdeepfake.errors import ConfigError, DataError, DataNotFoundError
from mmdeepfake.inference.published_detector import locate_weights

from .examination import make_video_examiner
from .jobs import JobBoard, work_on_jobs
from .limits import Limits
from .private_folder import PrivateFolder
from .worker import MakeExaminer
from .worker_process import WorkerProcess

LOOPBACK_NAMES = ('localhost', '127.0.0.1', '[::1]')
_INFERENCER_OPTIONS = (
    'config', 'checkpoint', 'device', 'operating_point', 'threshold', 'faces',
    'ignore_training_domain',
)  # fmt: skip
_BACKLOG = 128  # connections that wait for the server


def run_webapp(args: argparse.Namespace) -> None:
    """Serve the page until Ctrl-C.

    Raises:
        InputError: there are no trained weights, or the port is in use.
    """
    serving = _import_server()
    names = [field.name for field in dataclasses.fields(Limits)]
    limits = Limits(**{name: getattr(args, name) for name in names if name in args})
    for kind in ('config', 'checkpoint'):
        path = getattr(args, kind)
        if path is not None and not os.path.exists(path):
            raise DataNotFoundError(f'no such {kind} file {path!r}')
    if args.config is None:
        locate_weights(args.checkpoint)  # a message before the worker starts
    settings = {name: getattr(args, name) for name in _INFERENCER_OPTIONS}
    make_examiner = functools.partial(make_video_examiner, settings, limits)
    with _bind(args.host, args.port) as listener, _ending_cleanly():
        with running_jobs(make_examiner, limits) as (board, about):
            _serve(serving, listener, board, limits, about, args)


@contextmanager
def _ending_cleanly() -> Iterator[None]:
    """Handle SIGTERM and SIGHUP like Ctrl-C, so that files are removed.

    uvicorn handles them first and then calls the previous handler.
    """

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    ending = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(one, interrupt) for one in ending]
    try:
        yield
    except KeyboardInterrupt:
        print('stopped; uploads and results were removed', file=sys.stderr)
    finally:
        for one, handler in zip(ending, before, strict=True):
            signal.signal(one, handler)


@contextmanager
def running_jobs(
    make_examiner: MakeExaminer, limits: Limits
) -> Iterator[tuple[JobBoard, dict[str, Any]]]:
    """Yield a board with a running worker, and the facts about the model.

    At the end the worker is stopped and all files are removed.

    Raises:
        DataError: the model cannot be loaded.
    """
    folder = PrivateFolder()
    worker = WorkerProcess(make_examiner, limits)
    board = JobBoard(folder, limits)
    thread = threading.Thread(target=work_on_jobs, args=(board, worker), daemon=True)
    try:
        about = worker.start()
        folder.adopt(get_temp_dir())
        thread.start()
        yield board, about
    finally:
        board.close()
        if thread.ident is not None:
            thread.join(10)
        worker.stop()
        folder.remove()


def _serve(
    serving: tuple[Callable[..., Any], Callable[..., Any]],
    listener: socket.socket,
    board: JobBoard,
    limits: Limits,
    about: dict[str, Any],
    args: argparse.Namespace,
) -> None:
    make_server, make_app = serving
    app = make_app(board, limits, about, host_names=list_host_names(args))
    host, port = listener.getsockname()[:2]
    shown = f'[{host}]' if ':' in host else host
    print(about['detector'], file=sys.stderr)
    if not about['is_calibrated']:
        print(
            f'The threshold {about["threshold"]:g} is not calibrated; '
            'tools/calibrate.py chooses one.',
            file=sys.stderr,
        )
    listener.listen(_BACKLOG)  # before the address is printed
    print(f'http://{shown}:{port}/  (Ctrl-C stops it)', flush=True)
    make_server(app, backlog=_BACKLOG).run(sockets=[listener])


def list_host_names(args: argparse.Namespace) -> tuple[str, ...]:
    """Return the allowed host names of the server; none allows any."""
    if is_loopback(args.host) or args.allow_host:
        host = f'[{args.host}]' if ':' in args.host else args.host
        return (*LOOPBACK_NAMES, host, *args.allow_host)
    return ()


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches an address."""
    try:
        return host == 'localhost' or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _bind(host: str, port: int) -> socket.socket:
    """Bind the port before the model is loaded, which takes some time."""
    try:
        family = socket.AF_INET6 if ':' in host else socket.AF_INET
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        reason = getattr(error, 'strerror', None) or str(error)
        raise DataError(
            f'--host {host} --port {port} cannot be used: {reason}; '
            'name another address, or --port 0 for a free port'
        ) from None
    return listener


def _import_server() -> tuple[Callable[..., Any], Callable[..., Any]]:
    try:
        from .server import make_app, make_server
    except ImportError as error:
        raise ConfigError(
            f"the web page needs {error.name}: pip install 'mmdeepfake[web]'"
        ) from None
    logging.getLogger('uvicorn.error').setLevel(logging.WARNING)
    return make_server, make_app
