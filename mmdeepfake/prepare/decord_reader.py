"""Random access to the frames of a video file, by decord.

Apart from the transforms that use it, so that a process which only decodes need not
load PyTorch.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from mmdeepfake.structures import DataError, DataNotFoundError


def open_with_decord(path: str, *, num_threads: int) -> Any:
    """Open a video file as a `decord.VideoReader` that holds at least one frame.

    Raises:
        DataNotFoundError: there is no such file.
        DataError: it is empty, truncated, no video, or has no frame.
    """
    try:
        import decord
    except ImportError as error:
        raise ImportError(
            'decoding video files needs decord: pip install decord'
        ) from error
    if not os.path.isfile(path):
        raise DataNotFoundError(f'no video file {os.path.abspath(path)!r}')
    if os.path.getsize(path) == 0:
        raise DataError(f'video file {path!r} is empty (0 bytes); copy it again')
    try:
        reader = decord.VideoReader(path, num_threads=num_threads)
    except (RuntimeError, decord.DECORDError) as error:
        raise DataError(
            f'video file {path!r} ({os.path.getsize(path)} bytes) cannot be opened: it '
            'is truncated, or no video that FFmpeg reads; copy it again. decord says: '
            f'{_last_line(error)}'
        ) from error
    if len(reader) == 0:
        raise DataError(f'video file {path!r} has no frames; at least one is needed')
    return reader


def decode_with_decord(reader: Any, indices: np.ndarray, *, path: str) -> np.ndarray:
    """Decode the frames at `indices` (rising): (F, H, W, 3) uint8, RGB.

    Raises:
        DataError: the stream ends or breaks before the last of them.
    """
    import decord

    try:
        return reader.get_batch(indices).asnumpy()
    except (RuntimeError, IndexError, decord.DECORDError) as error:
        raise DataError(
            f'video file {path!r}: frames {_span_text(indices)} of {len(reader)} '
            'cannot be decoded; the file is truncated or damaged, copy it again. '
            f'decord says: {_last_line(error)}'
        ) from error


class VideoFileReader:
    """Frames of a video file, by decord.

    Args:
        path: of the file.
        num_threads: decoder threads; 0 lets FFmpeg choose.
    """

    def __init__(self, path: str, *, num_threads: int = 1) -> None:
        self._path = path
        self._reader = open_with_decord(path, num_threads=num_threads)
        self.fps: float | None = float(self._reader.get_avg_fps())

    def __len__(self) -> int:
        return len(self._reader)

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Give frames (F, H, W, 3) uint8, RGB; each is decoded once."""
        wanted, places = np.unique(indices, return_inverse=True)
        return decode_with_decord(self._reader, wanted, path=self._path)[places]

    def close(self) -> None:
        """Let go of the file; nothing can be read any more."""
        self._reader = None


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next((line for line in lines if 'rror' in line), lines[0] if lines else '?')


def _span_text(indices: np.ndarray) -> str:
    return f'{int(indices[0])} to {int(indices[-1])}'
