"""Contact sheets of a set: a real clip, its forgeries, and what they changed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from mmdeepfake.errors import DataError

from .encoding import decode_video
from .record import read_settings
from .settings import MiniFFSettings
from .video_jobs import VideoJob, list_jobs

CELL_PX = 192  # frames are resized to this
LABEL_WIDTH_PX = 260
HEADER_HEIGHT_PX = 44
GAP_PX = 4
PAPER, INK, FAINT_INK = 255, (20, 20, 20), (110, 110, 110)


def make_contact_sheet(
    root: str | os.PathLike[str],
    *,
    clip_ids: Sequence[str] | None = None,
    compression: str | None = None,
    first_frame_index: int = 0,
    num_columns: int = 8,
) -> np.ndarray:
    """Draw rows of videos, columns of consecutive frames, and the first frame's mask.

    Args:
        root: folder of a rendered set.
        clip_ids: real clips, each followed by its forgeries; None for the first of the
            test split.
        compression: level to show; None for the first of the set.
        first_frame_index: frame in the first column.
        num_columns: number of consecutive frames.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    root, settings = Path(root), read_settings(root)
    compression = compression or settings.compressions[0]
    _check_choice('compression', compression, settings.compressions)
    jobs = _select_jobs(settings, clip_ids)
    last = settings.num_frames - num_columns
    if num_columns < 1 or not 0 <= first_frame_index <= last:
        raise DataError(
            f'frames {first_frame_index} to {first_frame_index + num_columns - 1} of a '
            f'contact sheet of {root}: its videos have frames 0 to '
            f'{settings.num_frames - 1}'
        )
    frame_indices = range(first_frame_index, first_frame_index + num_columns)
    rows = [_draw_row(job, root, compression, frame_indices) for job in jobs]
    return np.vstack([_draw_header(frame_indices), *rows])


def _select_jobs(
    settings: MiniFFSettings, clip_ids: Sequence[str] | None
) -> list[VideoJob]:
    """Return the requested real clips, each followed by its forgeries."""
    jobs = list_jobs(settings)
    known = [job.target.clip_id for job in jobs if job.method is None]
    if clip_ids is None:
        clip_ids = [next(j.target.clip_id for j in jobs if j.target.split == 'test')]
    for clip_id in clip_ids:
        _check_choice('clip', clip_id, known)
    return [job for c in clip_ids for job in jobs if job.target.clip_id == c]


def _check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        listed = choices if len(choices) < 10 else f'{choices[0]} to {choices[-1]}'
        raise DataError(f'{name} {value!r} of a contact sheet: the set has {listed}')


def _draw_header(frame_indices: range) -> np.ndarray:
    cells = [_blank(HEADER_HEIGHT_PX, LABEL_WIDTH_PX)]
    for title in (*(f'frame {index}' for index in frame_indices), 'changed'):
        cell = _blank(HEADER_HEIGHT_PX, CELL_PX + GAP_PX)
        cells.append(_write(cell, title, (8, 30), FAINT_INK))
    return np.hstack(cells)


def _draw_row(
    job: VideoJob, root: Path, compression: str, frame_indices: range
) -> np.ndarray:
    frames = decode_video(job.video_path(root, compression))
    label = _blank(CELL_PX + GAP_PX, LABEL_WIDTH_PX)
    label = _write(label, job.method or 'real', (12, CELL_PX // 2 - 8), INK)
    detail = f'{job.name}  {compression}'
    label = _write(label, detail, (12, CELL_PX // 2 + 22), FAINT_INK)
    cells = [label, *(_frame_cell(frames[index]) for index in frame_indices)]
    mask_path = job.mask_path(root)
    masks = decode_video(mask_path) if mask_path else np.full_like(frames, PAPER)
    cells.append(_frame_cell(masks[frame_indices[0]]))
    return np.hstack(cells)


def _frame_cell(frame: np.ndarray) -> np.ndarray:
    method = cv2.INTER_CUBIC if frame.shape[0] < CELL_PX else cv2.INTER_AREA
    cell = _blank(CELL_PX + GAP_PX, CELL_PX + GAP_PX)
    cell[:CELL_PX, :CELL_PX] = cv2.resize(
        frame, (CELL_PX, CELL_PX), interpolation=method
    )
    return cell


def _blank(height_px: int, width_px: int) -> np.ndarray:
    return np.full((height_px, width_px, 3), PAPER, np.uint8)


def _write(
    cell: np.ndarray, text: str, corner_xy: tuple[int, int], ink: tuple[int, int, int]
) -> np.ndarray:
    """Return the cell with a line of text at the given lower left corner."""
    return cv2.putText(
        cell.copy(), text, corner_xy, cv2.FONT_HERSHEY_DUPLEX, 0.72, ink, 1, cv2.LINE_AA
    )
