"""A copy of a video with faces framed and scored, H.264 in an MP4, without its sound.

Frames go in and out one by one. Under each lies a strip with the scores over the whole
video and a line that tells where it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

from mmdeepfake.files.atomic_write import replacing

from .overlays import overlay_heat
from .report_plots import FAKE_COLOUR, REAL_COLOUR

Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]

_TICKS_PER_SECOND = 90_000  # of the time stamps, as is usual
_SIDE_RANGE_PX = (480, 1920)  # the longer side; others are scaled to be legible
_QUALITY = {'crf': '20', 'preset': 'veryfast'}
_BACKGROUND, _INK = (24, 24, 24), (235, 235, 235)
_UNKNOWN = (150, 150, 150)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


@dataclass(frozen=True, eq=False)
class FaceMark:
    """What is drawn of one face in one frame.

    Attributes:
        name: short, ASCII.
        box_x1y1x2y2_px: around the face.
        fake_score: of the snippet that is shown; None where there is none.
        heat: (h, w) in 0..1, where it looks fake; None draws none.
        heat_box_x1y1x2y2_px: what the map lies over.
    """

    name: str
    box_x1y1x2y2_px: tuple[float, float, float, float]
    fake_score: float | None
    heat: NDArray[np.float32] | None = None
    heat_box_x1y1x2y2_px: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class ScoreStrip:
    """What the strip below the frames shows.

    Attributes:
        caption: a few words, ASCII.
        windows: (start, end, score), times as shares of the video.
        threshold: a video is called fake from this score on.
    """

    caption: str
    windows: Sequence[tuple[float, float, float]]
    threshold: float


def write_annotated_video(
    frames: Iterable[Picture],
    marks_of: Callable[[int], Sequence[FaceMark]],
    path: Path,
    *,
    strip: ScoreStrip,
    times_seconds: Callable[[int], float],
    num_frames: int,
    fps: float,
) -> None:
    """Write the video; the file has its name only when it is whole.

    Args:
        frames: (H, W, 3) uint8 RGB, one by one.
        marks_of: what to draw into the frame of an index.
        path: of the MP4.
        strip: see `ScoreStrip`.
        times_seconds: when the frame of an index is shown.
        num_frames: about how many there are.
        fps: about how many are shown a second.
    """
    with replacing(path) as temporary:
        _encode(
            temporary,
            frames,
            marks_of,
            strip=strip,
            times_seconds=times_seconds,
            num_frames=num_frames,
            fps=fps,
        )


def _encode(
    path: Path,
    frames: Iterable[Picture],
    marks_of: Callable[[int], Sequence[FaceMark]],
    *,
    strip: ScoreStrip,
    times_seconds: Callable[[int], float],
    num_frames: int,
    fps: float,
) -> None:
    options = {'movflags': 'faststart'}
    with av.open(str(path), 'w', format='mp4', options=options) as file:
        stream = file.add_stream('libx264', rate=Fraction(fps).limit_denominator(1001))
        stream.pix_fmt, stream.options = 'yuv420p', dict(_QUALITY)
        stream.codec_context.time_base = Fraction(1, _TICKS_PER_SECOND)
        canvas = None
        last_tick = -1
        for index, frame in enumerate(frames):
            if canvas is None:
                canvas = _Canvas(frame.shape[:2], strip)
                stream.height, stream.width = canvas.height, canvas.width
            share = index / max(num_frames - 1, 1)
            drawn = canvas.draw(frame, marks_of(index), share)
            picture = av.VideoFrame.from_ndarray(drawn, format='rgb24')
            # Rounded, two frames may come to lie on one tick.
            tick = max(round(times_seconds(index) * _TICKS_PER_SECOND), last_tick + 1)
            picture.pts, last_tick = tick, tick
            picture.time_base = stream.codec_context.time_base
            file.mux(stream.encode(picture))
        file.mux(stream.encode())


class _Canvas:
    """Draws frames of one size.

    Args:
        frame_size: height and width of the frames.
        strip: what lies below them.
    """

    def __init__(self, frame_size: tuple[int, int], strip: ScoreStrip) -> None:
        low, high = _SIDE_RANGE_PX
        longer = max(frame_size)
        self._scale = max(1.0, low / longer) * min(1.0, high / longer)
        # H.264 with halved colour takes even sides only.
        rows, columns = (
            max(2, round(side * self._scale / 2) * 2) for side in frame_size
        )
        self._size = (columns, rows)
        self._threshold = strip.threshold
        self._unit = max(
            0.6, max(rows, columns) / 960
        )  # what is drawn grows with the picture
        self._strip = self._draw_strip(strip)
        self.height, self.width = rows + self._strip.shape[0], columns

    def draw(self, frame: Picture, marks: Sequence[FaceMark], share: float) -> Picture:
        """Draw one frame, `share` (0..1) of the way through the video."""
        shown = frame
        for mark in marks:
            if mark.heat is not None and mark.heat_box_x1y1x2y2_px is not None:
                shown = _lay_heat(shown, mark.heat, mark.heat_box_x1y1x2y2_px)
        enlarge = cv2.INTER_CUBIC if self._scale > 1 else cv2.INTER_AREA
        picture = cv2.resize(shown, self._size, interpolation=enlarge)
        for mark in marks:
            self._draw_mark(picture, mark)
        strip = self._strip.copy()
        x = round(share * (self.width - 1))
        cv2.line(strip, (x, 0), (x, len(strip)), _INK, max(1, round(2 * self._unit)))
        return np.concatenate((picture, strip))

    def _draw_mark(self, picture: Picture, mark: FaceMark) -> None:
        colour = self._colour(mark.fake_score)
        thickness = max(1, round(3 * self._unit))
        x1, y1, x2, y2 = (round(side * self._scale) for side in mark.box_x1y1x2y2_px)
        half = -(-thickness // 2)  # lest a box at the edge be cut in half
        x1, y1 = max(x1, half), max(y1, half)
        x2, y2 = min(x2, self._size[0] - half - 1), min(y2, self._size[1] - half - 1)
        cv2.rectangle(picture, (x1, y1), (x2, y2), colour, thickness)
        score = '' if mark.fake_score is None else f'  {mark.fake_score:.2f}'
        self._write(picture, f'{mark.name}{score}', (x1, y1), colour)

    def _write(
        self, picture: Picture, text: str, corner: tuple[int, int], colour: Colour
    ) -> None:
        """Write on a ground of that colour, above the corner if there is room."""
        size, weight = 0.8 * self._unit, max(1, round(1.6 * self._unit))
        (width, height), below = cv2.getTextSize(text, _FONT, size, weight)
        pad = max(2, round(5 * self._unit))
        x = min(corner[0], max(0, picture.shape[1] - width - 2 * pad))
        bottom = max(corner[1], height + below + 2 * pad)
        top = bottom - height - below - 2 * pad
        cv2.rectangle(picture, (x, top), (x + width + 2 * pad, bottom), colour, -1)
        place = (x + pad, bottom - below - pad)
        cv2.putText(
            picture, text, place, _FONT, size, (255, 255, 255), weight, cv2.LINE_AA
        )

    def _draw_strip(self, strip: ScoreStrip) -> Picture:
        width = self._size[0]
        text_rows, plot_rows = round(34 * self._unit), round(66 * self._unit)
        rows = (text_rows + plot_rows + 1) // 2 * 2
        picture = np.full((rows, width, 3), _BACKGROUND, np.uint8)
        size, weight = 0.65 * self._unit, max(1, round(1.3 * self._unit))
        place = (round(8 * self._unit), round(23 * self._unit))
        cv2.putText(
            picture, strip.caption, place, _FONT, size, _INK, weight, cv2.LINE_AA
        )
        top, bottom = text_rows, rows - max(2, round(5 * self._unit))

        def row_of(score: float) -> int:
            return round(bottom - min(score, 1.0) * (bottom - top))

        level = row_of(strip.threshold)
        dash = max(2, round(8 * self._unit))
        for x in range(0, width, 2 * dash):
            cv2.line(picture, (x, level), (x + dash, level), _UNKNOWN, 1)
        thickness = max(2, round(4 * self._unit))
        for start, end, score in strip.windows:
            left, right = (round(share * (width - 1)) for share in (start, end))
            y = row_of(score)
            cv2.line(picture, (left, y), (right, y), self._colour(score), thickness)
        return picture

    def _colour(self, fake_score: float | None) -> Colour:
        if fake_score is None:
            return _UNKNOWN
        name = FAKE_COLOUR if fake_score >= self._threshold else REAL_COLOUR
        red, green, blue = (round(255 * part) for part in to_rgb(name))
        return red, green, blue


def _lay_heat(
    frame: Picture,
    heat: NDArray[np.float32],
    box_x1y1x2y2_px: tuple[float, float, float, float],
) -> Picture:
    """Colour the part of a frame that a heat map lies over."""
    height, width = frame.shape[:2]
    x1, x2 = (min(max(round(box_x1y1x2y2_px[i]), 0), width) for i in (0, 2))
    y1, y2 = (min(max(round(box_x1y1x2y2_px[i]), 0), height) for i in (1, 3))
    if x1 >= x2 or y1 >= y2:
        return frame
    coloured = frame.copy()
    coloured[y1:y2, x1:x2] = overlay_heat(frame[None, y1:y2, x1:x2], heat[None])[0]
    return coloured
