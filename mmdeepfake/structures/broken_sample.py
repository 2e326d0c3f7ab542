"""A listed video that could not be read: what takes its place while a run goes on."""

from __future__ import annotations

from dataclasses import dataclass

from .video_record import VideoKey

# What a dataset does with a video that cannot be read.
ON_ERROR = ('stop', 'skip')
STOP, SKIP = ON_ERROR
# Key of a batch: its broken samples, each with its place among all of them.
BROKEN_SAMPLES = 'broken_samples'
# Field of the data sample that stands for a broken one in the predictions: its kind.
LEFT_OUT = 'left_out'


@dataclass(frozen=True)
class BrokenSample:
    """Stands in a batch where the video cannot be read; no other video does.

    Attributes:
        key: of the video.
        path: of its file or folder.
        kind: 'missing' where a file is not there, else 'broken'.
        reason: what reading said.
    """

    key: VideoKey
    path: str
    kind: str
    reason: str

    def __str__(self) -> str:
        # Most reasons name the file already; some another one, as that of landmarks.
        place = '' if self.path in self.reason else f' ({self.path})'
        return f'video {self.key}{place}: {self.reason}'
