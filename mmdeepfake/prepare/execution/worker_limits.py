"""What a worker may take for one video, and how it is seen that it takes more."""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from mmdeepfake.errors import ConfigError
from mmdeepfake.video.isolation.process_limits import DecodingLimits

from ..video_preparation import size_of
from ..work_plan import WorkUnit

LOOK_SECONDS = 1.0


@dataclass(frozen=True)
class WorkerLimits:
    """What a worker may take for one video; None bounds nothing.

    Attributes:
        stall_seconds: without a frame. Before the first one it may take a second more
            for each 5 MB of the file, and of the archive that it is in.
        memory_bytes: resident memory of the process.
        timeout_seconds: in all.

    Raises:
        ConfigError: a value is not above 0.
    """

    stall_seconds: float | None = 300.0
    memory_bytes: int | None = 4 << 30
    timeout_seconds: float | None = None

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if value is not None and not (value > 0 and math.isfinite(value)):
                raise ConfigError(f'{name}={value!r}; allowed is a number above 0')

    def find_fault(
        self, unit: WorkUnit, position: int, *, silent: float, seconds: float, pid: int
    ) -> str | None:
        """Say what a worker takes too much of.

        Args:
            unit: that it works at.
            position: of the video that it is at.
            silent: seconds since it last told of a frame.
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
    """Bytes of a process that are in memory; 0 where it is gone."""
    try:
        pages = Path(f'/proc/{pid}/statm').read_text().split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf('SC_PAGESIZE')


class Silence:
    """How long nothing has been heard of a worker.

    Time in which the one who listens is stopped itself does not count.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._looked = time.monotonic()

    def end(self) -> None:
        """Something was heard."""
        self.seconds, self._looked = 0.0, time.monotonic()

    def go_on(self) -> float:
        """Give its length in seconds; to be asked every `LOOK_SECONDS` or so."""
        now = time.monotonic()
        self.seconds += min(now - self._looked, 2 * LOOK_SECONDS)
        self._looked = now
        return self.seconds


class SelfWatch:
    """Ends this process when it takes too much: where nobody else watches it.

    Args:
        limits: see `WorkerLimits`.
    """

    def __init__(self, limits: WorkerLimits) -> None:
        self._limits = limits
        self._silence = Silence()
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
        self._silence.end()

    def _watch(self) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            place, silent = self._place, self._silence.go_on()
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
