"""A copy of a video with boxes and scores of faces, H.264 in an MP4 without sound.

Frames are processed one by one. Below each is a strip with the scores over the complete
video and a line at the current time.
"""

from __future__ import annotations

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

from .overlays import overlay_heat
from .report_plots import FAKE_COLOUR, REAL_COLOUR, UNCERTAIN_COLOUR

Image = NDArray[np.uint8]
Colour = tuple[int, int, int]

_TICKS_PER_SECOND = 90_000  # of the timestamps
_SIDE_RANGE_PX = (480, 1920)  # limits of the longer side, for legible text
# About as sharp as veryfast at 20, in three quarters of its time; half as large again.
_QUALITY = {'crf': '23', 'preset': 'superfast'}
_BACKGROUND, _INK = (24, 24, 24), (235, 235, 235)
_UNKNOWN = (150, 150, 150)
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
    frames: Iterable[Image],
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
    `num_frames` and `fps` may be approximate.
    """
    options = {'movflags': 'faststart'}
    with (
        replacing(path) as temporary,
        av.open(str(temporary), 'w', format='mp4', options=options) as file,
    ):
        stream = file.add_stream('libx264', rate=Fraction(fps).limit_denominator(1001))
        stream.pix_fmt, stream.options = 'yuv420p', dict(_QUALITY)
        # PyAV's default, slices, does not encode while the next frame is drawn.
        stream.thread_type = 'FRAME'
        stream.codec_context.time_base = Fraction(1, _TICKS_PER_SECOND)
        canvas = None
        last_tick = -1
        for index, frame in enumerate(_read_ahead(frames)):
            if canvas is None:
                canvas = _Canvas(frame.shape[:2], strip)
                stream.height, stream.width = canvas.height, canvas.width
            share = index / max(num_frames - 1, 1)
            drawn = canvas.draw(frame, marks_of(index), share)
            image = av.VideoFrame.from_numpy_buffer(drawn, format='rgb24')
            # Rounding may put two frames on one tick.
            tick = max(round(times_seconds(index) * _TICKS_PER_SECOND), last_tick + 1)
            image.pts, last_tick = tick, tick
            image.time_base = stream.codec_context.time_base
            file.mux(stream.encode(image))
        file.mux(stream.encode())


def _read_ahead(frames: Iterable[Image]) -> Iterator[Image]:
    """Yield frames, of which a thread fetches the next while one is used."""
    source = iter(frames)
    with ThreadPoolExecutor(1, 'frames') as thread:
        coming = thread.submit(next, source, None)
        while (frame := coming.result()) is not None:
            coming = thread.submit(next, source, None)
            yield frame


class _Canvas:
    """Draw frames of one size, (height, width)."""

    def __init__(self, frame_size: tuple[int, int], strip: ScoreStrip) -> None:
        low, high = _SIDE_RANGE_PX
        longer = max(frame_size)
        self._scale = max(1.0, low / longer) * min(1.0, high / longer)
        # H.264 with subsampled colour needs even sides.
        rows, columns = (
            max(2, round(side * self._scale / 2) * 2) for side in frame_size
        )
        self._size = (columns, rows)
        self._thresholds = (strip.threshold, strip.lower_threshold)
        self._unit = max(0.6, max(rows, columns) / 960)  # marks scale with the image
        self._strip = self._draw_strip(strip)
        self.height, self.width = rows + self._strip.shape[0], columns

    def draw(self, frame: Image, marks: Sequence[FaceMark], share: float) -> Image:
        """Draw one frame at `share` (0..1) of the video, into new memory."""
        shown = frame
        for mark in marks:
            if mark.heat is not None and mark.heat_box_x1y1x2y2_px is not None:
                shown = _lay_heat(shown, mark.heat, mark.heat_box_x1y1x2y2_px)
        enlarge = cv2.INTER_CUBIC if self._scale > 1 else cv2.INTER_AREA
        canvas = np.empty((self.height, self.width, 3), np.uint8)
        image, strip = np.split(canvas, [self._size[1]])
        cv2.resize(shown, self._size, dst=image, interpolation=enlarge)
        for mark in marks:
            self._draw_mark(image, mark)
        strip[:] = self._strip
        x = round(share * (self.width - 1))
        cv2.line(strip, (x, 0), (x, len(strip)), _INK, max(1, round(2 * self._unit)))
        return canvas

    def _draw_mark(self, image: Image, mark: FaceMark) -> None:
        colour = self._colour(mark.fake_score)
        thickness = max(1, round(3 * self._unit))
        x1, y1, x2, y2 = (round(side * self._scale) for side in mark.box_x1y1x2y2_px)
        half = -(-thickness // 2)  # boxes at the edge stay fully visible
        x1, y1 = max(x1, half), max(y1, half)
        x2, y2 = min(x2, self._size[0] - half - 1), min(y2, self._size[1] - half - 1)
        cv2.rectangle(image, (x1, y1), (x2, y2), colour, thickness)
        score = '' if mark.fake_score is None else f'  {mark.fake_score:.2f}'
        self._write(image, f'{mark.name}{score}', (x1, y1), colour)

    def _write(
        self, image: Image, text: str, corner: tuple[int, int], colour: Colour
    ) -> None:
        """Write on a background of that colour, above the corner if it fits."""
        size, weight = 0.8 * self._unit, max(1, round(1.6 * self._unit))
        (width, height), below = cv2.getTextSize(text, _FONT, size, weight)
        pad = max(2, round(5 * self._unit))
        x = min(corner[0], max(0, image.shape[1] - width - 2 * pad))
        bottom = max(corner[1], height + below + 2 * pad)
        top = bottom - height - below - 2 * pad
        cv2.rectangle(image, (x, top), (x + width + 2 * pad, bottom), colour, -1)
        place = (x + pad, bottom - below - pad)
        cv2.putText(
            image, text, place, _FONT, size, (255, 255, 255), weight, cv2.LINE_AA
        )

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


def _lay_heat(
    frame: Image,
    heat: NDArray[np.float32],
    box_x1y1x2y2_px: tuple[float, float, float, float],
) -> Image:
    """Draw a heat map over its box in a frame."""
    height, width = frame.shape[:2]
    x1, x2 = (min(max(round(box_x1y1x2y2_px[i]), 0), width) for i in (0, 2))
    y1, y2 = (min(max(round(box_x1y1x2y2_px[i]), 0), height) for i in (1, 3))
    if x1 >= x2 or y1 >= y2:
        return frame
    coloured = frame.copy()
    coloured[y1:y2, x1:x2] = overlay_heat(frame[None, y1:y2, x1:x2], heat[None])[0]
    return coloured
