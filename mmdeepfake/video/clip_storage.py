r"""Face clips on disk: one uncompressed tar file a track, one picture a frame.

    track_0.tar
        000000.jpg, 000001.jpg, ...     the frames, in order
        times.npy                       (F,) float64 seconds, if they were given
        index.npy                       (F, 3) int64: offset, size, CRC-32 of a frame
        clip.json                       format, fps, size, where the index lies

`tar -xf` unpacks it, so nothing is locked in. The last member has a fixed size, thus
its place is known from the end of the file: a reader needs two small reads, then one
for each frame that is asked for, whatever the clip's length. Every frame is coded on
its own, since a snippet is a handful of frames anywhere in the clip. The same frames
always give the same bytes.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from mmdeepfake.errors import ConfigError, DataError, DataNotFoundError
from mmdeepfake.files.array_reading import read_npy

CLIP_SUFFIX = '.tar'
_BLOCK = 512  # bytes; a tar member starts at a multiple of it
_END = bytes(2 * _BLOCK)  # what closes a tar file
_TAIL_BYTES = 1 << 14  # read at once from the end: the index of about 600 frames
_MEMBER = 'clip.json'
_MAX_SIDE_PX = 8192  # of a frame
_FIELDS = ('format', 'fps', 'num_frames', 'height', 'width', 'index', 'times')

Frame = NDArray[np.uint8]


@dataclass(frozen=True)
class ClipFormat:
    """How one frame becomes bytes.

    Attributes:
        suffix: of the frames' file names.
        qualities: lowest, default and highest value of `quality`.
        encode: (H, W, 3) uint8 RGB and the quality -> bytes.
        decode: bytes -> (H, W, 3) uint8 RGB, or None where they are no picture.
    """

    suffix: str
    qualities: tuple[int, int, int]
    encode: Callable[[Frame, int], bytes]
    decode: Callable[[bytes], Frame | None]


def _encode_with(suffix: str, *options: int) -> Callable[[Frame, int], bytes]:
    def encode(frame: Frame, quality: int) -> bytes:
        bgr = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
        _, content = cv2.imencode(suffix, bgr, [options[0], quality, *options[1:]])
        return content.tobytes()

    return encode


def _decode(content: bytes) -> Frame | None:
    picture = cv2.imdecode(
        np.frombuffer(content, np.uint8),
        cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION,
    )
    return cast('Frame | None', picture)


FORMATS: dict[str, ClipFormat] = {
    # 4:4:4, since a clip that was scaled down has its colour at full resolution.
    'jpeg': ClipFormat(
        '.jpg',
        (1, 95, 100),
        _encode_with(
            '.jpg',
            cv2.IMWRITE_JPEG_QUALITY,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
        ),
        _decode,
    ),
    # Lossless; here the quality is zlib's effort, which changes the size alone.
    'png': ClipFormat(
        '.png', (0, 1, 9), _encode_with('.png', cv2.IMWRITE_PNG_COMPRESSION), _decode
    ),
}
CLIP_FORMATS = tuple(FORMATS)
DEFAULT_CLIP_FORMAT = 'jpeg'


class ClipWriter:
    """Writes the frames of one clip, whole or not at all.

    The file has its name only after `close`; leaving the `with` block by an exception
    removes what was written. An error of the disk (`OSError`) passes through.

    Example:
        >>> with ClipWriter('clips/000/track_0', 'jpeg', fps=25.0) as writer:
        ...     for frame in frames:
        ...         writer.write(frame)
        >>> writer.path
        PosixPath('clips/000/track_0.tar')

    Args:
        path_stem: path of the file without its suffix; its folder must exist.
        format: one of `CLIP_FORMATS`.
        fps: frames per second of the source video.
        quality: of the format, see `FORMATS`; None for its default.
    """

    def __init__(
        self,
        path_stem: str | os.PathLike[str],
        format: str = DEFAULT_CLIP_FORMAT,
        *,
        fps: float,
        quality: int | None = None,
    ) -> None:
        if format not in FORMATS:
            raise ConfigError(
                f'clip format {format!r}; allowed are '
                + ', '.join(map(repr, CLIP_FORMATS))
            )
        low, default, high = FORMATS[format].qualities
        quality = default if quality is None else quality
        if not low <= quality <= high:
            raise ConfigError(
                f'quality {quality!r} of clip format {format!r}; allowed is '
                f'{low} to {high}'
            )
        if not (math.isfinite(fps) and fps > 0):
            raise ValueError(f'fps {fps!r} of a clip; needed is a number above 0')
        stem = Path(path_stem)
        self.path = stem.with_name(stem.name + CLIP_SUFFIX)
        self.format = format
        self.quality = quality
        self.fps = float(fps)
        self._temporary = self.path.with_name(f'{self.path.name}.{os.getpid()}.tmp')
        self._file: BinaryIO | None = open(self._temporary, 'wb')
        self._offset = 0
        self._index: list[tuple[int, int, int]] = []
        self._times: list[float | None] = []
        self._shape: tuple[int, ...] = ()

    def __enter__(self) -> ClipWriter:
        return self

    def __exit__(self, kind: type | None, *exception: object) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def write(self, frame: Frame, *, time_seconds: float | None = None) -> None:
        """Append a frame.

        Args:
            frame: (H, W, 3) uint8 RGB, of the same size as those before.
            time_seconds: when it is shown in the source video; without it, frames are
                taken to be 1 / fps apart. Given for all frames or for none.
        """
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
            raise ValueError(
                f'frame of shape {frame.shape} and type {frame.dtype}; needed is '
                '(H, W, 3), uint8'
            )
        self._shape = self._shape or frame.shape
        if frame.shape != self._shape:
            raise ValueError(
                f'frame {len(self._index)} has shape {frame.shape}, those before it '
                f'{self._shape}; all frames of a clip have one size'
            )
        kind = FORMATS[self.format]
        content = kind.encode(frame, self.quality)
        name = f'{len(self._index):06d}{kind.suffix}'
        offset = self._add_member(name, content)
        self._index.append((offset, len(content), zlib.crc32(content)))
        self._times.append(time_seconds)

    def close(self) -> Path:
        """Finish the file and give it its name.

        Returns:
            Its path.
        """
        if self._file is None:
            return self.path
        try:
            self._finish()
            self._file.close()
            os.replace(self._temporary, self.path)
            self._file = None
        finally:
            self.discard()
        return self.path

    def discard(self) -> None:
        """Remove what was written, unless the clip was closed already."""
        if self._file is not None:
            # On a full disk closing fails as well, for what is still in the buffer.
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None
            self._temporary.unlink(missing_ok=True)

    def _finish(self) -> None:
        if not self._index:
            raise ValueError(f'clip {str(self.path)!r} got no frame; it needs one')
        times = [time for time in self._times if time is not None]
        if len(times) not in (0, len(self._times)):
            raise ValueError(
                f'clip {str(self.path)!r}: times for {len(times)} of '
                f'{len(self._times)} frames; needed are all or none'
            )
        times_at = self._add_array('times.npy', np.array(times)) if times else None
        index_at = self._add_array('index.npy', np.array(self._index, np.int64))
        height, width, _ = self._shape
        values = (self.format, self.fps, len(self._index), height, width)
        facts = dict(zip(_FIELDS, (*values, index_at, times_at), strict=True))
        # Filled up to one block, so that it can be found from the end.
        self._add_member(_MEMBER, json.dumps(facts).encode().ljust(_BLOCK))
        assert self._file is not None  # or no member could be added
        self._file.write(_END)
        self._file.flush()
        os.fsync(self._file.fileno())

    def _add_array(self, name: str, values: NDArray[Any]) -> tuple[int, int]:
        buffer = io.BytesIO()
        np.save(buffer, values, allow_pickle=False)
        return self._add_member(name, buffer.getvalue()), buffer.tell()

    def _add_member(self, name: str, content: bytes) -> int:
        """Write one file of the archive; give the offset of its content."""
        if self._file is None:
            raise ValueError(f'clip {str(self.path)!r} is closed; nothing can be added')
        header = tarfile.TarInfo(name)
        header.size = len(content)
        self._file.write(header.tobuf(tarfile.USTAR_FORMAT))
        self._file.write(content)
        self._file.write(bytes(-len(content) % _BLOCK))
        offset = self._offset + _BLOCK
        self._offset = offset + len(content) + -len(content) % _BLOCK
        return offset


class ClipReader:
    """Random access to the frames of a stored clip; see `open_clip`.

    Attributes:
        path: of the file.
        format: one of `CLIP_FORMATS`.
        fps: frames per second of the source video.
        height: of a frame, in pixels.
        width: of a frame, in pixels.
        times_seconds: (F,) float64, when each frame is shown in the source video.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        if not os.path.isfile(self.path):
            raise DataNotFoundError(f'no face clip {os.path.abspath(self.path)!r}')
        self._file = open(self.path, 'rb', buffering=0)
        try:
            self._read_index()
        except (ValueError, KeyError, TypeError) as error:
            self.close()
            size = os.path.getsize(self.path)
            raise DataError(
                f'face clip {self.path!r} ({size} bytes) cannot be opened: it is '
                f'truncated or not a face clip ({error}); copy it again, or prepare '
                'this video again'
            ) from error

    def _read_index(self) -> None:
        self._size = size = os.fstat(self._file.fileno()).st_size
        start = max(0, size - _TAIL_BYTES)
        tail = os.pread(self._file.fileno(), _TAIL_BYTES, start)
        end = len(tail) - len(_END)
        if end < 2 * _BLOCK or tail[end:] != _END:
            raise ValueError('it does not end as a tar file does')
        name = tail[end - 2 * _BLOCK : end - _BLOCK].split(b'\0', 1)[0]
        if name != _MEMBER.encode():
            raise ValueError(f'its last member is not {_MEMBER}')
        facts = json.loads(tail[end - _BLOCK : end])
        self.format, self.fps, num_frames, self.height, self.width, *places = (
            facts[name] for name in _FIELDS
        )
        if self.format not in FORMATS:
            raise ValueError(
                f'its format is {self.format!r}, known are {", ".join(CLIP_FORMATS)}'
            )
        self._decode = FORMATS[self.format].decode
        if not 0 < self.fps < math.inf or not all(
            isinstance(side, int) and 0 < side <= _MAX_SIDE_PX
            for side in (self.height, self.width)
        ):
            raise ValueError(
                f'frames of {self.width} x {self.height} pixels, {self.fps} a second'
            )
        arrays: Iterator[Any] = (
            None if place is None else self._read_array(tail, start, *place)
            for place in places
        )
        index, times = arrays
        if index is None:
            raise ValueError('it has no index of its frames')
        is_index = index.shape == (num_frames, 3) and index.dtype == np.int64
        if not is_index or not num_frames:
            raise ValueError(f'index of shape {index.shape} for {num_frames} frames')
        offsets, sizes = index[:, 0], index[:, 1]
        if min(offsets.min(), sizes.min()) < 0 or (sizes > size - offsets).any():
            raise ValueError('its index points at bytes outside of it')
        if times is not None and times.shape != (num_frames,):
            raise ValueError(f'times of shape {times.shape} for {num_frames} frames')
        self._index: NDArray[np.int64] = index
        self.times_seconds: NDArray[np.float64] = (
            np.arange(num_frames) / self.fps if times is None else times
        )

    def _read_array(
        self, tail: bytes, start: int, offset: int, size: int
    ) -> NDArray[Any]:
        if min(offset, size) < 0 or size > self._size - offset:
            raise ValueError('an array of it would lie outside of it')
        if offset >= start:
            content = tail[offset - start : offset - start + size]
        else:
            content = os.pread(self._file.fileno(), size, offset)
        return read_npy(io.BytesIO(content), len(content))

    def __len__(self) -> int:
        return len(self._index)

    def __enter__(self) -> ClipReader:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; a reader that is garbage-collected does so itself."""
        self._file.close()

    def read(self, indices: ArrayLike | Iterable[int]) -> Frame:
        """Decode frames, in any order and as often as asked for.

        Args:
            indices: (F,) whole numbers from 0 to the number of frames less 1.

        Returns:
            (F, H, W, 3) uint8 RGB.

        Raises:
            DataError: an index is out of range, or the bytes of a frame are damaged.
        """
        wanted = self._check_indices(indices)
        frames = np.empty((len(wanted), self.height, self.width, 3), np.uint8)
        for frame, index in zip(frames, wanted, strict=True):
            frame[...] = self._read_frame(int(index))
        return frames

    def read_each(self, indices: ArrayLike | Iterable[int]) -> Iterator[Frame]:
        """Decode frames as `read` does, each into an array of its own: a copy less."""
        return map(self._read_frame, self._check_indices(indices).tolist())

    def _check_indices(self, indices: ArrayLike | Iterable[int]) -> NDArray[np.int64]:
        wanted = np.asarray(indices, np.int64).reshape(-1)
        if len(wanted) and not 0 <= wanted.min() <= wanted.max() < len(self):
            raise DataError(
                f'face clip {self.path!r}: frames {wanted.min()} to {wanted.max()} '
                f'were asked for; it has {len(self)}, counted from 0'
            )
        return wanted

    def _read_frame(self, index: int) -> Frame:
        offset, size, checksum = self._index[index].tolist()
        content = os.pread(self._file.fileno(), size, offset)
        # Most decoders show a damaged picture as if nothing were wrong with it.
        frame = self._decode(content) if zlib.crc32(content) == checksum else None
        if frame is None or frame.shape != (self.height, self.width, 3):
            raise DataError(
                f'face clip {self.path!r}: frame {index} of {len(self)} is damaged; '
                'copy it again, or prepare this video again'
            )
        return frame


def is_clip(path: str | os.PathLike[str]) -> bool:
    """Return whether a file is a stored face clip, judged by its name."""
    return os.fspath(path).endswith(CLIP_SUFFIX)


def open_clip(path: str | os.PathLike[str]) -> ClipReader:
    """Open a stored face clip.

    Raises:
        DataNotFoundError: the file does not exist.
        DataError: it is truncated, or no face clip.
    """
    return ClipReader(path)
