"""Where the frames of a video come from: a video file, or pictures that are numbered.

Both are read from the first frame to the last, one frame in memory at a time, as often
as they are asked for. What comes out of a video file:

- Every frame that the file shows, once, in the order of display: neither dropped nor
  repeated to make up an even rate. Where the rate varies, `times_seconds` says when
  each frame is shown.
- Shown as the file asks for: turned by multiples of 90 degrees, mirrored, and with
  pixels made square.
- 8-bit RGB, whatever the file holds (10-bit, grey, with alpha).
- At the size of the first frame; a file whose frames change their size is refused.

A file that breaks off is refused as a whole: half a video under a whole one's name
would be worse than none. So is one of which more than a twentieth is damaged or
missing, see `frame_decoder`; less is counted in `notes`, and what the decoder could
mend is kept.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Protocol, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.files.media_files import FRAME_SUFFIXES

from .container_opening import (
    OpenVideo,
    check_video_file,
    describe_stream,
    plausible_rate,
    refuse_truncated,
)
from .frame_decoder import FrameDecoder
from .key_frames import is_shown
from .source_frames import ArrayFrame, SourceFrame

_HASH_BLOCK_BYTES = 1 << 20
# Times between frames may differ by this share of the usual one, since containers
# round them; beyond it the rate is said to vary.
_RATE_TOLERANCE = 0.25
_CRF = re.compile(
    rb'x264 - core.{0,2000}?(?:crf=([0-9.]+)|(rc=cqp.{0,400}?qp=0\b))', re.S
)

Frame = NDArray[np.uint8]


class FrameSource(Protocol):
    """The frames of one video.

    Attributes:
        height: of a frame, upright, in pixels.
        width: of a frame, upright, in pixels.
        fps: frames per second, the mean where the rate varies; None if unknown.
        times_seconds: when each frame is shown, where the rate varies; else empty.
        x264_crf: the constant rate factor that x264 wrote into the stream, 0.0 where it
            says that it coded without loss, None where nothing is known.
        notes: what is odd about it; complete once the frames were read.
    """

    height: int
    width: int
    fps: float | None
    times_seconds: list[float]
    x264_crf: float | None
    notes: list[str]

    def read(self) -> Iterator[Frame]:
        """Yield every frame, (H, W, 3) uint8 RGB, from the first one on."""
        ...

    def read_unconverted(self) -> Iterator[SourceFrame]:
        """Yield the same frames, of which only requested parts are converted to RGB."""
        ...

    def content_hash(self) -> str:
        """Return the SHA-256 of the bytes that the frames are read from, in hex."""
        ...


class VideoFile:
    """The frames of a video file, see the module and `FrameSource`.

    Attributes:
        num_packets: about as many frames as it has; decoding alone counts them.

    Raises:
        DataNotFoundError: the file does not exist.
        DataError: it is empty, truncated, no video, or has no frame.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.times_seconds: list[float] = []
        self.notes: list[str] = []
        self.fps: float | None = None
        self.x264_crf: float | None = None
        self.num_packets = 0
        self._look_at_packets()
        first = next(self.read_unconverted(), None)
        if first is None:
            raise DataError(f'video file {str(path)!r} has no frames; one is needed')
        self.height, self.width = first.height, first.width

    def _look_at_packets(self) -> None:
        """Read headers, times and x264's settings, without decoding anything."""
        num_bytes = check_video_file(self.path)
        with OpenVideo(self.path) as (container, stream):
            refuse_truncated(stream, num_bytes=num_bytes, path=self.path)
            times: list[float | None] = []
            head = stream.codec_context.extradata or b''
            codec = stream.codec_context.name
            for packet in container.demux(stream):
                if is_shown(packet, codec):
                    if not times:
                        self.x264_crf = find_x264_crf(head + bytes(packet))
                    known = packet.pts is not None
                    times.append(
                        float(packet.pts * packet.time_base) if known else None
                    )
            rate = stream.average_rate
        self.num_packets = len(times)
        self._set_rate(times, rate)

    def _set_rate(self, times: list[float | None], rate: Fraction | None) -> None:
        """Take the mean rate, and the times of the frames if the rate varies."""
        self.fps = plausible_rate(rate)
        # Raw streams have no times, and old containers not those of all frames.
        if len(times) < 2 or None in times:
            return
        shown = np.sort(np.array(times, np.float64))
        gaps = np.diff(shown)
        usual = float(np.median(gaps))
        if (np.abs(gaps - usual) > _RATE_TOLERANCE * usual).any() and gaps.min() > 0:
            self.times_seconds = (shown - shown[0]).tolist()
            self.fps = plausible_rate(len(gaps) / self.times_seconds[-1])

    def read(self) -> Iterator[Frame]:
        """Return every frame in display order.

        Raises:
            DataError: the stream is damaged, or the frame size changes.
        """
        return (frame.whole() for frame in self.read_unconverted())

    def read_unconverted(self) -> Iterator[SourceFrame]:
        """See `read` and `FrameSource.read_unconverted`."""
        with OpenVideo(self.path) as (container, stream):
            decoder = FrameDecoder(stream, path=self.path, num_packets=self.num_packets)
            notes: list[str] = []
            counts_missing = True
            for frame in decoder.decode(container.demux(stream)):
                if decoder.num_frames == 1:
                    notes = describe_stream(container, stream, frame.picture)
                    self.notes = self.notes or notes
                    # Two packets may make up one of its frames.
                    counts_missing = not frame.picture.interlaced_frame
                yield frame
            self.notes = notes + decoder.finish(counts_missing=counts_missing)

    def close(self) -> None:
        """Do nothing: no file stays open between readings."""

    def content_hash(self) -> str:
        """Return the SHA-256 of the file."""
        digest = hashlib.sha256()
        with open(self.path, 'rb') as file:
            while block := file.read(_HASH_BLOCK_BYTES):
                digest.update(block)
        return digest.hexdigest()


