"""Limits of a worker of the preparation for one video, and how they are checked."""

from __future__ import annotations

import os
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from mmdeepfake.video.isolation.process_limits import DecodingLimits, check_limits
from mmdeepfake.video.isolation.supervised_process import LOOK_SECONDS, Stopwatch

from ..video_preparation import size_of
from ..work_plan import WorkUnit


@dataclass(frozen=True)
class WorkerLimits:
    """Limits of a worker for one video; None means unlimited.

    Attributes:
        stall_seconds: without a new frame. The first one may take one second more for
            each 5 MB of the file and of the archive that contains it.
        memory_bytes: resident memory of the process.
        timeout_seconds: in all.

    Raises:
        ConfigError: a value is not above 0.
    """

    stall_seconds: float | None = 300.0
    memory_bytes: int | None = 4 << 30
    timeout_seconds: float | None = None

    def __post_init__(self) -> None:
        check_limits(self)

    def find_fault(
        self, unit: WorkUnit, position: int, *, silent: float, seconds: float, pid: int
    ) -> str | None:
        """Return what a worker takes too much of, or None.

        Args:
            unit: that it works at.
            position: of the video that it is at.
            silent: seconds since it last reported a frame.
            seconds: since it began the video.
            pid: of its process.
        """
        if self.timeout_seconds is not None and seconds > self.timeout_seconds:
            return f'it took longer than the {self.timeout_seconds:g} s allowed'
        if self.stall_seconds is not None and silent > self.stall_seconds:
            files = [unit.videos[position].path, unit.archive]
            num_bytes = sum(size_of(path) for path in files if path is not None)
            allowed = DecodingLimits(self.stall_seconds).seconds_for_bytes(num_bytes)
            if silent > allowed:
                return f'it gave no frame for {allowed:g} s'
        if self.memory_bytes is not None and measure_memory(pid) > self.memory_bytes:
            most = self.memory_bytes / 2**30
            return f'it took more than the {most:g} GiB of memory allowed'
        return None


def measure_memory(pid: int) -> int:
    """Return the bytes of a process that are in memory; 0 if it is gone."""
    try:
        pages = Path(f'/proc/{pid}/statm').read_text().split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf('SC_PAGESIZE')


class SelfWatch:
    """Ends this process when it takes too much, where no supervisor watches it.

    Args:
        limits: see `WorkerLimits`.
    """

    def __init__(self, limits: WorkerLimits) -> None:
        self._limits = limits
        self._silent = Stopwatch()
        self._place: tuple[WorkUnit, int] | None = None
        self._since = 0.0
        threading.Thread(target=self._watch, daemon=True).start()

    def begin(self, unit: WorkUnit | None, position: int = 0) -> None:
        """Take note of the video that is worked at; None is none."""
        self._since = time.monotonic()
        self.report_progress()
        self._place = None if unit is None else (unit, position)

    def report_progress(self) -> None:
        """Take note of a frame."""
        self._silent.restart()

    def _watch(self) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            place, silent = self._place, self._silent.look()
            if place is None:
                continue
            fault = self._limits.find_fault(
                *place,
                silent=silent,
                seconds=time.monotonic() - self._since,
                pid=os.getpid(),
            )
            if fault is not None:
                print(f'{place[0].videos[place[1]].path}: {fault}', file=sys.stderr)
                os._exit(1)
