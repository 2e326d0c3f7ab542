"""What `tools/webapp.py` does with its arguments."""

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

from .examination import make_video_examiner
from .jobs import JobBoard, work_on_jobs
from .limits import Limits
from .private_folder import PrivateFolder
from .worker import MakeExaminer
from .worker_process import WorkerProcess

LOOPBACK_NAMES = ('localhost', '127.0.0.1', '[::1]')
_BACKLOG = 128  # connections that wait until the server takes them


def run_webapp(args: argparse.Namespace) -> None:
    """Serve the page until Ctrl-C.

    Raises:
        InputError: there are no trained weights, or the port is taken.
    """
    serving = _import_server()
    limits = make_limits(args)
    for kind in ('config', 'checkpoint'):
        path = getattr(args, kind)
        if path is not None and not os.path.isfile(path):
            raise DataNotFoundError(f'no such {kind} file {path!r}')
    settings = dict(
        config=args.config,
        checkpoint=args.checkpoint,
        device=args.device,
        operating_point=args.operating_point,
        threshold=args.threshold,
        faces=args.faces,
    )
    make_examiner = functools.partial(make_video_examiner, settings, limits)
    with _bind(args.host, args.port) as listener, _orderly_end():
        with running_jobs(make_examiner, limits) as (board, about):
            _serve(serving, listener, board, limits, about, args)


@contextmanager
def _orderly_end() -> Iterator[None]:
    """Make the signals that end a server end it like Ctrl-C, its files removed.

    uvicorn answers them, too, and then passes them on to who was there before.
    """

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    ending = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(one, interrupt) for one in ending]
    try:
        yield
    except KeyboardInterrupt:
        print('stopped; uploads and results are removed', file=sys.stderr)
    finally:
        for one, handler in zip(ending, before, strict=True):
            signal.signal(one, handler)


def make_limits(args: argparse.Namespace) -> Limits:
    """Take the limits out of the command line."""
    names = {field.name for field in dataclasses.fields(Limits)}
    given = {name: value for name, value in vars(args).items() if name in names}
    return Limits(**given)


@contextmanager
def running_jobs(
    make_examiner: MakeExaminer, limits: Limits
) -> Iterator[tuple[JobBoard, dict[str, Any]]]:
    """Give a board whose jobs are worked on, and what is told of the model.

    In the end the worker is ended and all files are removed.

    Raises:
        DataError: the model cannot be loaded, with the reason.
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
    if not about['is_calibrated']:
        print(
            f'The threshold {about["threshold"]:g} is not calibrated; '
            'tools/calibrate.py chooses one.',
            file=sys.stderr,
        )
    listener.listen(_BACKLOG)  # visitors may come as soon as they are told
    print(f'http://{shown}:{port}/  (Ctrl-C ends it)', flush=True)
    make_server(app, backlog=_BACKLOG).run(sockets=[listener])


def list_host_names(args: argparse.Namespace) -> tuple[str, ...]:
    """Give the names that the server may be called by; none stands for any."""
    if is_loopback(args.host) or args.allow_host:
        host = f'[{args.host}]' if ':' in args.host else args.host
        return (*LOOPBACK_NAMES, host, *args.allow_host)
    return ()


def is_loopback(host: str) -> bool:
    """Tell whether an address is reached from this machine alone."""
    try:
        return host == 'localhost' or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _bind(host: str, port: int) -> socket.socket:
    """Take the port before the model is loaded, which takes its time."""
    try:
        family = socket.AF_INET6 if ':' in host else socket.AF_INET
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        reason = getattr(error, 'strerror', None) or str(error)
        raise DataError(
            f'--host {host} --port {port} cannot be used: {reason}'
        ) from None
    return listener


def _import_server() -> tuple[Callable[..., Any], Callable[..., Any]]:
    try:
        from .server import make_app, make_server
    except ImportError as error:
        raise ConfigError(
            f"the page needs {error.name}: pip install 'mmdeepfake[web]'"
        ) from None
    logging.getLogger('uvicorn.error').setLevel(logging.WARNING)
    return make_server, make_app
