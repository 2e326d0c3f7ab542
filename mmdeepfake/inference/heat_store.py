"""Heat maps of all snippets of a video in an unnamed temporary file.

An hour of video has about 100 MB of them, too much for memory.
"""

from __future__ import annotations

import tempfile

import numpy as np
from numpy.typing import NDArray

_DTYPE = np.dtype(np.float16)


class HeatStore:
    """Store heat maps by face and by first frame of the snippet."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()
        self._places: dict[tuple[int, int], tuple[int, tuple[int, ...]]] = {}
        self._highest: dict[int, float] = {}
        self._end = 0

    def add(self, face: int, first_frame: int, maps: NDArray[np.float32]) -> None:
        """Store the maps of a snippet: (T, h, w), non-negative, on any scale."""
        highest = float(maps.max())
        self._highest[face] = max(self._highest.get(face, 0.0), highest)
        # Scaled by their maximum: half precision ends at 65504.
        scaled = maps / highest if highest > 0 else maps
        content = np.float64(highest).tobytes() + scaled.astype(_DTYPE).tobytes()
        self._file.seek(self._end)
        self._file.write(content)
        self._places[face, first_frame] = (self._end, maps.shape)
        self._end += len(content)

    def get(self, face: int, first_frame: int) -> NDArray[np.float32] | None:
        """Return the maps of a snippet, or None.

        Returns:
            (T, h, w) float32, divided by the maximum over the face.
        """
        if (face, first_frame) not in self._places:
            return None
        offset, shape = self._places[face, first_frame]
        self._file.seek(offset)
        own = np.frombuffer(self._file.read(8), np.float64)[0]
        content = self._file.read(int(np.prod(shape)) * _DTYPE.itemsize)
        maps = np.frombuffer(content, _DTYPE).reshape(shape).astype(np.float32)
        return maps * np.float32(own / (self._highest[face] or 1.0))

    def close(self) -> None:
        """Delete the file."""
        self._file.close()
