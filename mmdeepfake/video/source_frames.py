"""One frame of a video, of which only what is asked for is converted to RGB.

A decoder gives frames in planes of brightness and colour, half of whose pixels nobody
looks at: pass 1 needs a thumbnail of each frame and a reduced picture of some, pass 2
the part around a face. `DecodedFrame` makes just these; `ArrayFrame` offers the same of
a picture that is RGB already. All sizes and places are those of the upright frame.
"""

from __future__ import annotations

from typing import Protocol, cast

import av
import cv2
import numpy as np

from .frame_conversion import (
    BT709,
    PLANAR,
    FrameConverter,
    Picture,
    join_planes,
    view_planes,
)

# Parts are widened at the right to a multiple of this many pixels: the last few of a
# row are rounded differently from those before them.
_ROW_MULTIPLE = 32


class SourceFrame(Protocol):
    """A frame of a video.

    Attributes:
        height: in pixels.
        width: in pixels.
        is_bt709: whether its colours are coded by BT.709, not by BT.601 or another.
    """

    height: int
    width: int
    is_bt709: bool

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

    def planes(self, height: int, width: int, is_bt709: bool) -> Picture:
        """Return the frame for an encoder, at a size with even sides.

        Returns:
            (3 height / 2, width) uint8: yuv420p in the limited range, by BT.709 or
            BT.601, its planes one behind the other; see `split_planes`.
        """
        ...


class ArrayFrame:
    """A frame that is RGB already, see `SourceFrame`.

    Args:
        pixels: (H, W, 3) uint8 RGB.
    """

    is_bt709 = False

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

    def planes(self, height: int, width: int, is_bt709: bool) -> Picture:
        """See `SourceFrame.planes`."""
        picture = av.VideoFrame.from_ndarray(self._pixels, format='rgb24')
        frame = DecodedFrame(picture, FrameConverter())
        return frame.planes(height, width, is_bt709)


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
        self.is_bt709 = picture.colorspace == BT709
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
        self._is_cuttable = picture.format.name == PLANAR and is_even and is_as_coded
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
        brightness, *colours = view_planes(self.picture)
        half = np.s_[top // 2 : bottom // 2, left // 2 : (left + width) // 2]
        cut = [brightness[top:bottom, left : left + width]]
        cut += [plane[half] for plane in colours]
        rgb = self._converter.to_rgb(self._like(join_planes(cut), PLANAR))
        return rgb[y1 - top : y2 - top, x1 - left : x2 - left]

    def reduced(self, height: int, width: int) -> Picture:
        """See `SourceFrame.reduced`; colours are converted after the averaging."""
        size = self._as_coded(height, width)
        return self._upright(self._converter.to_rgb(self.picture, size))

    def planes(self, height: int, width: int, is_bt709: bool) -> Picture:
        """See `SourceFrame.planes`; most are returned as they were decoded."""
        size = self._as_coded(height, width)
        picture = self._converter.to_planes(self.picture, size, is_bt709=is_bt709)
        return join_planes([self._upright(plane) for plane in view_planes(picture)])

    def _as_coded(self, height: int, width: int) -> tuple[int, int]:
        """Return the (width, height) before turning of an upright size."""
        is_transposed = self._turn is not None and self._turn[0]
        return (height, width) if is_transposed else (width, height)

    def thinned(self, skip_rows: int, skip_columns: int) -> Picture:
        """See `SourceFrame.thinned`."""
        if not self._is_cuttable:
            return self.whole()[::skip_rows, ::skip_columns]
        brightness, *colours = view_planes(self.picture)
        rows = np.arange(0, self.height, skip_rows) // 2
        columns = np.arange(0, self.width, skip_columns) // 2
        thin = [brightness[::skip_rows, ::skip_columns]]
        thin += [plane[rows][:, columns] for plane in colours]
        return self._converter.to_rgb(self._like(np.stack(thin), 'yuv444p'))

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
            pixels = pixels.swapaxes(0, 1)
        return np.ascontiguousarray(pixels[::step_down, ::step_right])


def as_source_frame(frame: SourceFrame | Picture) -> SourceFrame:
    """Take pixels (H, W, 3) uint8 RGB for a `SourceFrame`, and one as it is."""
    return ArrayFrame(frame) if isinstance(frame, np.ndarray) else frame
