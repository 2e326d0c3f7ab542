"""Placeholder for a listed video that cannot be read, so that a run can continue."""

from __future__ import annotations

from dataclasses import dataclass

from .video_record import VideoKey

# Choices of a dataset for a video that cannot be read.
ON_ERROR = ('stop', 'skip')
STOP, SKIP = ON_ERROR
# Key of a batch: its broken samples, each with its index in the batch.
BROKEN_SAMPLES = 'broken_samples'
# Field of the data sample that replaces a broken one in the predictions: its kind.
LEFT_OUT = 'left_out'


@dataclass(frozen=True)
class BrokenSample:
    """Takes the place of an unreadable video in a batch; no other video replaces it.

    Attributes:
        key: key of the video.
        path: its file or folder.
        kind: 'missing' if a file does not exist, else 'broken'.
        reason: error message of reading it.
    """

    key: VideoKey
    path: str
    kind: str
    reason: str

    def __str__(self) -> str:
        # Most reasons name this file already; some name another, e.g. of landmarks.
        place = '' if self.path in self.reason else f' ({self.path})'
        return f'video {self.key}{place}: {self.reason}'
