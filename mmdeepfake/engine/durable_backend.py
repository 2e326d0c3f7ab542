"""Makes MMEngine write files so that neither a kill nor a power cut leaves half of one.

Its own backend writes in place: whoever is killed meanwhile leaves half a checkpoint
under the name of a whole one.
"""

from __future__ import annotations

import os
from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

from mmdeepfake.files.atomic_write import replace_bytes


class DurableBackend(LocalBackend):
    """Writes to a temporary name, flushes it to the disk, renames it.

    Every `CheckpointHook` and every `mmengine.dump` to a local path goes through here.
    """

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write bytes; when this returns, they outlast a power cut."""
        replace_bytes(filepath, obj)
        flush_folder(Path(filepath).parent)

    def put_text(self, obj: str, filepath: str | Path, encoding: str = 'utf-8') -> None:
        """Write text, see `put`."""
        self.put(obj.encode(encoding), filepath)


def flush_folder(folder: str | Path) -> None:
    """Have the names in a folder on the disk: renaming alone promises no order."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # systems and drives that cannot open folders
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)


register_backend('local', DurableBackend, force=True, prefixes='')
