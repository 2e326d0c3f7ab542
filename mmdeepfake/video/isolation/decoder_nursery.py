"""Where processes that decode come from, and what each of them may take."""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmdeepfake.errors import ConfigError, DataError

from .decoder_child import MESSAGE_BYTES

_MAX_FORGOTTEN = 100  # in one message
# A disk, or a decoder, that does less than this is taken for one that hangs.
_SLOWEST_BYTES_PER_SECOND = 5e6
_SLOWEST_FRAMES_PER_SECOND = 20
_PACKAGE = Path(__file__).resolve().parents[2]
# The package's own __init__ registers everything with MMAction2, which takes seconds
# and some hundred MB; here its place is taken by an empty package of the same folder.
_START = """
import json, sys, types
folder, path, descriptor, decoder = json.loads(sys.argv[1])
sys.path[:] = path
package = types.ModuleType('mmdeepfake')
package.__path__ = [folder]
sys.modules['mmdeepfake'] = package
from mmdeepfake.video.isolation.decoder_child import tend_nursery
tend_nursery(descriptor, decoder)
"""


@dataclass(frozen=True)
class DecodingLimits:
    """What the decoding of one video may take.

    Attributes:
        stall_seconds: for one frame. Looking through a file may take a second more for
            each 5 MB of it, going to a frame in its midst one for each 20 frames.
        memory_bytes: that a decoder may map, above what every process has.

    Raises:
        ConfigError: a value is not above 0.
    """

    stall_seconds: float = 60.0
    memory_bytes: int = 4 << 30

    def __post_init__(self) -> None:
        for name in ('stall_seconds', 'memory_bytes'):
            value = getattr(self, name)
            if not (value > 0 and math.isfinite(value)):
                raise ConfigError(f'{name}={value!r}; allowed is a number above 0')

    def seconds_for_file(self, path: str | os.PathLike[str]) -> float:
        """How long looking through a file may take."""
        try:
            num_bytes = os.stat(path).st_size
        except OSError:
            num_bytes = 0
        return self.seconds_for_bytes(num_bytes)

    def seconds_for_bytes(self, num_bytes: int) -> float:
        """How long looking through so many bytes may take."""
        return self.stall_seconds + num_bytes / _SLOWEST_BYTES_PER_SECOND

    def seconds_for_frames(self, num_frames: int) -> float:
        """How long it may take to decode so many frames, to see the last of them."""
        return self.stall_seconds + num_frames / _SLOWEST_FRAMES_PER_SECOND


@dataclass(frozen=True, eq=False)
class Fork:
    """A process that decodes.

    Attributes:
        pid: its number.
        nursery: the process that forked it.
    """

    pid: int
    nursery: Any


class Nursery:
    """The process that forks decoders; begun when it is needed, and if it is gone.

    Args:
        limits: of every decoder.
        decoder: 'module:name' of what makes the `VideoDecoder` of a process.
    """

    def __init__(self, limits: DecodingLimits, decoder: str) -> None:
        self.limits = limits
        self._decoder = decoder
        self._lock = threading.Lock()
        self._control: socket.socket | None = None
        self._process: Any = None
        # Ended, and to be taken note of by the nursery: until then no other process
        # gets their number.
        self._forgotten: deque[int] = deque()
        self._owner = 0  # a fork of this process must not talk into its connection
        self._end: weakref.finalize | None = None

    def fork(self) -> tuple[socket.socket, Fork]:
        """Start a decoder, and give the connection to it.

        Raises:
            DataError: no process can be started.
        """
        ours, theirs = socket.socketpair()
        with theirs, self._lock:
            try:
                return ours, self._fork(theirs)
            except (OSError, ValueError):
                self._stop()  # it has died; a new one is begun
            try:
                return ours, self._fork(theirs)
            except (OSError, ValueError) as error:
                ours.close()
                raise DataError(
                    f'the process that decodes videos cannot be started: {error}'
                ) from error

    def _fork(self, theirs: socket.socket) -> Fork:
        if self._control is None or self._owner != os.getpid():
            self._start()
        num_forgotten = min(len(self._forgotten), _MAX_FORGOTTEN)
        order = {
            'memory_bytes': self.limits.memory_bytes,
            'folder': _here(),
            'forget': [self._forgotten.popleft() for _ in range(num_forgotten)],
        }
        return Fork(int(self._ask(order, theirs)['pid']), self._process)

    def forget(self, fork: Fork) -> None:
        """End a decoder at once. Waits for nothing, so that a finalizer may call it."""
        if self._is_ours(fork) and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(fork.pid, signal.SIGKILL)
            self._forgotten.append(fork.pid)

    def reap(self, fork: Fork, *, seconds: float) -> int | None:
        """Wait so long for a decoder to end, then end it.

        Returns:
            Its wait status; None where the nursery is gone, and the decoder with it.
        """
        with self._lock:
            if not self._is_ours(fork):
                return None
            try:
                return self._ask({'reap': fork.pid, 'seconds': seconds})['status']
            except (OSError, ValueError, KeyError):
                return None

    def _is_ours(self, fork: Fork) -> bool:
        # After a nursery is gone, a number may be that of any other process.
        return self._owner == os.getpid() and fork.nursery is self._process

    def _ask(self, order: dict, passed: socket.socket | None = None) -> dict[str, Any]:
        descriptors = [] if passed is None else [passed.fileno()]
        socket.send_fds(self._control, [json.dumps(order).encode()], descriptors)
        return json.loads(
            self._control.recv(MESSAGE_BYTES)
        )  # '' is no JSON: a ValueError

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        arguments = [str(_PACKAGE), sys.path, theirs.fileno(), self._decoder]
        with theirs:
            process = subprocess.Popen(
                [sys.executable, '-c', _START, json.dumps(arguments)],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                # Threads of a library would not survive the forks.
                env={**os.environ, 'OPENBLAS_NUM_THREADS': '1', 'OMP_NUM_THREADS': '1'},
                start_new_session=True,
            )
        self._control, self._owner, self._process = ours, os.getpid(), process
        self._forgotten.clear()
        self._end = weakref.finalize(self, _end_nursery, ours, process, os.getpid())

    def _stop(self) -> None:
        if self._end is not None:
            self._end()
        self._control = None


def _end_nursery(control: socket.socket, process: Any, owner: int) -> None:
    control.close()
    if os.getpid() == owner:
        process.kill()
        process.wait()


def _here() -> str:
    try:
        return os.getcwd()
    except OSError:
        return '/'


def describe_status(status: int | None) -> str:
    """Say how a process ended, by its wait status."""
    if status is None:
        return 'the process that started it is gone'
    if not os.WIFSIGNALED(status):
        return f'exit code {os.waitstatus_to_exitcode(status)}'
    return signal.Signals(os.WTERMSIG(status)).name
