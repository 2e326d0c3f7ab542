"""Frames by their numbers, decoded in sequence: for files that cannot be sought in.

Seeking trusts what a file says of where its key frames lie. Where no whole index says
it, a wrong hint gives wrong frames, and nobody can tell. Decoding from the first frame
on cannot go wrong, and costs no more where key frames are far apart.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np

from mmdeepfake.errors import DataError

from .frame_sources import VideoFile
from .source_frames import SourceFrame


class SequentialReader:
    """Frames of a video file by number; reading forwards goes on where it stopped.

    Args:
        path: of the file.

    Attributes:
        fps: frames per second, where known.

    Raises:
        DataNotFoundError, DataError: see `VideoFile`.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = path
        self._video = VideoFile(path)
        self.fps = self._video.fps
        self._frames: Iterator[SourceFrame] = iter(())
        self._next = self._video.num_packets  # as at the end: nothing is open yet

    def __len__(self) -> int:
        """Count the coded frames; one that cannot be decoded is refused on reading."""
        return self._video.num_packets

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Give frames, each decoded once.

        Args:
            indices: (F,) rising numbers.

        Returns:
            (F, H, W, 3) uint8 RGB.

        Raises:
            DataError: the stream is damaged, or ends before the last of them.
        """
        wanted = set(indices.tolist())
        last = max(wanted)
        if min(wanted) < self._next:
            self._frames, self._next = self._video.read_unconverted(), 0
        found = []
        for frame in self._frames:
            if self._next in wanted:
                found.append(frame.whole())
            self._next += 1
            if self._next > last:
                return np.stack(found)
        raise DataError(
            f'video file {os.fspath(self._path)!r}: frame {last} of {len(self)} was '
            f'asked for, {self._next} can be decoded; the file is truncated or '
            'damaged, copy it again'
        )

    def close(self) -> None:
        """Let go of the file."""
        self._frames = iter(())
        self._next = self._video.num_packets
