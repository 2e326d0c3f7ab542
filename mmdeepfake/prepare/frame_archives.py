"""Frames that are packed into tar archives, as WildDeepfake's are.

A compressed archive can be read from its start only, so it is unpacked once for all of
the sequences that are wanted from it, into a folder that is deleted afterwards. Nothing
is written under a name out of the archive but the plain name of a picture.
"""

from __future__ import annotations

import os
import shutil
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from mmdeepfake.structures import DataError, DataNotFoundError

from .layouts import FRAME_SUFFIXES


def unpack_members(
    archive: str | os.PathLike[str], folder_of_member: Mapping[str, Path]
) -> None:
    """Unpack the pictures of some folders of an archive.

    Args:
        archive: a .tar, or one packed by gzip, bzip2 or xz.
        folder_of_member: folder inside the archive -> where its pictures go; made even
            if the archive holds none.

    Raises:
        DataNotFoundError: there is no such archive.
        DataError: it is damaged, or ends too early.
    """
    if not os.path.isfile(archive):
        raise DataNotFoundError(f'no archive {os.fspath(archive)!r}')
    targets = {_plain(member): target for member, target in folder_of_member.items()}
    for target in targets.values():
        target.mkdir(parents=True)
    try:
        # 'r|*' reads on and on, without a way back: one pass, whatever the size.
        with tarfile.open(archive, 'r|*') as tar:
            for entry in tar:
                place = PurePosixPath(_plain(entry.name))
                target = targets.get(str(place.parent))
                is_picture = place.name.lower().endswith(FRAME_SUFFIXES)
                if target is None or not entry.isfile() or not is_picture:
                    continue
                with open(target / place.name, 'wb') as file:
                    shutil.copyfileobj(tar.extractfile(entry), file)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise DataError(
            f'archive {os.fspath(archive)!r} ({os.path.getsize(archive)} bytes) is '
            f'truncated, damaged or no tar archive ({error}); copy it again'
        ) from error


def _plain(name: str) -> str:
    """'./1/fake/131/' -> '1/fake/131'."""
    return str(PurePosixPath(name))
