"""One frame of a video, of which only what is asked for is converted to RGB.

A decoder gives frames in planes of brightness and colour, half of whose pixels nobody
looks at: pass 1 needs a thumbnail of each frame and a reduced picture of some, pass 2
the part around a face. `DecodedFrame` makes just these; `ArrayFrame` offers the same of
a picture that is RGB already. All sizes and places are those of the upright frame.
"""

from __future__ import annotations

from typing import Any, Protocol, cast

import av
import cv2
import numpy as np
from av.sidedata.sidedata import Type as SideDataType
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

Picture = NDArray[np.uint8]

# Brightness in full, two colours at half the resolution: what nearly all videos are in,
# and the only planes that are cut here. Frames of other kinds are converted whole.
_PLANAR = 'yuv420p'
# Parts are widened at the right to a multiple of this many pixels: the last few of a
# row are rounded differently from those before them.
_ROW_MULTIPLE = 32

# Exact arithmetic: with FFmpeg's faster one the boxes of CenterFace differ by up to 11
# pixels (in a video of 1280 x 720) from those on cv2's averages, with this by 1.
_AVERAGING = int(
    Interpolation.AREA
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INP
    | Interpolation.FULL_CHR_H_INT
)


class SourceFrame(Protocol):
    """A frame of a video.

    Attributes:
        height: in pixels.
        width: in pixels.
    """

    height: int
    width: int

    def whole(self) -> Picture:
        """Return the whole frame: (height, width, 3) uint8 RGB."""
        ...

    def part(self, x1y1x2y2_px: tuple[int, int, int, int]) -> Picture:
        """Return `whole()[y1:y2, x1:x2]`."""
        ...

    def reduced(self, height: int, width: int) -> Picture:
        """Return the frame averaged to a smaller size: (height, width, 3) uint8 RGB."""
        ...

    def thinned(self, skip_rows: int, skip_columns: int) -> Picture:
        """Return `whole()[::skip_rows, ::skip_columns]`, within a few grey levels."""
        ...


class ArrayFrame:
    """A frame that is RGB already, see `SourceFrame`.

    Args:
        pixels: (H, W, 3) uint8 RGB.
    """

    def __init__(self, pixels: Picture) -> None:
        self.height, self.width = pixels.shape[:2]
        self._pixels = pixels

    def whole(self) -> Picture:
        """See `SourceFrame.whole`."""
        return self._pixels

    def part(self, x1y1x2y2_px: tuple[int, int, int, int]) -> Picture:
        """See `SourceFrame.part`; a view."""
        x1, y1, x2, y2 = x1y1x2y2_px
        return self._pixels[y1:y2, x1:x2]

    def reduced(self, height: int, width: int) -> Picture:
        """See `SourceFrame.reduced`."""
        size = (width, height)
        pixels = cv2.resize(self._pixels, size, interpolation=cv2.INTER_AREA)
        return cast(Picture, pixels)

    def thinned(self, skip_rows: int, skip_columns: int) -> Picture:
        """See `SourceFrame.thinned`; a view."""
        return self._pixels[::skip_rows, ::skip_columns]


class FrameConverter:
    """Converts the frames of one video, and knows how they are to be shown.

    FFmpeg's converters are kept from frame to frame: making one costs a conversion.

    Args:
        pixel_aspect: width of a coded pixel divided by its height.
    """

    def __init__(self, pixel_aspect: float = 1.0) -> None:
        self.pixel_aspect = pixel_aspect
        self._reformatters: dict[tuple[str | int, ...], VideoReformatter] = {}
        self._turn: tuple[bool, int, int] | None = None
        self._knows_turn = False

    def turn_of(self, picture: av.VideoFrame) -> tuple[bool, int, int] | None:
        """Read how the video is to be turned, see `_read_turn`, from its first frame.

        Not from each: a frame that was asked for its side data is let go of by the
        garbage collector alone, and a few hundred are gigabytes.
        """
        if not self._knows_turn:
            self._turn, self._knows_turn = _read_turn(picture), True
        return self._turn

    def to_rgb(
        self, frame: av.VideoFrame, size: tuple[int, int] | None = None
    ) -> Picture:
        """Convert a frame, and reduce it to a size (width, height) if one is given."""
        width, height = size or (frame.width, frame.height)
        key = (frame.format.name, frame.width, frame.height, width, height)
        reformatter = self._reformatters.setdefault(key, VideoReformatter())
        reformatted = reformatter.reformat(
            frame,
            width,
            height,
            'rgb24',
            interpolation=None if size is None else _AVERAGING,
            threads=1,  # workers are the parallelism
        )
        return cast(Picture, reformatted.to_ndarray())


