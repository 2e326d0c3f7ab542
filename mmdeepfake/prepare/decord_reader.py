"""Random access to the frames of a video file, by decord.

decord believes what a file says of itself, and repeats the frames that it cannot
decode. So FFmpeg's own reader looks at the header first, and repeated frames are
refused. A file that is damaged may yet end the process.

Apart from the transforms that use it, so that a process which only decodes need not
load PyTorch.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from mmdeepfake.structures import DataError, DataNotFoundError

from .container_opening import OpenVideo, check_video_file, refuse_truncated

# Share of a video's frames that decord may replace by others: next to none, though 0
# would mean any number to it. It reads this from text that must have a point.
_REPLACED_SHARE = 1.5e-7


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
    num_bytes = _check_header(path)
    # From the root on, since FFmpeg takes 'http:...' for an address.
    whole_path = os.path.abspath(path)
    try:
        whole_path.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f'video file {path!r}: decord opens no file whose name is not UTF-8; '
            'rename it'
        ) from error
    try:
        reader = decord.VideoReader(
            whole_path, num_threads=num_threads, fault_tol=_REPLACED_SHARE
        )
    except (RuntimeError, AssertionError, decord.DECORDError) as error:
        raise DataError(
            f'video file {path!r} ({num_bytes} bytes) cannot be opened: it '
            'is truncated, or no video that FFmpeg reads; copy it again. decord says: '
            f'{_last_line(error)}'
        ) from error
    if len(reader) == 0:
        raise DataError(f'video file {path!r} has no frames; at least one is needed')
    return reader


def _check_header(path: str) -> int:
    """Refuse what decord would take other files from, or too much memory for.

    Returns:
        Bytes of the file.
    """
    try:
        num_bytes = check_video_file(Path(path))
    except DataNotFoundError as error:
        raise DataNotFoundError(f'no video file {os.path.abspath(path)!r}') from error
    with OpenVideo(path) as (_, stream):
        refuse_truncated(stream, num_bytes=num_bytes, path=path)
        # decord takes memory for as many frames as the header tells.
        if not 0 <= stream.frames <= num_bytes:
            raise DataError(
                f'video file {path!r} ({num_bytes} bytes) says that it has '
                f'{stream.frames} frames, more than it can hold; its header is damaged'
            )
    return num_bytes


def decode_with_decord(reader: Any, indices: np.ndarray, *, path: str) -> np.ndarray:
    """Decode the frames at `indices` (rising): (F, H, W, 3) uint8, RGB.

    Raises:
        DataError: the stream ends or breaks before the last of them.
    """
    import decord

    try:
        return reader.get_batch(indices).asnumpy()
    except decord.DECORDLimitReachedError as error:
        raise DataError(
            f'video file {path!r}: some of the frames {_span_text(indices)} of '
            f'{len(reader)} cannot be decoded, and decord would show others in their '
            'place; the file is truncated or damaged, copy it again'
        ) from error
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
        fps = float(self._reader.get_avg_fps())
        self.fps: float | None = fps if 0 < fps < math.inf else None

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
