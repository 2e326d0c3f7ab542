"""The contact sheet: a few videos of each method, with their boxes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mmdeepfake.structures import OK, FaceTrack, VideoRecord
from mmdeepfake.video.clip_storage import open_clip

from ..prepared_video import PreparedVideo

_CELL_PX = 144
_LABEL_PX = 250
_GAP_PX = 3
_PAPER, _INK, _FAINT = 255, (20, 20, 20), (110, 110, 110)
_DETECTED, _INTERPOLATED = (0, 200, 60), (255, 150, 0)
_MAX_ROWS = 40
_NUM_EACH = 2  # videos of each method and compression level
_NUM_COLUMNS = 6  # frames of each


def choose_examples(
    videos: Iterable[PreparedVideo], *, num_each: int
) -> list[VideoRecord]:
    """Choose tracks for the sheet, spread evenly over each method and level.

    The last of each kind is a video with several tracks, if there is one, and shows two
    of them: errors are most likely there.
    """
    kinds: dict[tuple[str, str], list[PreparedVideo]] = defaultdict(list)
    for video in sorted(videos, key=lambda v: v.key):
        if video.status == OK:
            kinds[video.key.method, video.key.compression].append(video)
    examples: list[VideoRecord] = []
    for members in kinds.values():
        count = min(num_each, len(members))
        places = np.linspace(0, len(members) - 1, count).round().astype(int)
        chosen = [members[place] for place in dict.fromkeys(places.tolist())]
        crowded = [v for v in members if len(v.records) > 1]
        if crowded and not any(len(v.records) > 1 for v in chosen):
            chosen[-1] = crowded[0]
        for video in chosen:
            examples += video.records[:2]
    return examples[:_MAX_ROWS]


def draw_contact_sheet(
    root: Path, videos: Iterable[PreparedVideo]
) -> NDArray[np.uint8] | None:
    """Draw a row for each track, with columns of frames spread over it.

    A box is green if it was detected in that frame, orange if it is interpolated.

    Returns:
        (H, W, 3) uint8 RGB; None if no video has a face.
    """
    examples = choose_examples(videos, num_each=_NUM_EACH)
    if not examples:
        return None
    return np.vstack([_draw_row(root, record) for record in examples])


def _draw_row(root: Path, record: VideoRecord) -> NDArray[np.uint8]:
    track = FaceTrack.load(root / str(record.track_file))
    with open_clip(root / record.path) as clip:
        indices = np.linspace(0, len(clip) - 1, _NUM_COLUMNS).round().astype(int)
        frames = clip.read(indices)
    boxes = track.boxes_in_clip()[indices]
    cells = [_draw_label(record, track)]
    for frame, box, index in zip(frames, boxes, indices, strict=True):
        colour = _DETECTED if track.detected[index] else _INTERPOLATED
        cells.append(_draw_cell(frame, box, colour))
    return np.hstack(cells)


def _draw_cell(
    frame: NDArray[np.uint8], box: NDArray[np.float32], colour: Sequence[int]
) -> NDArray[np.uint8]:
    """Draw a frame with its box, scaled into a cell at its aspect ratio."""
    height, width = frame.shape[:2]
    scale = _CELL_PX / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    x1, y1, x2, y2 = (round(value) for value in (box * scale).tolist())
    small = cv2.rectangle(small, (x1, y1), (x2, y2), tuple(colour), 1)
    cell = np.full((_CELL_PX + _GAP_PX, _CELL_PX + _GAP_PX, 3), _PAPER, np.uint8)
    cell[: size[1], : size[0]] = small
    return cell


def _draw_label(record: VideoRecord, track: FaceTrack) -> NDArray[np.uint8]:
    cell = np.full((_CELL_PX + _GAP_PX, _LABEL_PX, 3), _PAPER, np.uint8)
    key = record.key
    lines = [
        (f'{key.method} {key.compression}', 0.5, _INK),
        (key.name[-32:], 0.42, _INK),
        (f'{record.split}, track {record.track}', 0.42, _FAINT),
        (f'{len(track)} frames from {track.first_frame}', 0.42, _FAINT),
        (f'scale {track.scale:g}', 0.42, _FAINT),
    ]
    for row, (text, size, ink) in enumerate(lines):
        # OpenCV's fonts draw question marks for non-Latin alphabets.
        place = (8, 28 + 24 * row)
        cv2.putText(
            cell, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, ink, 1, cv2.LINE_AA
        )
    return cell