def find_x264_crf(content: bytes) -> float | None:
    """Read the rate factor out of the settings that x264 writes into its streams.

    Args:
        content: the stream's headers and first packet.

    Returns:
        The factor, 0.0 for coding without loss, None where nothing is known.
    """
    match = _CRF.search(content)
    if match is None:
        return None
    return float(match[1]) if match[1] else 0.0


class NumberedImages:
    """The frames of a folder of pictures, in the order of the numbers in their names.

    The names end in a number (007.png, frame_12.jpg), with or without zeros in front.
    Numbers may begin anywhere and leave some out: the frames that are there follow one
    another, and `notes` counts what is missing.

    Raises:
        DataNotFoundError: the folder does not exist.
        DataError: it holds no picture, or the names are not numbered.
    """

    fps = None

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self.times_seconds: list[float] = []
        self.x264_crf: float | None = None
        self.notes: list[str] = []
        if not self.folder.is_dir():
            raise DataNotFoundError(f'no folder of frames {str(folder)!r}')
        self._paths = sort_by_number(
            Path(entry.path)
            for entry in os.scandir(self.folder)
            if entry.name.lower().endswith(FRAME_SUFFIXES)
            and not entry.name.startswith('.')
        )
        if not self._paths:
            raise DataError(f'folder {str(folder)!r} holds no pictures; one is needed')
        numbers = [_number_in(path) for path in self._paths]
        if missing := numbers[-1] - numbers[0] + 1 - len(numbers):
            self.notes = [f'{missing} numbers are missing between the first and last']
        self.height, self.width = self._read_picture(self._paths[0]).shape[:2]

    def read(self) -> Iterator[Frame]:
        """Yield every frame in the order of the numbers.

        Raises:
            DataError: a file is not an image, or differs in size from the first.
        """
        for path in self._paths:
            frame = self._read_picture(path)
            if frame.shape[:2] != (self.height, self.width):
                raise DataError(
                    f'frame {str(path)!r} is {frame.shape[1]} x {frame.shape[0]} '
                    f'pixels, the first one {self.width} x {self.height}; all must '
                    'have one size'
                )
            yield frame

    def read_unconverted(self) -> Iterator[SourceFrame]:
        """See `read` and `FrameSource.read_unconverted`."""
        return map(ArrayFrame, self.read())

    def content_hash(self) -> str:
        """Return the SHA-256 of the files in their order, without their names."""
        digest = hashlib.sha256()
        for path in self._paths:
            content = path.read_bytes()
            digest.update(len(content).to_bytes(8, 'big') + content)
        return digest.hexdigest()

    @staticmethod
    def _read_picture(path: Path) -> Frame:
        if not path.is_file():  # opening a pipe would wait for ever
            raise DataError(f'frame {str(path)!r} is not a regular file')
        try:
            content = np.fromfile(path, np.uint8)
        except OSError as error:
            raise DataError(f'frame {str(path)!r} cannot be read: {error}') from error
        frame = cv2.imdecode(content, cv2.IMREAD_COLOR) if len(content) else None
        if frame is None:
            raise DataError(f'frame {str(path)!r} is empty, truncated or no picture')
        return cast(Frame, cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))


def sort_by_number(paths: Iterator[Path] | Sequence[Path]) -> list[Path]:
    """Order files by the number that their names end in, as a number: 2 before 10.

    Raises:
        DataError: a name does not end in a number, or two end in the same.
    """
    paths = sorted(paths)
    by_number: dict[int, Path] = {}
    for path in paths:
        number = _number_in(path)
        if number in by_number:
            raise DataError(
                f'frames {by_number[number].name!r} and {path.name!r} of '
                f'{str(path.parent)!r} have the same number; each may be there once'
            )
        by_number[number] = path
    return [by_number[number] for number in sorted(by_number)]


def _number_in(path: Path) -> int:
    match = re.search(r'(\d+)$', path.stem)
    if match is None:
        raise DataError(
            f'frame {str(path)!r}: its name does not end in a number, which gives the '
            'order of the frames'
        )
    return int(match[1])


def open_frames(path: str | os.PathLike[str]) -> VideoFile | NumberedImages:
    """Open a video file or a folder of numbered pictures."""
    return NumberedImages(path) if os.path.isdir(path) else VideoFile(path)
