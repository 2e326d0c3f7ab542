"""Atomic and durable file writes for MMEngine.

Its own backend writes in place: a kill leaves a truncated checkpoint under its final
name.
"""

from __future__ import annotations

import os
from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

from mmdeepfake.files.atomic_write import replace_bytes


class DurableBackend(LocalBackend):
    """Write to a temporary file, flush it to disk and rename it.

    Used by every `CheckpointHook` and every `mmengine.dump` to a local path.
    """

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write bytes that survive a power failure once this returns."""
        replace_bytes(filepath, obj)
        flush_folder(Path(filepath).parent)

    def put_text(self, obj: str, filepath: str | Path, encoding: str = 'utf-8') -> None:
        """Write text, see `put`."""
        self.put(obj.encode(encoding), filepath)


def flush_folder(folder: str | Path) -> None:
    """Flush the entries of a folder to disk: a rename alone has no defined order."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # not supported by all systems and drives
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)


register_backend('local', DurableBackend, force=True, prefixes='')
