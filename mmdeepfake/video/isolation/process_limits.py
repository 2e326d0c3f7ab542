"""Limits of a process that opens foreign files."""

from __future__ import annotations

import logging
import math
import os
import resource
import signal
from dataclasses import dataclass
from pathlib import Path

from mmdeepfake.errors import ConfigError

logger = logging.getLogger(__name__)

# Above that of other processes: if memory runs out, the worker is killed first.
_OOM_SCORE = '500'
# A disk, or a decoder, slower than this is taken for one that hangs.
_SLOWEST_BYTES_PER_SECOND = 5e6
_SLOWEST_FRAMES_PER_SECOND = 20


@dataclass(frozen=True)
class DecodingLimits:
    """Limits on the decoding of one video.

    Attributes:
        stall_seconds: for one frame. Scanning a file may take a second more for each
            5 MB of it, seeking to a frame one for each 20 frames before it.
        memory_bytes: that a decoder may map, beyond what every process has.

    Raises:
        ConfigError: a value is not above 0.
    """

    stall_seconds: float = 60.0
    memory_bytes: int = 4 << 30

    def __post_init__(self) -> None:
        check_limits(self)

    def seconds_for_file(self, path: str | os.PathLike[str]) -> float:
        """Return the seconds that scanning a file may take."""
        try:
            num_bytes = os.stat(path).st_size
        except OSError:
            num_bytes = 0
        return self.seconds_for_bytes(num_bytes)

    def seconds_for_bytes(self, num_bytes: int) -> float:
        """Return the seconds that scanning `num_bytes` may take."""
        return self.stall_seconds + num_bytes / _SLOWEST_BYTES_PER_SECOND

    def seconds_for_frames(self, num_frames: int) -> float:
        """Return the seconds that decoding `num_frames` may take."""
        return self.stall_seconds + num_frames / _SLOWEST_FRAMES_PER_SECOND


def check_limits(limits: object) -> None:
    """Check the fields of a dataclass: each is None or a number above 0.

    Raises:
        ConfigError: one is not.
    """
    for name, value in vars(limits).items():
        if value is not None and not (value > 0 and math.isfinite(value)):
            raise ConfigError(f'{name}={value!r}; allowed is a number above 0')


def restrict_process() -> None:
    """Make this process expendable.

    It writes no core file, is the first to be killed if memory runs out, and ignores
    Ctrl-C, which a terminal sends to all its processes: its parent ends it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        Path('/proc/self/oom_score_adj').write_text(_OOM_SCORE)
    except OSError as error:
        logger.info('oom_score_adj is not set: %s', os.strerror(error.errno or 0))


def limit_file_size(num_bytes: int) -> None:
    """Limit the size of each file that this process writes."""
    _limit(resource.RLIMIT_FSIZE, num_bytes)


def limit_memory(num_bytes: int) -> bool:
    """Limit the memory that this process maps beyond what it has now (`RLIMIT_AS`).

    Returns:
        Whether it is limited: only Linux reports how much is mapped.
    """
    try:
        num_pages = int(Path('/proc/self/statm').read_text().split()[0])
    except OSError:
        return False
    _limit(resource.RLIMIT_AS, num_pages * resource.getpagesize() + num_bytes)
    return True


def _limit(kind: int, most: int) -> None:
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(kind, (most, hard))
