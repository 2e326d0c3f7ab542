"""Random access to the frames of a video file, by decord where the file can be sought.

decord believes what a file says of itself, and repeats the frames that it cannot
decode. So FFmpeg's own reader looks at the header first, and repeated frames are
refused. A file that is damaged may yet end the process.

Apart from the transforms that use it, so that a process which only decodes need not
load PyTorch.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from mmdeepfake.errors import DataError, DataNotFoundError

from .container_opening import (
    OpenVideo,
    check_video_file,
    has_whole_index,
    plausible_rate,
    refuse_too_many,
    refuse_truncated,
)
from .key_frames import has_true_key_frames
from .sequential_reader import SequentialReader

# Share of a video's frames that decord may replace by others: next to none, though 0
# would mean any number to it. It reads this from text that must have a point.
_REPLACED_SHARE = 1.5e-7

# Times between frames may differ by this share of the usual one: containers round them.
_RATE_TOLERANCE = 0.25


def open_with_decord(path: str, *, num_threads: int) -> Any:
    """Open a video file as a `decord.VideoReader` that holds at least one frame.

    Its header must have been looked at, see `can_be_sought`.

    Raises:
        DataError: it is truncated, no video, or has no frame.
    """
    try:
        import decord
    except ImportError as error:
        raise ImportError(
            'decoding video files needs decord: pip install decord'
        ) from error
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
            f'video file {path!r} cannot be opened: it is truncated, or no video that '
            f'FFmpeg reads; copy it again. decord says: {_last_line(error)}'
        ) from error
    if len(reader) == 0:
        raise DataError(f'video file {path!r} has no frames; at least one is needed')
    return reader


def can_be_sought(path: str) -> bool:
    """Look at a file's header: whether decord can go to any frame of it.

    Raises:
        DataNotFoundError: there is no such file.
        DataError: it is empty, truncated or no video, or tells of more frames than it
            can hold, for which decord would take memory.
    """
    try:
        num_bytes = check_video_file(Path(path))
    except DataNotFoundError as error:
        raise DataNotFoundError(f'no video file {os.path.abspath(path)!r}') from error
    with OpenVideo(path) as (_, stream):
        refuse_truncated(stream, num_bytes=num_bytes, path=path)
        # Without a number, decord makes one of the duration.
        rate, duration = stream.average_rate, stream.duration
        lasting = duration * stream.time_base * rate if duration and rate else 0
        for told in (stream.frames, float(lasting)):
            refuse_too_many(told, num_bytes=num_bytes, path=path)
        return has_whole_index(stream) and has_true_key_frames(stream, path)


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


class DecordReader:
    """Frames of a video file, by decord.

    Args:
        path: of the file, see `can_be_sought`.
        num_threads: decoder threads; 0 lets FFmpeg choose.

    Attributes:
        fps: frames per second, where known.

    Raises:
        DataError: it is truncated, no video, or has no frame.
    """

    def __init__(self, path: str, *, num_threads: int = 1) -> None:
        self._path = path
        self._reader = open_with_decord(path, num_threads=num_threads)
        self.fps = plausible_rate(float(self._reader.get_avg_fps()))

    def __len__(self) -> int:
        return len(self._reader)

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Give the frames at `indices` (rising): (F, H, W, 3) uint8, RGB."""
        return decode_with_decord(self._reader, indices, path=self._path)

    @property
    def has_even_times(self) -> bool:
        """Whether frames follow each other at one rate; decord seeks by their times.

        Where it varies, two frames may have one time, or times be out of order.
        """
        starts = self._reader.get_frame_timestamp(range(len(self)))[:, 0]
        gaps = np.diff(starts.astype(np.float64))
        if not len(gaps):
            return True
        usual = float(np.median(gaps))
        return bool((np.abs(gaps - usual) < _RATE_TOLERANCE * usual).all())

    def close(self) -> None:
        """Let go of the file; nothing can be read any more."""
        self._reader = None


class VideoFileReader:
    """Frames of a video file: by decord, or in sequence where it cannot be sought.

    Args:
        path: of the file.
        num_threads: decoder threads of decord; 0 lets FFmpeg choose.

    Attributes:
        fps: frames per second, where known.

    Raises:
        DataNotFoundError: there is no such file.
        DataError: it is empty, truncated, no video, or has no frame.
    """

    def __init__(self, path: str, *, num_threads: int = 1) -> None:
        self._reader = _choose_reader(path, num_threads=num_threads)
        self.fps = self._reader.fps

    def __len__(self) -> int:
        return len(self._reader)

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Give frames (F, H, W, 3) uint8, RGB; each is decoded once."""
        wanted, places = np.unique(indices, return_inverse=True)
        return self._reader.read(wanted)[places]

    def close(self) -> None:
        """Let go of the file; nothing can be read any more."""
        self._reader.close()


def _choose_reader(path: str, *, num_threads: int) -> DecordReader | SequentialReader:
    if can_be_sought(path):
        reader = DecordReader(path, num_threads=num_threads)
        if reader.has_even_times:
            return reader
        reader.close()
    return SequentialReader(path)


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next((line for line in lines if 'rror' in line), lines[0] if lines else '?')


def _span_text(indices: np.ndarray) -> str:
    return f'{int(indices[0])} to {int(indices[-1])}'
