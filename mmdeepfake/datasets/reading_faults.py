"""Which errors are a video's own, so that a run may go on without this video."""

from __future__ import annotations

import errno
import math
from collections.abc import Mapping
from dataclasses import dataclass

from mmdeepfake.errors import (
    ConfigError,
    DataError,
    DataNotFoundError,
    InputError,
    LeakError,
)
from mmdeepfake.structures import ON_ERROR, SKIP, BrokenSample, VideoKey

MISSING, BROKEN = 'missing', 'broken'
# What the system says of a file. A full disk, too many open files or no memory are the
# machine's fault: the next video would fail as well.
_FILE_ERRORS = {
    errno.EACCES,
    errno.EIO,
    errno.EISDIR,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EPERM,
    errno.ESTALE,
}


@dataclass(frozen=True)
class SkipRule:
    """What a dataset does with a video that cannot be read.

    Attributes:
        owner: the dataset, for messages.
        on_error: 'stop' or 'skip'.
        max_skipped_share: of the distinct videos, so many may be skipped.
        max_skipped_count: and no more than so many.
    """

    owner: str
    on_error: str
    max_skipped_share: float
    max_skipped_count: int

    def __post_init__(self) -> None:
        if self.on_error not in ON_ERROR:
            allowed = ', '.join(map(repr, ON_ERROR))
            self._refuse('on_error', f'allowed are {allowed}')
        if not 0 <= self.max_skipped_share < 1:
            self._refuse('max_skipped_share', 'allowed is 0 <= share < 1')
        if type(self.max_skipped_count) is not int or self.max_skipped_count < 0:
            self._refuse('max_skipped_count', 'allowed are whole numbers from 0 on')

    def _refuse(self, name: str, allowed: str) -> None:
        raise ConfigError(f'{self.owner}: {name}={getattr(self, name)!r}; {allowed}')

    @property
    def skips(self) -> bool:
        """Whether a run goes on without such a video."""
        return self.on_error == SKIP

    def count_skippable(self, num_videos: int) -> int:
        """Say how many of so many distinct videos may be skipped in a run."""
        # Rounded up, but 0.07 of 100 videos is 7.000000000000001 in floats.
        share = math.ceil(self.max_skipped_share * num_videos - 1e-9)
        return min(share, self.max_skipped_count)


def find_fault(item: Mapping, error: Exception) -> BrokenSample | None:
    """Say what is wrong with a video, or None where the error is not the video's.

    The video's are what its files lack (`DataError`, `DataNotFoundError`) and what the
    system says of them, as an input/output error. A contradictory config, a mistake in
    a transform, a lack of memory or of disk are not.

    Args:
        item: of the video, as `make_item` gives it.
        error: what reading it raised.
    """
    if isinstance(error, DataNotFoundError):
        kind, reason = MISSING, str(error)
    elif isinstance(error, DataError) and not isinstance(error, LeakError):
        kind, reason = BROKEN, str(error)
    elif _is_error_of_file(error):
        kind = MISSING if error.errno == errno.ENOENT else BROKEN
        reason = f'cannot be read: {error}'
    else:
        return None
    path = item.get('filename') or item['frame_dir']
    return BrokenSample(VideoKey(*item['video_key']), path, kind, reason)


def _is_error_of_file(error: Exception) -> bool:
    # An `OutputError` is an OSError too, of what a run writes.
    is_ours = isinstance(error, InputError)
    return isinstance(error, OSError) and not is_ours and error.errno in _FILE_ERRORS


def as_error(sample: BrokenSample) -> DataError | DataNotFoundError:
    """Give the error with which a run stops at this video."""
    kind = DataNotFoundError if sample.kind == MISSING else DataError
    return kind(str(sample))
