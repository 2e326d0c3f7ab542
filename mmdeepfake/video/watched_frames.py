"""Frames that are counted as they are read, by someone who waits for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .frame_sources import Frame, FrameSource
from .source_frames import SourceFrame


class WatchedFrames:
    """A `FrameSource` that reports every frame that is read.

    Args:
        source: gives the frames, and all else.
        on_frame: called once per frame, before the frame is yielded.
    """

    def __init__(self, source: FrameSource, on_frame: Callable[[], None]) -> None:
        self._source = source
        self._on_frame = on_frame

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def read(self) -> Iterator[Frame]:
        """See `FrameSource.read`."""
        for frame in self._source.read():
            self._on_frame()
            yield frame

    def read_unconverted(self) -> Iterator[SourceFrame]:
        """See `FrameSource.read_unconverted`."""
        for frame in self._source.read_unconverted():
            self._on_frame()
            yield frame