class DecodedFrame:
    """A frame as the decoder gave it, shown as the file asks for, see `SourceFrame`.

    Pixels that are not square are made so along their longer side, which loses none;
    then the picture is turned or mirrored.

    Attributes:
        picture: PyAV's frame.

    Args:
        picture: see above.
        converter: of the video that it is from.
    """

    def __init__(self, picture: av.VideoFrame, converter: FrameConverter) -> None:
        self.picture = picture
        self._converter = converter
        aspect = converter.pixel_aspect
        # Of the picture with square pixels, before it is turned.
        self._size = (
            round(picture.width * max(aspect, 1)),
            round(picture.height * max(1 / aspect, 1)),
        )
        self._turn = converter.turn_of(picture)
        is_as_coded = (
            self._size == (picture.width, picture.height) and self._turn is None
        )
        # FFmpeg converts odd sizes in another way, with colours that run together.
        is_even = not (picture.height % 2 or picture.width % 2)
        self._is_cuttable = picture.format.name == _PLANAR and is_even and is_as_coded
        is_transposed = self._turn is not None and self._turn[0]
        self.height, self.width = self._size if is_transposed else self._size[::-1]

    def whole(self) -> Picture:
        """See `SourceFrame.whole`."""
        pixels = self._converter.to_rgb(self.picture)
        if pixels.shape[1::-1] != self._size:
            resized = cv2.resize(pixels, self._size, interpolation=cv2.INTER_LINEAR)
            pixels = cast(Picture, resized)
        return self._upright(pixels)

    def part(self, x1y1x2y2_px: tuple[int, int, int, int]) -> Picture:
        """See `SourceFrame.part`: the very same pixels."""
        x1, y1, x2, y2 = x1y1x2y2_px
        if not self._is_cuttable:
            return self.whole()[y1:y2, x1:x2]
        # From pixels with colours of their own on, to where rows are rounded alike.
        left, top = x1 // 2 * 2, y1 // 2 * 2
        width = -(-(x2 - left) // _ROW_MULTIPLE) * _ROW_MULTIPLE
        bottom = y2 + y2 % 2
        if left + width > self.width or bottom > self.height:
            return self.whole()[y1:y2, x1:x2]
        brightness, *colours = self._planes()
        half = np.s_[top // 2 : bottom // 2, left // 2 : (left + width) // 2]
        cut = [brightness[top:bottom, left : left + width]]
        cut += [plane[half] for plane in colours]
        # PyAV takes the planes one behind the other, in rows of the first one's width.
        planes = np.concatenate([plane.reshape(-1) for plane in cut])
        rgb = self._converter.to_rgb(self._like(planes.reshape(-1, width), _PLANAR))
        return rgb[y1 - top : y2 - top, x1 - left : x2 - left]

    def reduced(self, height: int, width: int) -> Picture:
        """See `SourceFrame.reduced`; colours are converted after the averaging."""
        is_transposed = self._turn is not None and self._turn[0]
        size = (height, width) if is_transposed else (width, height)
        return self._upright(self._converter.to_rgb(self.picture, size))

    def thinned(self, skip_rows: int, skip_columns: int) -> Picture:
        """See `SourceFrame.thinned`."""
        if not self._is_cuttable:
            return self.whole()[::skip_rows, ::skip_columns]
        brightness, *colours = self._planes()
        rows = np.arange(0, self.height, skip_rows) // 2
        columns = np.arange(0, self.width, skip_columns) // 2
        thin = [brightness[::skip_rows, ::skip_columns]]
        thin += [plane[rows][:, columns] for plane in colours]
        return self._converter.to_rgb(self._like(np.stack(thin), 'yuv444p'))

    def _planes(self) -> list[Picture]:
        """Return views of brightness and colours, cut off where the picture ends."""
        planes = []
        coded: Any = self.picture.planes  # buffers, which PyAV's types leave out
        for plane in coded:
            rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
            planes.append(rows[: plane.height, : plane.width])
        return planes

    def _like(self, pixels: Picture, kind: str) -> av.VideoFrame:
        """Make a frame whose colours mean the same."""
        frame = av.VideoFrame.from_ndarray(pixels, format=kind)
        frame.colorspace = self.picture.colorspace
        frame.color_range = self.picture.color_range
        return frame

    def _upright(self, pixels: Picture) -> Picture:
        if self._turn is None:
            return pixels
        is_transposed, step_down, step_right = self._turn
        if is_transposed:
            pixels = pixels.transpose(1, 0, 2)
        return np.ascontiguousarray(pixels[::step_down, ::step_right])


def _read_turn(picture: av.VideoFrame) -> tuple[bool, int, int] | None:
    """Read from a picture's display matrix how it is to be turned and mirrored.

    Returns:
        Whether rows become columns, then the steps, 1 or -1, in which rows and columns
        are taken; None where all is as it is coded. Other angles are rounded.
    """
    side_data: Any = picture.side_data  # by kind; PyAV's types say by name
    data = side_data.get(SideDataType.DISPLAYMATRIX)
    if data is None:
        return None
    matrix = np.frombuffer(data, np.int32)
    # A point (x, y) of the coded picture is shown at (a x + c y, b x + d y).
    a, b, _, c, d = matrix[:5].tolist()
    is_transposed = abs(b) > abs(a)
    right, down = (c, b) if is_transposed else (a, d)
    turn = (is_transposed, -1 if down < 0 else 1, -1 if right < 0 else 1)
    return None if turn == (False, 1, 1) else turn


def as_source_frame(frame: SourceFrame | Picture) -> SourceFrame:
    """Take pixels (H, W, 3) uint8 RGB for a `SourceFrame`, and one as it is."""
    return ArrayFrame(frame) if isinstance(frame, np.ndarray) else frame
