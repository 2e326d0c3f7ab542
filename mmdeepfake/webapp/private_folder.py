"""The private temporary folder of uploads and results."""

from __future__ import annotations

import logging
import os
import shutil
import stat
import tempfile
from contextlib import ExitStack
from pathlib import Path

from mmdeepfake.errors import InputError
from mmdeepfake.files.folder_lock import hold_lock

_PREFIX = 'mmdeepfake-webapp-'
_LOCK = 'lock'
_ADOPTED = 'adopted'
logger = logging.getLogger(__name__)


class PrivateFolder:
    """A temporary folder that is removed with the server.

    The next server on this machine removes the folder of a killed one. A folder is in
    use while its lock is held, and a dead process holds none.
    """

    def __init__(self, parent: Path | None = None) -> None:
        parent = Path(parent or tempfile.gettempdir())
        _remove_abandoned(parent)
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))  # mode 0700
        self._lock = ExitStack()
        self._lock.enter_context(hold_lock(self.path / _LOCK))

    def make_room(self, name: str) -> Path:
        """Make a folder for one job."""
        room = self.path / name
        room.mkdir(mode=0o700)
        return room

    def adopt(self, path: str) -> None:
        """Have the next server remove this folder, too, after a kill."""
        (self.path / _ADOPTED).write_text(path)

    def has_space(self, num_bytes: int) -> bool:
        """Return whether the disk has this much space."""
        return shutil.disk_usage(self.path).free >= num_bytes

    def remove(self) -> None:
        """Remove all of it; a second call does nothing."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()


def _remove_abandoned(parent: Path) -> None:
    for path in parent.glob(f'{_PREFIX}*'):
        # In a shared /tmp others may create a link or folder of this name.
        facts = path.lstat()
        if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid():
            continue
        if not (path / _LOCK).exists():
            continue  # just being created
        try:
            with hold_lock(path / _LOCK):
                adopted = path / _ADOPTED
                if adopted.exists():
                    shutil.rmtree(adopted.read_text(), ignore_errors=True)
                shutil.rmtree(path, ignore_errors=True)
                logger.warning('removed files left by a killed server')
        except (InputError, OSError):
            continue  # in use, or just being removed
