"""Checks of the listed video files before a run."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from mmdeepfake.errors import DataError
from mmdeepfake.files.media_files import is_frame_name
from mmdeepfake.video.clip_storage import is_clip, open_clip

_NAMES = 'frame names'
_NUM_THREADS = 8  # opening waits for the disk, above all on network drives
_SECONDS_BETWEEN_LOGS = 10.0


@dataclass(frozen=True)
class Problem:
    """Reason why a video cannot be used.

    Attributes:
        kind: short name such as 'truncated'.
        details: '' if the kind is sufficient.
        is_of_pipeline: whether the file is valid but lacks what the pipeline needs.
    """

    kind: str
    details: str = ''
    is_of_pipeline: bool = False

    def __str__(self) -> str:
        return f'{self.kind}: {self.details}' if self.details else self.kind


@dataclass(frozen=True)
class FileReport:
    """Result of the check of one video.

    Attributes:
        problem: why it cannot be used, or None.
        num_frames: number of frames, if counted.
        fps: frames per second, if known.
        filename_tmpl: file name template of a folder of frames.
        offset: number of the first frame in a folder of frames.
    """

    problem: Problem | None = None
    num_frames: int | None = None
    fps: float | None = None
    filename_tmpl: str | None = None
    offset: int = 0


def inspect_frame_folder(folder: Path) -> FileReport:
    """Find the numbering of a folder's frames, which must have no gaps."""
    names = sorted(
        entry.name for entry in os.scandir(folder) if is_frame_name(entry.name)
    )
    if not names:
        return FileReport(Problem('no frames', 'folder without images'))
    matches = [re.fullmatch(r'(.*?)(\d+)(\.\w+)', name) for name in names]
    if None in matches:
        name = names[matches.index(None)]
        return FileReport(Problem(_NAMES, f'{name!r} does not end in a number'))
    shapes = {(match[1], match[3]) for match in matches}
    if len(shapes) > 1:
        return FileReport(
            Problem(_NAMES, f'{names[0]!r} and {names[-1]!r} are not numbered alike')
        )
    digits = [match[2] for match in matches]
    widths = {len(text) for text in digits}
    if len(widths) > 1 and any(text[0] == '0' and text != '0' for text in digits):
        return FileReport(
            Problem(_NAMES, 'some numbers are padded with zeros, some not')
        )
    width = widths.pop() if len(widths) == 1 else 0
    numbers = sorted(map(int, digits))
    num_missing = numbers[-1] - numbers[0] + 1 - len(numbers)
    if num_missing:
        first = next(n for n in numbers if n + 1 not in numbers) + 1
        return FileReport(
            Problem(
                'gaps',
                f'{num_missing} frames are missing, the first is number {first}; '
                'frames must be consecutive',
            )
        )
    prefix, suffix = (
        text.replace('{', '{{').replace('}', '}}') for text in shapes.pop()
    )
    return FileReport(
        num_frames=len(numbers),
        filename_tmpl=f'{prefix}{{:0{width}d}}{suffix}'
        if width
        else (f'{prefix}{{:d}}{suffix}'),
        offset=numbers[0],
    )


def stat_video(path: Path) -> FileReport:
    """Check that the file exists and is not empty; list folders of frames."""
    if path.is_dir():
        return inspect_frame_folder(path)
    if not path.is_file():
        return FileReport(Problem('missing'))
    if path.stat().st_size == 0:
        return FileReport(Problem('empty', '0 bytes'))
    return FileReport()


def open_video(path: Path) -> FileReport:
    """Check that the file is a complete video, by its header and index.

    Nothing is decoded, so damage inside a frame is not found.
    """
    report = stat_video(path)
    if report.problem or path.is_dir():
        return report
    return _open_clip(path) if is_clip(path) else _open_video_file(path)


def _open_clip(path: Path) -> FileReport:
    try:
        with open_clip(path) as clip:
            return FileReport(num_frames=len(clip), fps=clip.fps)
    except DataError as error:
        reason = f'{error.__cause__}, or it is truncated'
        return FileReport(Problem('not a face clip', reason))


def _open_video_file(path: Path) -> FileReport:
    try:
        import av  # noqa: F401  (needed by the next imports)

        from mmdeepfake.video.container_opening import (
            OpenVideo,
            find_end,
            plausible_rate,
        )
        from mmdeepfake.video.key_frames import FrameIndex
    except ImportError as error:
        raise ImportError(
            "check_files='open' needs PyAV: pip install av (or set check_files='stat')"
        ) from error
    try:
        with OpenVideo(path) as (container, stream):
            # A frame past the end of the file means an incomplete download.
            num_bytes = path.stat().st_size
            end = find_end(stream, num_bytes=num_bytes, path=path)
            if end > num_bytes:
                return FileReport(Problem('truncated', f'{num_bytes} of {end} bytes'))
            # Do not trust the header's count.
            num_frames = len(FrameIndex(container, stream, os.fspath(path)))
            if num_frames == 0:
                return FileReport(Problem('no frames'))
            fps = plausible_rate(stream.average_rate)
            return FileReport(num_frames=num_frames, fps=fps)
    except DataError as error:
        reason = str(error).removeprefix(f'video file {str(path)!r}').lstrip(' :')
        return FileReport(Problem('not a video', reason))


_CHECKS: dict[str, Callable[[Path], FileReport]] = {
    'open': open_video,
    'stat': stat_video,
}
CHECK_NAMES = tuple(_CHECKS)


def check_videos(paths: Iterable[Path], *, check: str) -> list[FileReport]:
    """Check every video on several threads and log the progress.

    Args:
        paths: video files or folders of frames.
        check: 'open' opens each file, 'stat' only checks that it exists.
    """
    from mmengine.logging import MMLogger

    paths = list(paths)
    logger = MMLogger.get_current_instance()
    start = last = time.monotonic()
    reports: list[FileReport] = []
    with ThreadPoolExecutor(_NUM_THREADS) as pool:
        for report in pool.map(_CHECKS[check], paths):
            reports.append(report)
            now = time.monotonic()
            if now - last > _SECONDS_BETWEEN_LOGS:
                last = now
                logger.info(
                    f'checked {len(reports)} of {len(paths)} videos '
                    f'({now - start:.0f} s)'
                )
    return reports
