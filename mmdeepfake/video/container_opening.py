"""Opens a path as a video file and as nothing else.

FFmpeg takes much more than files for its input: names such as 'pipe:0' or
'http://...', playlists that name other files, patterns of picture names, devices. From
a stranger's file, or a stranger's name for one, none of that may be followed.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer

from mmdeepfake.errors import DataError, DataNotFoundError, InputError

# FFmpeg's names of containers, raw streams and single pictures whose frames lie in the
# file itself. What is not named here is not even looked into: lists of files (hls,
# concat, dash, imf), the network (rtsp, sdp) and devices among them.
_FORMATS = (
    'mov,matroska,webm,avi,flv,live_flv,asf,mpeg,mpegts,mpegvideo,ogg,mxf,gxf,nut,wtv,'
    'rm,dv,swf,ivf,obu,av1,h261,h263,h264,hevc,vvc,m4v,vc1,dirac,cavsvideo,mjpeg,'
    'smjpeg,yuv4mpegpipe,gif,apng,aac,ac3,aiff,flac,mp3,wav,'
    'png_pipe,jpeg_pipe,webp_pipe,bmp_pipe,tiff_pipe,gif_pipe,j2k_pipe'
)
# Twice 8K (7680 x 4320). A header may claim any size, and a decoder takes the memory
# for it before it has seen a pixel; some hold 17 frames.
MAX_FRAME_PIXELS = 8192 * 8192
_RATE_RANGE = (1e-3, 1e5)  # frames per second; a header may declare any
# Containers round times and sizes; beyond this share pixels are no longer square.
_SQUARE_TOLERANCE = 0.02
_MAX_PIXEL_ASPECT = 4.0  # wider or higher ones are damage
_HDR_NAMES = {16: 'PQ', 18: 'HLG'}  # transfer characteristics, ITU-T H.273
_FULL_RANGE = 2
_VIDEO_CODECS = ('h264', 'hevc', 'vp8', 'vp9', 'libdav1d', 'mpeg4', 'mpeg2video')
# 'ignore': titles and the like may be in any encoding.
_METADATA_ERRORS = 'ignore'


def check_video_file(path: Path) -> int:
    """See that there is a file with something in it, and give its number of bytes.

    Raises:
        DataNotFoundError: the file does not exist.
        DataError: it is empty, or a pipe, a device or a folder, not a regular file.
    """
    name = _name(path)
    if not path.is_file():
        # Opening a pipe would wait for someone to write into it, maybe for ever.
        if path.exists():
            raise DataError(f'{name} is a folder, pipe or device, not a regular file')
        raise DataNotFoundError(f'no {name}')
    num_bytes = path.stat().st_size
    if num_bytes == 0:
        raise DataError(f'{name} is empty (0 bytes)')
    return num_bytes


def open_container(path: str | os.PathLike[str]) -> InputContainer:
    """Open a file with PyAV; nothing but this file is read.

    Raises:
        av.FFmpegError, OSError: it cannot be opened.
        DataNotFoundError, DataError: see `check_video_file`; or its format is not read
            here.
    """
    check_video_file(Path(path))
    try:
        return av.open(
            # From the root on, since FFmpeg takes 'http:...' for an address.
            os.path.abspath(path),
            metadata_errors=_METADATA_ERRORS,
            container_options={
                'format_whitelist': _FORMATS,
                'protocol_whitelist': 'file',
            },
        )
    except av.ArgumentError as error:
        raise DataError(
            f'{_name(path)} holds no pictures but a list of other files, or is of '
            f'another format that is not read here ({error.strerror})'
        ) from error


class OpenVideo:
    """Opens a file with PyAV for a `with` block: (container, picture stream).

    Of several picture streams it is the default one; of several such, the largest.
    Cover pictures are none. Every error of FFmpeg inside the block becomes a
    `DataError`.

    Args:
        path: of the file.
        num_threads: decoder threads; 0 lets FFmpeg choose. Workers are the parallelism:
            more than one here mostly fights over cores.

    Raises:
        DataNotFoundError: the file does not exist.
        DataError: it cannot be opened, or has no pictures that can be decoded, or such
            as are too large.
    """

    def __init__(self, path: str | os.PathLike[str], *, num_threads: int = 1) -> None:
        self._path = path
        self._num_threads = num_threads
        self._container: Any = None

    def __enter__(self) -> tuple[Any, Any]:
        try:
            self._container = open_container(self._path)
        except InputError:
            raise
        except (av.FFmpegError, OSError) as error:
            raise self._refusal('cannot be opened', error) from error
        try:
            return self._container, self._find_stream()
        except DataError:
            self._container.close()
            raise

    def _find_stream(self) -> Any:
        streams = _picture_streams(self._container)
        if not streams:
            raise DataError(f'{_name(self._path)} has no video stream')
        readable = [stream for stream in streams if stream.codec_context is not None]
        if not readable:
            raise DataError(
                f'{_name(self._path)}: FFmpeg has no decoder for its pictures, or its '
                'header is damaged'
            )
        stream = max(readable, key=_rank_stream)
        context = stream.codec_context
        aspect = find_pixel_aspect(stream)
        num_pixels = context.width * context.height * max(aspect, 1 / aspect)
        if num_pixels > MAX_FRAME_PIXELS:
            raise DataError(
                f'{_name(self._path)}: its frames are {context.width} x '
                f'{context.height} pixels, '
                f'{num_pixels / 1e6:.1f} million; up to '
                f'{MAX_FRAME_PIXELS / 1e6:.1f} million are read'
            )
        context.thread_count = self._num_threads
        # For frames that grow within the stream.
        context.options = {'max_pixels': str(MAX_FRAME_PIXELS)}
        return stream

    @contextlib.contextmanager
    def naming_errors(self) -> Iterator[None]:
        """Turn errors of FFmpeg into `DataError`s that name the file."""
        try:
            yield
        except av.FFmpegError as error:
            raise self._refusal('cannot be decoded to its end', error) from error

    def __exit__(self, kind: type | None, error: object, traceback: object) -> None:
        self._container.close()
        if isinstance(error, av.FFmpegError):
            raise self._refusal('cannot be decoded to its end', error) from error

    def _refusal(self, what: str, error: Exception) -> DataError:
        says = getattr(error, 'strerror', None) or str(error)
        return DataError(
            f'{_name(self._path)} {what}: it is truncated or damaged, or FFmpeg does '
            f'not read its format ({says})'
        )


def _picture_streams(container: Any) -> list[Any]:
    cover = av.stream.Disposition.attached_pic
    return [s for s in container.streams.video if not s.disposition & cover]


def _rank_stream(stream: Any) -> tuple[bool, int]:
    context = stream.codec_context
    is_default = bool(stream.disposition & av.stream.Disposition.default)
    return is_default, context.width * context.height


def find_pixel_aspect(stream: Any) -> float:
    """Return the width of a pixel divided by its height, as the file wants it shown.

    1 where nothing is said, or nothing that can be, or next to square: encoders round
    sizes, and a picture that is scaled by a hundredth only loses traces of a forgery.
    """
    aspect = float(stream.sample_aspect_ratio or 1)
    if not 1 / _MAX_PIXEL_ASPECT <= aspect <= _MAX_PIXEL_ASPECT:
        return 1.0
    return aspect if abs(aspect - 1) > _SQUARE_TOLERANCE else 1.0


def describe_stream(container: Any, stream: Any, picture: av.VideoFrame) -> list[str]:
    """Note what of a file is read in another way than one might think.

    Args:
        container: the file.
        stream: that is read.
        picture: its first one.
    """
    notes = []
    num_streams = len(_picture_streams(container))
    if num_streams > 1:
        notes.append(
            f'it has {num_streams} picture streams; number {stream.index} is read, '
            f'{picture.width} x {picture.height} pixels'
        )
    stated, aspect = stream.sample_aspect_ratio, find_pixel_aspect(stream)
    if aspect != 1:
        notes.append(
            f'its pixels are not square ({stated}); frames are scaled to square'
        )
    elif stated and abs(stated - 1) > _SQUARE_TOLERANCE:
        notes.append(f'its pixel aspect ratio of {stated} is not believed')
    if picture.interlaced_frame:
        notes.append('it is interlaced; its frames are read as they are')
    if picture.color_trc in _HDR_NAMES:
        notes.append(
            f'it is HDR ({_HDR_NAMES[picture.color_trc]}); its frames are read without '
            'tone mapping'
        )
    if picture.rotation % 90:
        notes.append(
            f'it is to be shown turned by {picture.rotation} degrees; it is not'
        )
    if (
        picture.color_range == _FULL_RANGE
        and stream.codec_context.name in _VIDEO_CODECS
    ):
        notes.append('its colours take the full range, not that of video')
    return notes


def plausible_rate(rate: float | Fraction | None) -> float | None:
    """Return the frames per second, or None if the rate is implausible."""
    low, high = _RATE_RANGE
    return float(rate) if rate is not None and low <= rate <= high else None


def refuse_too_many(
    num_frames: float, *, num_bytes: int, path: str | os.PathLike[str]
) -> None:
    """Check that a file can hold the number of frames that it declares.

    Raises:
        DataError: the file has less than one byte per frame.
    """
    if not 0 <= num_frames <= num_bytes:
        raise DataError(
            f'{_name(path)} ({num_bytes} bytes) says that it has {num_frames:.0f} '
            'frames, more than it can hold; its header is damaged'
        )


def find_end(stream: Any, *, num_bytes: int, path: str | os.PathLike[str]) -> int:
    """Return the byte after the last frame in the file's index, or 0.

    Raises:
        DataError: the index is larger than the file.
    """
    entries = stream.index_entries
    refuse_too_many(len(entries), num_bytes=num_bytes, path=path)
    # The index of an mp4 says where each frame lies.
    return max((entry.pos + entry.size for entry in entries), default=0)


def has_whole_index(stream: Any) -> bool:
    """Return whether the file lists every frame with its place and shows them all.

    Other indices list key frames, or are made up as the file is read.
    """
    entries = stream.index_entries
    if not stream.frames or len(entries) != stream.frames:
        return False
    return not any(entry.is_discard for entry in entries)


def refuse_truncated(
    stream: Any, *, num_bytes: int, path: str | os.PathLike[str]
) -> None:
    """Check that all frames in the file's index lie inside the file.

    Raises:
        DataError: the file ends before, or its index is larger than it.
    """
    end = find_end(stream, num_bytes=num_bytes, path=path)
    if end > num_bytes:
        raise DataError(
            f'{_name(path)} is truncated: it has {num_bytes} of {end} bytes; copy it '
            'again'
        )


def _name(path: str | os.PathLike[str]) -> str:
    return f'video file {os.fspath(path)!r}'
