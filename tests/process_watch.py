"""What processes and a folder hold while something goes on; read from Linux's /proc."""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

needs_proc = pytest.mark.skipif(
    not Path('/proc/self/smaps_rollup').exists(), reason='reads Linux /proc'
)


@dataclass(frozen=True)
class Held:
    """What a process, or several together, hold.

    Attributes:
        rss: bytes of resident memory; what processes share counts in each.
        pss: the same, what is shared being divided among those that share it.
        anonymous: bytes of memory that come from no file, as heap and stacks. What
            leaks is there, and what other programs map does not move it.
        threads: how many.
        handles: open files, pipes and connections.
        processes: how many.
    """

    rss: int = 0
    pss: int = 0
    anonymous: int = 0
    threads: int = 0
    handles: int = 0
    processes: int = 0

    def __add__(self, other):
        return Held(*(getattr(self, n) + getattr(other, n) for n in HELD_NAMES))


HELD_NAMES = tuple(Held.__dataclass_fields__)


def measure_process(pid):
    """Return what one process holds; nothing if it is gone."""
    folder = Path('/proc') / str(pid)
    try:
        kilobytes = dict(_pairs((folder / 'smaps_rollup').read_text()))
        return Held(
            rss=kilobytes['Rss'] << 10,
            pss=kilobytes['Pss'] << 10,
            anonymous=kilobytes['Anonymous'] << 10,
            threads=len(os.listdir(folder / 'task')),
            handles=len(os.listdir(folder / 'fd')),
            processes=1,
        )
    except (OSError, KeyError):  # it ended just now
        return Held()


def _pairs(text):
    for line in text.splitlines()[1:]:
        name, number, *_ = line.split()
        yield name.rstrip(':'), int(number)


def list_children(pid):
    """Return the living processes that a process has started."""
    children = []
    with suppress(OSError):
        for task in Path(f'/proc/{pid}/task').iterdir():
            with suppress(OSError):
                children += map(int, (task / 'children').read_text().split())
    return children


def list_family(pid):
    """Return a process and its living descendants."""
    return [pid, *(one for child in list_children(pid) for one in list_family(child))]


def list_workers(pid):
    """Return the processes of a server's fork server, which examine videos."""
    return [worker for child in list_children(pid) for worker in list_children(child)]


def measure_family(pid):
    """Return what a process and its descendants hold together."""
    return sum(map(measure_process, list_family(pid)), Held())


def measure_folder(folder):
    """Return number of files and bytes in them below a folder that is in use."""
    num_files = num_bytes = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                num_bytes += os.lstat(os.path.join(parent, name)).st_size
                num_files += 1
    return num_files, num_bytes


@dataclass(frozen=True)
class Look:
    """One look at a server: its process, those that it started, and its folder."""

    seconds: float
    server: Held
    others: Held
    num_files: int
    num_bytes: int


class ProcessWatch:
    """Looks at a process, its descendants and a folder again and again.

    Args:
        pid: of the process.
        folder: whose files are counted.
        every_seconds: between two looks.
    """

    def __init__(self, pid, folder, every_seconds=0.2):
        self.looks = []
        self._pid, self._folder, self._every = pid, folder, every_seconds
        self._start = time.monotonic()
        self._end = threading.Event()

    def look(self):
        """Return what is held just now."""
        others = list_family(self._pid)[1:]
        return Look(
            time.monotonic() - self._start,
            measure_process(self._pid),
            sum(map(measure_process, others), Held()),
            *measure_folder(self._folder),
        )

    @contextmanager
    def looking(self):
        """Collect `looks` while a block runs."""
        thread = threading.Thread(target=self._run)
        thread.start()
        try:
            yield self
        finally:
            self._end.set()
            thread.join()

    def _run(self):
        while not self._end.wait(self._every):
            self.looks.append(self.look())
