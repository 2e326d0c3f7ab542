"""Convert the planes of decoded frames, to RGB and to the planes of an encoder.

Brightness and both colours are planes of their own in most videos, the colours at half
the resolution ("yuv420p").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import av
import numpy as np
from av.sidedata.sidedata import Type as SideDataType
from av.video.reformatter import (
    ColorRange,
    Colorspace,
    Interpolation,
    VideoReformatter,
)
from numpy.typing import NDArray

Picture = NDArray[np.uint8]

# Brightness in full, two colours at half the resolution: what nearly all videos are in.
PLANAR = 'yuv420p'
BT709 = 1  # FFmpeg's codes of the matrices of colours
_BT601 = (6, 5, 2)  # 2 is 'unspecified', which FFmpeg takes for BT.601

# Exact arithmetic: with FFmpeg's faster one the boxes of CenterFace differ by up to 11
# pixels (in a video of 1280 x 720) from those on cv2's averages, with this by 1.
_AVERAGING = int(
    Interpolation.AREA
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INP
    | Interpolation.FULL_CHR_H_INT
)


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
        scaling = None if size is None else _AVERAGING
        reformatted = self._reformat(frame, width, height, 'rgb24', scaling)
        return cast(Picture, reformatted.to_ndarray())

    def to_planes(
        self, frame: av.VideoFrame, size: tuple[int, int], *, is_bt709: bool
    ) -> av.VideoFrame:
        """Convert a frame, see `SourceFrame.planes`, to a size (width, height)."""
        is_ready = (
            frame.format.name == PLANAR
            and (frame.width, frame.height) == size
            and frame.color_range != ColorRange.JPEG
            and frame.colorspace in ((BT709,) if is_bt709 else _BT601)
        )
        if is_ready:
            return frame
        is_larger = size[0] > frame.width
        return self._reformat(
            frame,
            *size,
            PLANAR,
            Interpolation.BICUBIC if is_larger else _AVERAGING,
            dst_colorspace=Colorspace.ITU709 if is_bt709 else Colorspace.ITU601,
            dst_color_range=ColorRange.MPEG,
        )

    def _reformat(
        self,
        frame: av.VideoFrame,
        width: int,
        height: int,
        kind: str,
        scaling: int | None,
        **colours: Any,
    ) -> av.VideoFrame:
        key = (frame.format.name, frame.width, frame.height, kind, width, height)
        return self._reformatters.setdefault(key, VideoReformatter()).reformat(
            frame,
            width,
            height,
            kind,
            interpolation=scaling,
            threads=1,  # workers are the parallelism
            **colours,
        )


def join_planes(planes: Sequence[Picture]) -> Picture:
    """Join planes as PyAV takes them: one behind the other, in rows of the first."""
    joined = np.concatenate([plane.reshape(-1) for plane in planes])
    return joined.reshape(-1, planes[0].shape[1])


def planes_to_rgb(packed: Picture, *, is_bt709: bool) -> Picture:
    """Convert what `SourceFrame.planes` returns: (height, width, 3) uint8 RGB."""
    frame = av.VideoFrame.from_ndarray(packed, format=PLANAR)
    frame.colorspace = BT709 if is_bt709 else _BT601[0]
    return cast(Picture, frame.to_ndarray(format='rgb24'))


def split_planes(packed: Picture) -> list[Picture]:
    """Return views of brightness and both colours, see `SourceFrame.planes`."""
    height, width = packed.shape[0] * 2 // 3, packed.shape[1]
    colours = packed[height:].reshape(2, height // 2, width // 2)
    return [packed[:height], *colours]


def view_planes(picture: av.VideoFrame) -> list[Picture]:
    """Return views of brightness and colours, rows cut off where the picture ends."""
    planes = []
    coded: Any = picture.planes  # buffers, which PyAV's types leave out
    for plane in coded:
        rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
        planes.append(rows[: plane.height, : plane.width])
    return planes


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
