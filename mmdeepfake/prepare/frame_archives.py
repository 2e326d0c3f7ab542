"""Frames that are packed into tar archives, as WildDeepfake's are.

A compressed archive can be read only from its start, so it is unpacked once for all of
its sequences, into a temporary folder. Of the names in an archive only the plain file
names of frames are used for writing.
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
    """Unpack the frames of some folders of an archive.

    Args:
        archive: a .tar file, possibly compressed with gzip or bzip2.
        folder_of_member: folder inside the archive -> where to write its frames;
            created even if the archive has none.

    Raises:
        DataNotFoundError: the archive does not exist.
        DataError: it is damaged, truncated, or refused, see `read_members`.
    """
    # PurePosixPath: './1/fake/131/' -> '1/fake/131'
    targets = {PurePosixPath(name): path for name, path in folder_of_member.items()}
    for target in targets.values():
        target.mkdir(parents=True)

    def is_wanted(name: str) -> bool:
        return PurePosixPath(name).parent in targets and is_frame_name(name)

    for name, content in read_members(archive, is_wanted):
        if content is not None:
            path = PurePosixPath(name)
            (targets[path.parent] / path.name).write_bytes(content)
