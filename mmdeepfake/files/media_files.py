"""Which files count as videos or frames, and the recursive search for them.

Only the suffix decides: a file named like a video is opened, whatever its content, and
then scored, prepared, or reported with the reason.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from mmdeepfake.errors import DataError

from .bounded_reading import shorten_list
from .printable_text import count_noun, show_log_record

logger = logging.getLogger('mmdeepfake.files')
logger.addFilter(show_log_record)

# What FFmpeg reads as video: containers, then raw streams.
VIDEO_SUFFIXES = tuple(
    '.3g2 .3gp .amv .asf .avi .divx .dv .f4v .flv .gif .ismv .ivf .m2t .m2ts .m4v .mj2 '
    '.mk3d .mkv .mov .mp4 .mpe .mpeg .mpg .mts .mxf .nut .ogm .ogv .ogx .qt .rm .rmvb '
    '.ts .vob .webm .wmv .wtv .y4m '
    '.264 .265 .avc .h264 .h265 .hevc .m1v .m2v .mjpeg .mjpg .mpv .obu .vc1'.split()
)
FRAME_SUFFIXES = ('.png', '.jpg', '.jpeg', '.bmp', '.webp')


def is_video_name(name: str) -> bool:
    """Return whether a file name has a video suffix."""
    return name.lower().endswith(VIDEO_SUFFIXES)


def is_frame_name(name: str) -> bool:
    """Return whether a file name has the suffix of a frame."""
    return name.lower().endswith(FRAME_SUFFIXES)


def walk_folders(top: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Yield each folder, outer ones first, with its sorted folder and file names.

    Links to folders are followed, each folder once. Hidden entries and links to a
    folder already searched are skipped, with one warning. As in `os.walk`, folders
    that the caller removes from the list are not searched.

    Raises:
        DataError: a folder cannot be read.
    """
    seen = {os.path.realpath(top)}
    skipped: list[str] = []

    def is_new(place: str, name: str) -> bool:
        real = os.path.realpath(os.path.join(place, name))
        if real in seen:
            return False
        seen.add(real)
        return True

    for place, folders, files in os.walk(top, followlinks=True, onerror=_refuse):
        visible = [name for name in sorted(folders) if not name.startswith('.')]
        new = [name for name in visible if is_new(place, name)]
        names = [name for name in sorted(files) if not name.startswith('.')]
        gone = sorted({*folders, *files} - {*new, *names})
        skipped += [os.path.relpath(os.path.join(place, name), top) for name in gone]
        folders[:] = new
        yield Path(place), folders, names
    if skipped:
        logger.warning(
            'folder %r: skipped what is hidden or a link to a folder that is searched '
            'anyway, %d in all: %s',
            str(top),
            len(skipped),
            shorten_list(skipped),
        )


def _refuse(error: OSError) -> None:
    raise DataError(
        f'cannot read folder {str(error.filename)!r}: {error.strerror}'
    ) from error


def warn_of_other_files(top: Path, others: Sequence[Path]) -> None:
    """Log the files in a folder that are not videos."""
    if others:
        logger.warning(
            'folder %r: skipped %s without a video suffix such as .mp4: %s',
            str(top),
            count_noun(len(others), 'file'),
            shorten_list([path.relative_to(top).as_posix() for path in others]),
        )
