"""A child process that may crash, hang or run out of memory without harm to its parent.

Decoders of videos, the workers of the preparation and the worker of the web page are
such processes. All come from multiprocessing's fork server, which has imported what
they need and opens no foreign file: starting one takes some milliseconds.

They are no sandbox: they have this user's rights.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator, MutableMapping
from multiprocessing import forkserver, get_context
from multiprocessing.connection import wait
from typing import Any

from mmdeepfake.errors import DataError

from .message_channel import MessageChannel, ProtocolError
from .process_limits import restrict_process

LOOK_SECONDS = 0.5
# Between the end of a connection and the exit code of its process.
_EXIT_SECONDS = 30.0
_RESTART_SECONDS = 10.0  # for a fork server that dies to be gone
# Multiprocessing would run the user's script again in each child. It needs nothing of
# it, and a script may lack `if __name__ == '__main__'`.
_NO_SCRIPT = {'__spec__': None, '__file__': None}
# multiprocessing's list of children is not safe for threads. A finalizer may need the
# lock while its own thread holds it.
_lock = threading.RLock()

Serve = Callable[..., None]


class WorkerLost(Exception):
    """A worker crashed, hung or sent something invalid, and is gone.

    Args:
        reason: a predicate such as 'crashed or ran out of memory (SIGSEGV)'.
        exit_code: of the process, negative for a signal; None if it was ended here.
        timed_out: whether it was ended for want of an answer.
    """

    def __init__(
        self, reason: str, *, exit_code: int | None = None, timed_out: bool = False
    ) -> None:
        super().__init__(reason)
        self.exit_code = exit_code
        self.timed_out = timed_out


class Stopwatch:
    """Counts seconds, except those in which this process itself was stopped.

    From one look to the next, at most twice `LOOK_SECONDS` count.
    """

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Begin at 0 again."""
        self._seconds, self._looked = 0.0, time.monotonic()

    def look(self) -> float:
        """Return the seconds so far; to be called every `LOOK_SECONDS` or so."""
        now = time.monotonic()
        self._seconds += min(now - self._looked, 2 * LOOK_SECONDS)
        self._looked = now
        return self._seconds


class SupervisedProcess:
    """A worker: started here, ended with this object or its parent at the latest.

    Its limits are set by `serve` itself, see `process_limits`; standard output goes
    nowhere.

    Args:
        serve: is run in the child as `serve(channel, *arguments)`, and may raise
            EOFError or ConnectionError when its parent has gone.
        arguments: can be pickled.
        preload: modules that the fork server imports besides that of `serve`.

    Attributes:
        pid: of the process.

    Raises:
        DataError: no process can be started.
    """

    def __init__(
        self, serve: Serve, *arguments: Any, preload: tuple[str, ...] = ()
    ) -> None:
        ours, theirs = socket.socketpair()
        self._channel = MessageChannel(ours)
        with theirs:
            try:
                self._process = _start(theirs, serve, arguments, preload)
            except DataError:
                ours.close()
                raise
        self.pid: int = self._process.pid
        self._end = weakref.finalize(self, _end, self._process, ours, os.getpid())

    def fileno(self) -> int:
        """Return the descriptor of the connection, for `multiprocessing`'s `wait`."""
        return self._channel.fileno()

    @property
    def is_open(self) -> bool:
        """Whether it has not been ended here."""
        return self._end.alive

    @property
    def is_running(self) -> bool:
        """Whether it is open and has not ended by itself."""
        return self.is_open and not wait([self._process.sentinel], 0)

    def end(self) -> None:
        """Kill the process, if it still runs, and wait until it is gone."""
        if self._end() is not None:
            wait([self._process.sentinel], _EXIT_SECONDS)

    def send(self, message: dict[str, Any], payload: bytes = b'') -> None:
        """Send a message to the process.

        Raises:
            WorkerLost: it has died.
        """
        with self._losing():
            self._channel.send(message, payload)

    def receive(
        self,
        seconds: float,
        *,
        allocate: Callable[[dict[str, Any], int], Any] | None = None,
        on_look: Callable[[], None] | None = None,
    ) -> tuple[dict[str, Any], Any]:
        """Receive a message and the bytes that belong to it.

        Args:
            seconds: allowed for all of it.
            allocate: is given the message and the number of bytes after it; returns a
                buffer of this size. None allows no such bytes.
            on_look: is called at least every `LOOK_SECONDS` or so; what it raises ends
                the process.

        Returns:
            The message, and the filled buffer or None.

        Raises:
            WorkerLost: it has died, took too long or sent something invalid.
        """
        deadline = _Deadline(self._channel, seconds, on_look)
        with self._losing(seconds):
            message, num_bytes = self._channel.receive(deadline.wait)
            buffer = None
            if allocate is not None:
                buffer = allocate(message, num_bytes)
                self._channel.fill(buffer, deadline.wait)
            elif num_bytes:
                raise ProtocolError(f'{num_bytes} unexpected bytes')
        return message, buffer

    def refuse(self, what: str) -> WorkerLost:
        """End the process, since what it sent is invalid."""
        self.end()
        return WorkerLost(
            f'gave an answer that makes no sense ({what[:200]}) and was ended'
        )

    @contextlib.contextmanager
    def _losing(self, seconds: float = 0.0) -> Iterator[None]:
        try:
            yield
        except TimeoutError:
            self.end()
            reason = f'gave no answer for {seconds:g} s and was ended'
            raise WorkerLost(reason, timed_out=True) from None
        except (EOFError, OSError) as error:
            raise self._find_crash() from error
        except ProtocolError as error:
            raise self.refuse(str(error)) from error
        except BaseException:
            self.end()  # half a message may still be on its way
            raise

    def _find_crash(self) -> WorkerLost:
        wait([self._process.sentinel], _EXIT_SECONDS)
        with _lock:
            code = self._process.exitcode
        self.end()
        reason = f'crashed or ran out of memory ({describe_exit(code)})'
        return WorkerLost(reason, exit_code=code)


