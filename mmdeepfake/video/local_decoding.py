"""Opening videos in this very process."""

from __future__ import annotations

import os
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .frame_sources import VideoFile
from .video_reader import VideoFileReader


class RandomAccess(Protocol):
    """Frames of a video by their index.

    Attributes:
        fps: frames per second, where known.
    """

    fps: float | None

    @property
    def notes(self) -> list[str]:
        """What was found to be damaged so far."""
        ...

    def __len__(self) -> int: ...

    def read(self, indices: NDArray[np.integer]) -> NDArray[np.uint8]:
        """Return the frames at `indices`: (F, H, W, 3) uint8, RGB."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...


class VideoDecoder(Protocol):
    """Opens video files, in this process or in others."""

    def open_video(self, path: str | os.PathLike[str]) -> VideoFile:
        """Open a video to be read from its first frame to its last."""
        ...

    def open_reader(self, path: str, *, num_threads: int = 1) -> RandomAccess:
        """Open a video to be read anywhere."""
        ...


class LocalDecoder:
    """Decodes in this process: a video that makes a decoder crash ends it.

    For processes that are there for one video, and for files of one's own.
    """

    def open_video(self, path: str | os.PathLike[str]) -> VideoFile:
        """See `VideoDecoder`."""
        return VideoFile(path)

    def open_reader(self, path: str, *, num_threads: int = 1) -> VideoFileReader:
        """See `VideoDecoder`."""
        return VideoFileReader(path, num_threads=num_threads)
