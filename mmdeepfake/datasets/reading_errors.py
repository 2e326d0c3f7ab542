"""Errors of single videos, which a run may skip."""

from __future__ import annotations

import errno
import math
from collections.abc import Mapping
from dataclasses import dataclass

from mmdeepfake.datasets.argument_checks import check_argument, check_choice
from mmdeepfake.errors import DataError, DataNotFoundError, InputError, LeakError
from mmdeepfake.structures import ON_ERROR, SKIP, BrokenSample, VideoKey

MISSING, BROKEN = 'missing', 'broken'
# Errors of one file. After a full disk, too many open files or no memory, the next
# video would fail as well.
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
    """Handling of videos that cannot be read.

    Attributes:
        owner: the dataset, for messages.
        on_error: 'stop' or 'skip'.
        max_skipped_share: maximum share of the distinct videos to skip.
        max_skipped_count: maximum number of videos to skip.
    """

    owner: str
    on_error: str
    max_skipped_share: float
    max_skipped_count: int

    def __post_init__(self) -> None:
        check_choice(self.owner, ON_ERROR, on_error=self.on_error)
        share, count = self.max_skipped_share, self.max_skipped_count
        is_share = 0 <= share < 1
        check_argument(self.owner, is_share, '0 <= share < 1', max_skipped_share=share)
        is_count = type(count) is int and count >= 0
        check_argument(self.owner, is_count, 'integers >= 0', max_skipped_count=count)

    @property
    def skips(self) -> bool:
        """Whether a run continues without such a video."""
        return self.on_error == SKIP

    def count_skippable(self, num_videos: int) -> int:
        """Return the maximum number of skipped videos out of `num_videos`."""
        # Rounded up; 0.07 * 100 is 7.000000000000001 in floats.
        share = math.ceil(self.max_skipped_share * num_videos - 1e-9)
        return min(share, self.max_skipped_count)


def as_broken_sample(item: Mapping, error: Exception) -> BrokenSample | None:
    """Convert an error of a video; return None for an error of something else.

    Errors of a video are `DataError`, `DataNotFoundError`, and system errors of its
    files. A contradictory config, a bug in a transform and a lack of memory or disk
    space are not.

    Args:
        item: item of the video, from `make_item`.
        error: error while reading it.
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
    # An `OutputError` is an OSError too, but of an output file.
    is_ours = isinstance(error, InputError)
    return isinstance(error, OSError) and not is_ours and error.errno in _FILE_ERRORS


def as_error(sample: BrokenSample) -> DataError | DataNotFoundError:
    """Return the error that stops a run at this video."""
    kind = DataNotFoundError if sample.kind == MISSING else DataError
    return kind(str(sample))
