"""Which files of a folder are taken for videos or frames, and how folders are searched.

Names alone decide: a file that ends like a video is opened, whatever is in it, and is
then scored, prepared, or reported with the reason.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from mmdeepfake.errors import DataError

from .bounded_reading import shorten_list
from .printable_text import show_log_record

logger = logging.getLogger('mmdeepfake.files')
logger.addFilter(show_log_record)

# What FFmpeg opens for its pictures: containers, then streams without a container.
VIDEO_SUFFIXES = tuple(
    '.3g2 .3gp .amv .asf .avi .divx .dv .f4v .flv .gif .ismv .ivf .m2t .m2ts .m4v .mj2 '
    '.mk3d .mkv .mov .mp4 .mpe .mpeg .mpg .mts .mxf .nut .ogm .ogv .ogx .qt .rm .rmvb '
    '.ts .vob .webm .wmv .wtv .y4m '
    '.264 .265 .avc .h264 .h265 .hevc .m1v .m2v .mjpeg .mjpg .mpv .obu .vc1'.split()
)
FRAME_SUFFIXES = ('.png', '.jpg', '.jpeg', '.bmp', '.webp')


def is_video_name(name: str) -> bool:
    """Return whether a file is taken for a video."""
    return name.lower().endswith(VIDEO_SUFFIXES)


def is_frame_name(name: str) -> bool:
    """Return whether a file in a folder of frames is taken for one."""
    return name.lower().endswith(FRAME_SUFFIXES)


def walk_folders(top: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Yield each folder, the outer ones first, its folders' and its files' names.

    Sorted. Folders are searched through links too, each folder once. Hidden entries and
    links back to a folder that was searched are left out, with one warning. As in
    `os.walk`, folders that the caller removes from the list are not searched.

    Raises:
        DataError: a folder cannot be read.
    """
    seen = {os.path.realpath(top)}
    left_out: list[str] = []

    def is_new(place: str, name: str) -> bool:
        real = os.path.realpath(os.path.join(place, name))
        if real in seen:
            return False
        seen.add(real)
        return True

    for place, folders, files in os.walk(top, followlinks=True, onerror=_refuse):
        shown = [name for name in sorted(folders) if not name.startswith('.')]
        new = [name for name in shown if is_new(place, name)]
        names = [name for name in sorted(files) if not name.startswith('.')]
        gone = sorted({*folders, *files} - {*new, *names})
        left_out += [os.path.relpath(os.path.join(place, name), top) for name in gone]
        folders[:] = new
        yield Path(place), folders, names
    if left_out:
        logger.warning(
            'folder %r: left out are %d entries that are hidden, or links to a folder '
            'that is searched anyway: %s',
            str(top),
            len(left_out),
            shorten_list(left_out),
        )


def _refuse(error: OSError) -> None:
    raise DataError(
        f'folder {str(error.filename)!r} cannot be read: {error.strerror}'
    ) from error


def warn_of_other_files(top: Path, others: Sequence[Path]) -> None:
    """Log what is in a folder and is not taken for a video."""
    if others:
        logger.warning(
            'folder %r: %d entries are left out, since they are not named like videos, '
            'such as .mp4: %s',
            str(top),
            len(others),
            shorten_list([path.relative_to(top).as_posix() for path in others]),
        )
