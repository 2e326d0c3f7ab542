"""Readers of videos with changed pixels or timing, or re-encoded."""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..frame_readers import FrameReader

_DEFAULT_FPS = 25.0  # for the encoder if the rate is unknown
_FRAMES_PER_READ = 64  # frames in memory at once while a video is re-encoded

Frame = NDArray[np.uint8]
# Changes one frame; the second argument is its index in the video.
FrameChange = Callable[[Frame, int], Frame]


class ChangedFrames:
    """A reader that applies a function to every frame."""

    def __init__(self, reader: FrameReader, change: FrameChange) -> None:
        self._reader = reader
        self._change = change
        self.fps = reader.fps
        self.source_indices = source_indices_of(reader)

    def __len__(self) -> int:
        return len(self._reader)

    def read(self, indices: Sequence[int] | NDArray[np.integer]) -> NDArray[np.uint8]:
        """See `FrameReader`."""
        frames = self._reader.read(indices)
        changed = [
            self._change(f, int(i)) for f, i in zip(frames, indices, strict=True)
        ]
        return np.stack(changed)


class RetimedFrames:
    """A reader of selected frames of another reader.

    `source_indices`, (M,) int64, is the frame of the original video for each frame;
    readers built on this one copy it.
    """

    def __init__(
        self, reader: FrameReader, source_indices: NDArray[np.int64], fps: float | None
    ) -> None:
        self._reader = reader
        self.source_indices = source_indices
        self.fps = fps

    def __len__(self) -> int:
        return len(self.source_indices)

    def read(self, indices: Sequence[int] | NDArray[np.integer]) -> NDArray[np.uint8]:
        """See `FrameReader`."""
        return self._reader.read(self.source_indices[np.asarray(indices)])


class _EncodedFrames:
    """A reader of a temporary video file, which it deletes; decodes from the start."""

    def __init__(self, path: str, size: tuple[int, int], original: FrameReader) -> None:
        self._path = path
        self._width, self._height = size
        self._num_frames = len(original)
        self.fps = original.fps
        self.source_indices = source_indices_of(original)
        weakref.finalize(self, Path(path).unlink, missing_ok=True)

    def __len__(self) -> int:
        return self._num_frames

    def read(self, indices: Sequence[int] | NDArray[np.integer]) -> NDArray[np.uint8]:
        """See `FrameReader`."""
        import av

        asked = [int(index) for index in indices]
        wanted = set(asked)
        found: dict[int, Frame] = {}
        with av.open(self._path) as container:
            stream = container.streams.video[0]
            stream.thread_count = 1
            for index, decoded in enumerate(container.decode(stream)):
                if index in wanted:
                    frame = decoded.to_ndarray(format='rgb24')
                    found[index] = frame[: self._height, : self._width]
                if len(found) == len(wanted):
                    break
        return np.stack([found[index] for index in asked])


def encode_again(
    reader: FrameReader, crf: float, *, side_ratio: float = 1.0
) -> FrameReader:
    """Encode a video with x264 and decode it again, in bounded memory.

    Args:
        reader: reader of the video.
        crf: x264's constant rate factor; preset 'medium', 4:2:0, no macroblock tree.
        side_ratio: factor by which frames are reduced before encoding; they are
            enlarged again after decoding.
    """
    try:
        import av
    except ImportError as error:
        raise ImportError('re-encoding videos needs PyAV: pip install av') from error
    height, width = reader.read([0])[0].shape[:2]
    small = (max(2, round(width * side_ratio)), max(2, round(height * side_ratio)))
    # 4:2:0 needs even sides: repeat the last row and column, and crop them later.
    even = (small[0] + small[0] % 2, small[1] + small[1] % 2)
    descriptor, path = tempfile.mkstemp(suffix='.mp4', prefix='corrupted_')
    os.close(descriptor)
    encoded = _EncodedFrames(path, small, reader)
    with av.open(path, 'w') as container:
        stream = container.add_stream('libx264', rate=_exact_rate(reader.fps))
        stream.width, stream.height = even
        stream.pix_fmt = 'yuv420p'
        stream.thread_count = 1  # the output of threads depends on the machine
        # With its macroblock tree, x264's output for small frames differs between runs.
        stream.options = {
            'crf': f'{crf:g}',
            'preset': 'medium',
            'x264-params': 'mbtree=0',
        }
        for frame in _frames_of(reader):
            if side_ratio != 1:
                frame = cv2.resize(frame, small, interpolation=cv2.INTER_AREA)
            bottom, right = even[1] - small[1], even[0] - small[0]
            frame = cv2.copyMakeBorder(frame, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
            encoded_frame = av.VideoFrame.from_ndarray(frame, format='rgb24')
            container.mux(stream.encode(encoded_frame))
        container.mux(stream.encode(None))
    if side_ratio == 1:
        return encoded
    return ChangedFrames(encoded, lambda f, _: resize_linearly(f, (width, height)))


def _exact_rate(fps: float | None) -> Fraction:
    return Fraction(fps or _DEFAULT_FPS).limit_denominator(
        1001
    )  # 29.97 is 30000 / 1001


def source_indices_of(reader: FrameReader) -> NDArray[np.int64] | None:
    """Return the original index of each frame; None if no frame was dropped."""
    return getattr(reader, 'source_indices', None)


def _frames_of(reader: FrameReader) -> Iterator[Frame]:
    for start in range(0, len(reader), _FRAMES_PER_READ):
        yield from reader.read(
            np.arange(start, min(start + _FRAMES_PER_READ, len(reader)))
        )


def resize_linearly(frame: Frame, size: tuple[int, int]) -> Frame:
    """Resize a frame to (width, height)."""
    return cv2.resize(frame, size, interpolation=cv2.INTER_LINEAR)
