"""A copy of a video with boxes and scores of faces, H.264 in an MP4 without sound.

Frames are processed one by one. Below each is a strip with the scores over the complete
video and a line at the current time.

All is drawn on the planes that the decoder gives and the encoder takes: to convert them
to RGB and back would take more than half the time of encoding. What is drawn begins at
even pixels, as colours have half the resolution.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from mmdeepfake.files.atomic_write import replacing
from mmdeepfake.video.frame_conversion import (
    BT709,
    join_planes,
    planes_to_rgb,
    split_planes,
)
from mmdeepfake.video.source_frames import ArrayFrame, SourceFrame, as_source_frame

from .overlays import overlay_heat
from .report_plots import FAKE_COLOUR, REAL_COLOUR, UNCERTAIN_COLOUR

Image = NDArray[np.uint8]
Planes = NDArray[np.uint8]  # see `SourceFrame.planes`
Colour = tuple[int, int, int]
Box = tuple[int, int, int, int]  # x1, y1, x2, y2, even

_TICKS_PER_SECOND = 90_000  # of the timestamps
_SIDE_RANGE_PX = (480, 1920)  # limits of the longer side, for legible text
# As sharp and as large as superfast at 23 with its B-frames and its search for scene
# cuts, in two thirds of its time.
_QUALITY = {'crf': '24', 'preset': 'superfast'}
_QUALITY['x264-params'] = 'bframes=0:scenecut=0'
_BACKGROUND, _INK = (24, 24, 24), (235, 235, 235)
_UNKNOWN, _WHITE = (150, 150, 150), (255, 255, 255)
_NUM_LABELS = 256  # kept, since a label is there for many frames
_FONT = cv2.FONT_HERSHEY_SIMPLEX


@dataclass(frozen=True, eq=False)
class FaceMark:
    """The drawing of one face in one frame.

    Attributes:
        name: short, ASCII.
        box_x1y1x2y2_px: around the face.
        fake_score: of the current snippet; None if it has no score.
        heat: (h, w) heat map in 0..1; None draws none.
        heat_box_x1y1x2y2_px: area of the map.
    """

    name: str
    box_x1y1x2y2_px: tuple[float, float, float, float]
    fake_score: float | None
    heat: NDArray[np.float32] | None = None
    heat_box_x1y1x2y2_px: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class ScoreStrip:
    """Contents of the strip below the frames.

    Attributes:
        caption: short, ASCII.
        windows: (start, end, score), times as fractions of the video.
        threshold: lowest score that is called fake; None if nothing is judged.
        lower_threshold: lowest score that is uncertain; None for `threshold`.
    """

    caption: str
    windows: Sequence[tuple[float, float, float]]
    threshold: float | None
    lower_threshold: float | None = None


def write_annotated_video(
    frames: Iterable[SourceFrame | Image],
    marks_of: Callable[[int], Sequence[FaceMark]],
    path: Path,
    *,
    strip: ScoreStrip,
    times_seconds: Callable[[int], float],
    num_frames: int,
    fps: float,
) -> None:
    """Write the video atomically.

    `marks_of` and `times_seconds` return marks and time of the frame with an index;
    `num_frames` and `fps` may be approximate. Arrays are (H, W, 3) uint8 RGB.
    """
    source = map(as_source_frame, frames)
    first = next(source)
    canvas = _Canvas(first, strip)
    options = {'movflags': 'faststart'}
    with (
        replacing(path) as temporary,
        av.open(str(temporary), 'w', format='mp4', options=options) as file,
    ):
        stream = file.add_stream('libx264', rate=Fraction(fps).limit_denominator(1001))
        stream.pix_fmt, stream.options = 'yuv420p', dict(_QUALITY)
        stream.height, stream.width = canvas.height, canvas.width
        if first.is_bt709:
            stream.codec_context.colorspace = BT709
        # PyAV's default, slices, does not encode while the next frame is drawn.
        stream.thread_type = 'FRAME'
        stream.codec_context.time_base = Fraction(1, _TICKS_PER_SECOND)
        last_tick = -1
        planes = map(canvas.fit, itertools.chain([first], source))
        for index, frame in enumerate(_read_ahead(planes)):
            share = index / max(num_frames - 1, 1)
            drawn = canvas.draw(frame, marks_of(index), share)
            image = av.VideoFrame.from_ndarray(drawn, format='yuv420p')
            # Rounding may put two frames on one tick.
            tick = max(round(times_seconds(index) * _TICKS_PER_SECOND), last_tick + 1)
            image.pts, last_tick = tick, tick
            image.time_base = stream.codec_context.time_base
            file.mux(stream.encode(image))
        file.mux(stream.encode())


def _read_ahead(frames: Iterable[Planes]) -> Iterator[Planes]:
    """Yield frames, of which a thread fetches the next while one is used."""
    source = iter(frames)
    with ThreadPoolExecutor(1, 'frames') as thread:
        coming = thread.submit(next, source, None)
        while (frame := coming.result()) is not None:
            coming = thread.submit(next, source, None)
            yield frame


class _Canvas:
    """Draw frames like the first one."""

    def __init__(self, first: SourceFrame, strip: ScoreStrip) -> None:
        low, high = _SIDE_RANGE_PX
        frame_size = (first.height, first.width)
        longer = max(frame_size)
        self._scale = max(1.0, low / longer) * min(1.0, high / longer)
        rows, columns = (max(2, _even(side * self._scale)) for side in frame_size)
        self._size = (columns, rows)
        self._is_bt709 = first.is_bt709
        self._thresholds = (strip.threshold, strip.lower_threshold)
        self._unit = max(0.6, max(rows, columns) / 960)  # marks scale with the image
        self._label = functools.lru_cache(_NUM_LABELS)(self._draw_label)
        self._shade = functools.cache(self._code_colour)
        image = self._draw_strip(strip)
        self._strip = self._code(image)
        self.height, self.width = rows + len(image), columns

    def fit(self, frame: SourceFrame) -> Planes:
        """Return a frame at the size in which it is shown."""
        return frame.planes(*self._size[::-1], self._is_bt709)

    def draw(self, frame: Planes, marks: Sequence[FaceMark], share: float) -> Planes:
        """Draw one frame at `share` (0..1) of the video, into new memory."""
        canvas = np.empty((self.height * 3 // 2, self.width), np.uint8)
        _paste(canvas, frame, (0, 0))
        for mark in marks:
            if mark.heat is not None and mark.heat_box_x1y1x2y2_px is not None:
                self._lay_heat(canvas, mark.heat, mark.heat_box_x1y1x2y2_px)
        for mark in marks:
            self._draw_mark(canvas, mark)
        rows = self._size[1]
        _paste(canvas, self._strip, (0, rows))
        line = _even(2 * self._unit)
        x = _even(share * (self.width - line))
        self._fill(canvas, (x, rows, x + line, self.height), _INK)
        return canvas

    def _code(self, image: Image) -> Planes:
        """Convert an image with even sides to the planes of the video."""
        return ArrayFrame(image).planes(*image.shape[:2], self._is_bt709)

    def _code_colour(self, colour: Colour) -> list[int]:
        planes = split_planes(self._code(np.full((2, 2, 3), colour, np.uint8)))
        return [int(plane[0, 0]) for plane in planes]

    def _fill(self, canvas: Planes, box: Box, colour: Colour) -> None:
        for part, value in zip(_cut(canvas, box), self._shade(colour), strict=True):
            part[:] = value

    def _clip(self, box_x1y1x2y2_px: tuple[float, float, float, float]) -> Box:
        """Return a box of the video's frames in even pixels of the shown ones."""
        x1, y1, x2, y2 = (
            min(max(_even(side * self._scale), 0), most)
            for side, most in zip(box_x1y1x2y2_px, 2 * self._size, strict=True)
        )
        return x1, y1, x2, y2

    def _lay_heat(
        self,
        canvas: Planes,
        heat: NDArray[np.float32],
        box_x1y1x2y2_px: tuple[float, float, float, float],
    ) -> None:
        """Draw a heat map over its box in a frame."""
        x1, y1, x2, y2 = self._clip(box_x1y1x2y2_px)
        if x1 >= x2 or y1 >= y2:
            return
        frame = join_planes(_cut(canvas, (x1, y1, x2, y2)))
        pixels = planes_to_rgb(frame, is_bt709=self._is_bt709)
        hot = overlay_heat(pixels[None], heat[None])[0]
        _paste(canvas, self._code(hot), (x1, y1))

    def _draw_mark(self, canvas: Planes, mark: FaceMark) -> None:
        colour = self._colour(mark.fake_score)
        line = _even(3 * self._unit)
        # Around the box; at the edge of the frame it stays fully visible.
        x1, y1, x2, y2 = self._clip(mark.box_x1y1x2y2_px)
        columns, rows = self._size
        x1, x2 = min(x1, columns - line), max(x2, line)
        y1, y2 = min(y1, rows - line), max(y2, line)
        self._fill(canvas, (x1, y1, x2, y1 + line), colour)
        self._fill(canvas, (x1, y2 - line, x2, y2), colour)
        self._fill(canvas, (x1, y1, x1 + line, y2), colour)
        self._fill(canvas, (x2 - line, y1, x2, y2), colour)
        score = '' if mark.fake_score is None else f'  {mark.fake_score:.2f}'
        label = self._label(f'{mark.name}{score}', colour)
        # Above the corner if it fits.
        height, width = split_planes(label)[0].shape
        place = (min(x1, max(0, columns - width)), max(0, y1 - height))
        _paste(canvas, label, place)

    def _draw_label(self, text: str, colour: Colour) -> Planes:
        """Write on a background of that colour."""
        size, weight = 0.8 * self._unit, max(1, round(1.6 * self._unit))
        (width, height), below = cv2.getTextSize(text, _FONT, size, weight)
        pad = max(2, round(5 * self._unit))
        rows, columns = (_even(side + 2 * pad) for side in (height + below, width))
        image = np.full((rows, columns, 3), colour, np.uint8)
        place = (pad, rows - below - pad)
        cv2.putText(image, text, place, _FONT, size, _WHITE, weight, cv2.LINE_AA)
        return self._code(image)

    def _draw_strip(self, strip: ScoreStrip) -> Image:
        width = self._size[0]
        text_rows, plot_rows = round(34 * self._unit), round(66 * self._unit)
        rows = (text_rows + plot_rows + 1) // 2 * 2
        image = np.full((rows, width, 3), _BACKGROUND, np.uint8)
        size, weight = 0.65 * self._unit, max(1, round(1.3 * self._unit))
        place = (round(8 * self._unit), round(23 * self._unit))
        cv2.putText(image, strip.caption, place, _FONT, size, _INK, weight, cv2.LINE_AA)
        top, bottom = text_rows, rows - max(2, round(5 * self._unit))

        def row_of(score: float) -> int:
            return round(bottom - min(score, 1.0) * (bottom - top))

        dash = max(2, round(8 * self._unit))
        for level in [] if strip.threshold is None else [row_of(strip.threshold)]:
            for x in range(0, width, 2 * dash):
                cv2.line(image, (x, level), (x + dash, level), _UNKNOWN, 1)
        thickness = max(2, round(4 * self._unit))
        for start, end, score in strip.windows:
            left, right = (round(share * (width - 1)) for share in (start, end))
            y = row_of(score)
            cv2.line(image, (left, y), (right, y), self._colour(score), thickness)
        return image

    def _colour(self, fake_score: float | None) -> Colour:
        threshold, lower = self._thresholds
        if fake_score is None or threshold is None:
            return _UNKNOWN
        name = FAKE_COLOUR
        if fake_score < threshold:
            is_real = lower is None or fake_score < lower
            name = REAL_COLOUR if is_real else UNCERTAIN_COLOUR
        red, green, blue = bytes.fromhex(name[1:])
        return red, green, blue


def _even(length: float) -> int:
    """Return the closest even number."""
    return round(length / 2) * 2


def _cut(image: Planes, box: Box) -> list[Image]:
    """Return views of a box with even sides, one in each plane."""
    x1, y1, x2, y2 = box
    return [
        plane[y1 // step : y2 // step, x1 // step : x2 // step]
        for plane, step in zip(split_planes(image), (1, 2, 2), strict=True)
    ]


def _paste(canvas: Planes, image: Planes, place: tuple[int, int]) -> None:
    """Copy an image to an even (x, y), as far as there is room."""
    height, width = split_planes(image)[0].shape
    x, y = place
    parts = _cut(canvas, (x, y, x + width, y + height))
    for part, plane in zip(parts, split_planes(image), strict=True):
        part[:] = plane[: part.shape[0], : part.shape[1]]