class _Deadline:
    """Waits for something to read; the limit holds for all bytes together."""

    def __init__(
        self,
        channel: MessageChannel,
        seconds: float,
        on_look: Callable[[], None] | None,
    ) -> None:
        self._seconds = seconds
        self._on_look = on_look
        self._stopwatch = Stopwatch()
        self._poll = select.poll()
        self._poll.register(channel, select.POLLIN)

    def wait(self) -> None:
        while True:
            if self._on_look is not None:
                self._on_look()
            left = self._seconds - self._stopwatch.look()
            if left <= 0:
                raise TimeoutError
            if self._poll.poll(1000 * min(LOOK_SECONDS, left)):
                return


def start_server(*modules: str) -> None:
    """Start the fork server in the background, if it does not run.

    Args:
        modules: that it imports before it forks the first process.
    """
    paths = os.pathsep.join(path for path in sys.path if path)
    # Else it would look for modules in the working folder first, among foreign files.
    safe = {'PYTHONPATH': paths, 'PYTHONSAFEPATH': '1'}
    with _lock, _changed(os.environ, safe):
        forkserver.set_forkserver_preload(list(modules))
        forkserver.ensure_running()


def _start(
    connection: socket.socket,
    serve: Serve,
    arguments: tuple[Any, ...],
    preload: tuple[str, ...],
) -> Any:
    """Start a process, from another fork server if the present one is dying.

    Raises:
        DataError: it cannot be started.
    """
    run = (connection, serve, arguments, _here())
    give_up = time.monotonic() + _RESTART_SECONDS
    while True:
        process = get_context('forkserver').Process(target=_run, args=run, daemon=True)
        try:
            with _lock, _changed(vars(sys.modules['__main__']), _NO_SCRIPT):
                start_server(serve.__module__, *preload)
                process.start()
            return process
        except (OSError, EOFError, AssertionError) as error:  # daemons have no children
            is_dying = isinstance(error, (ConnectionError, EOFError))
            if not is_dying or time.monotonic() > give_up:
                raise DataError(
                    f'a worker process cannot be started: {error or "no fork server"}'
                ) from error
        time.sleep(0.1)


@contextlib.contextmanager
def _changed(
    mapping: MutableMapping[str, Any], values: dict[str, Any]
) -> Iterator[None]:
    """Change some values of a mapping for a moment."""
    before = {name: mapping[name] for name in values if name in mapping}
    mapping.update(values)
    try:
        yield
    finally:
        for name in values.keys() - before.keys():
            mapping.pop(name, None)
        mapping.update(before)


def _here() -> str:
    try:
        return os.getcwd()
    except OSError:
        return '/'


def _run(
    connection: socket.socket, serve: Serve, arguments: tuple[Any, ...], folder: str
) -> None:
    """Run in the child process."""
    restrict_process()
    threading.Thread(target=_exit_with_parent, args=(connection,), daemon=True).start()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    with contextlib.suppress(OSError):  # absolute paths need no folder
        os.chdir(folder)
    with contextlib.suppress(EOFError, ConnectionError):
        serve(MessageChannel(connection), *arguments)


def _exit_with_parent(connection: socket.socket) -> None:
    """End this process, whatever it is doing, when the other side hangs up."""
    poll = select.poll()
    poll.register(connection, 0)  # a hang-up is always reported
    poll.poll()
    os._exit(1)


def _end(process: Any, connection: socket.socket, owner: int) -> bool:
    # Does not wait: a finalizer may be called at any moment.
    if os.getpid() == owner:  # not in a fork of the parent
        with _lock:
            if process.exitcode is None:  # else its number may be another's by now
                process.kill()
    connection.close()
    return True


def describe_exit(code: int | None) -> str:
    """Describe how a process ended, by its exit code."""
    if code is None:
        return 'it closed its connection'
    if code >= 0:
        return f'exit code {code}'
    names = {one.value: one.name for one in signal.Signals}
    return names.get(-code, f'signal {-code}')
