"""A disk that fails at a chosen moment, and what a tool may leave behind on it.

Every file operation of Python raises an audit event before it is made, and a hook that
raises stands for a disk that refuses it. What C++ writes is met by a limit on the size
of files, and by a small file system that is really full.
"""

from __future__ import annotations

import errno
import os
import resource
import runpy
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
from mmengine.logging import MMLogger
from tool_runs import ROOT

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_NEEDS_ROOM = ('open', 'os.mkdir')
_CHANGES = (*_NEEDS_ROOM, 'os.rename')


class DiskFault:
    """Counts the operations that change a folder, and lets them fail from one on.

    Args:
        folder: the only place that fails.
        step: number of the first operation that fails, from 1; 0 lets all pass.
        number: of the error.
        lasting: as on a full disk whatever needs room fails from there on; otherwise
            this one operation does.
    """

    def __init__(
        self,
        folder: Path,
        step: int = 0,
        *,
        number: int = errno.ENOSPC,
        lasting: bool = True,
    ) -> None:
        self._folder, self._step = os.path.realpath(folder), step
        self._errno, self._lasting = number, lasting
        self.num_steps = 0

    def meet(self, event: str, arguments: tuple) -> None:
        """Take an audit event."""
        if event not in _CHANGES or not isinstance(arguments[0], str | bytes | Path):
            return
        path = os.path.realpath(os.fsdecode(arguments[0]))
        if path != self._folder and not path.startswith(self._folder + os.sep):
            return
        if event == 'open' and not (arguments[2] or 0) & _WRITING:
            return
        self.num_steps += 1
        later = self._lasting and self.num_steps > self._step and event in _NEEDS_ROOM
        if self._step and (self.num_steps == self._step or later):
            raise OSError(self._errno, os.strerror(self._errno), arguments[0])


_current: list[DiskFault] = []


def _hook(event: str, arguments: tuple) -> None:
    if _current and event in _CHANGES:
        _current[0].meet(event, arguments)


@contextmanager
def disk_fault(fault: DiskFault) -> Iterator[DiskFault]:
    """Let the fault happen in the block."""
    if not getattr(sys, '_disk_fault_hook', False):
        sys.addaudithook(_hook)  # for good: hooks cannot be removed
        sys._disk_fault_hook = True
    _current.append(fault)
    try:
        yield fault
    finally:
        _current.clear()


@contextmanager
def file_size_limit(num_bytes: int) -> Iterator[None]:
    """Let no file grow above this size, whoever writes it: EFBIG."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


@contextmanager
def small_disk(folder: Path, num_bytes: int) -> Iterator[Path]:
    """Mount a file system of a size; skip the test where that is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    words = ['mount', '-t', 'tmpfs', '-o', f'size={num_bytes}', 'tmpfs', str(folder)]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f'a small disk cannot be mounted here: {done.stderr.strip()}')
    try:
        yield folder
    finally:
        subprocess.run(['umount', '-l', str(folder)], check=True)


def run_here(tool: str, *words: object, cwd: Path) -> tuple[int, str]:
    """Run a tool in this process; return its exit code and what it says on stderr."""
    before, arguments = os.getcwd(), sys.argv
    MMLogger._instance_dict.clear()
    said = StringIO()
    os.chdir(cwd)
    sys.argv = [tool, *map(str, words)]
    code = 0
    try:
        with redirect_stdout(StringIO()), redirect_stderr(said):
            runpy.run_path(str(ROOT / 'tools' / tool), run_name='__main__')
    except SystemExit as ended:
        code = ended.code or 0
    finally:
        MMLogger._instance_dict.clear()
        os.chdir(before)
        sys.argv = arguments
    return code, said.getvalue()


def refuse_more_than_a_message(code: int, said: str, told: object = '') -> str:
    """The tool ended with 2 and one message, which is given back."""
    assert code == 2, f'{told}: ended with {code}: {said[-2000:]}'
    for word in ('Traceback', 'Logging error', 'Exception ignored'):
        assert word not in said, f'{told}: {said[-2000:]}'
    assert said.count('error: ') == 1, f'{told}: {said[-2000:]}'
    message = said[said.index('error: ') :].strip()
    assert '\n' not in message, f'{told}: {message}'
    return message
