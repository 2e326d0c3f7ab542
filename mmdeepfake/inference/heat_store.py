"""Heat maps of all snippets of a video, kept in a file that has no name.

For an hour of video they are some 100 MB, which would not do in memory.
"""

from __future__ import annotations

import tempfile

import numpy as np
from numpy.typing import NDArray

_KIND = np.dtype(np.float16)


class HeatStore:
    """Keeps heat maps by face and by the first frame of their snippet."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()
        self._places: dict[tuple[int, int], tuple[int, tuple[int, ...]]] = {}
        self._highest: dict[int, float] = {}
        self._end = 0

    def add(self, face: int, first_frame: int, maps: NDArray[np.float32]) -> None:
        """Keep the maps of a snippet: (T, h, w), 0 and above, on any scale."""
        highest = float(maps.max())
        self._highest[face] = max(self._highest.get(face, 0.0), highest)
        # Scaled by their own maximum, since half precision ends at 65504.
        scaled = maps / highest if highest > 0 else maps
        content = np.float64(highest).tobytes() + scaled.astype(_KIND).tobytes()
        self._file.seek(self._end)
        self._file.write(content)
        self._places[face, first_frame] = (self._end, maps.shape)
        self._end += len(content)

    def get(self, face: int, first_frame: int) -> NDArray[np.float32] | None:
        """Give the maps of a snippet, in 0..1 of the face's hottest; None if unknown.

        Returns:
            (T, h, w) float32.
        """
        if (face, first_frame) not in self._places:
            return None
        offset, shape = self._places[face, first_frame]
        self._file.seek(offset)
        own = np.frombuffer(self._file.read(8), np.float64)[0]
        content = self._file.read(int(np.prod(shape)) * _KIND.itemsize)
        maps = np.frombuffer(content, _KIND).reshape(shape).astype(np.float32)
        return maps * np.float32(own / (self._highest[face] or 1.0))

    def close(self) -> None:
        """Give the file back; what was kept is lost."""
        self._file.close()
