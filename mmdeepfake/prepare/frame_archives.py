"""Frames that are packed into tar archives, as WildDeepfake's are.

A compressed archive can be read from its start only, so it is unpacked once for all of
the sequences that are wanted from it, into a folder that is deleted afterwards. Nothing
is written under a name out of the archive but the plain name of a picture.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from mmdeepfake.files.media_files import is_frame_name
from mmdeepfake.layouts.archive_members import read_members


def unpack_members(
    archive: str | os.PathLike[str], folder_of_member: Mapping[str, Path]
) -> None:
    """Unpack the pictures of some folders of an archive.

    Args:
        archive: a .tar, or one packed by gzip or bzip2.
        folder_of_member: folder inside the archive -> where its pictures go; made even
            if the archive holds none.

    Raises:
        DataNotFoundError: there is no such archive.
        DataError: it is damaged, ends too early, or is refused, see `read_members`.
    """
    targets = {_plain(member): target for member, target in folder_of_member.items()}
    for target in targets.values():
        target.mkdir(parents=True)

    def is_picture(name: str) -> bool:
        is_known = str(PurePosixPath(name).parent) in targets
        return is_known and is_frame_name(name)

    for name, content in read_members(archive, is_picture):
        if content is not None:
            place = PurePosixPath(name)
            (targets[str(place.parent)] / place.name).write_bytes(content)


def _plain(name: str) -> str:
    """'./1/fake/131/' -> '1/fake/131'."""
    return str(PurePosixPath(name))
