"""The output folder of a preparation: file names, locks and atomic writes.

    OUT/settings.json                           settings of the clips
    OUT/clips/<method>/<level>/<name>/          one video, see `prepared_video`
    OUT/manifest.jsonl                          what a dataset reads
    OUT/report/                                 coverage, leaks, contact sheet
    OUT/.partial/                               unfinished files; empty between runs
    OUT/.locks/                                 locks of running processes

A video's folder is written under .partial/ and renamed when it is complete, so it is
there completely or not at all. The next run deletes what a killed one left behind.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from mmdeepfake.errors import DataError
from mmdeepfake.files.atomic_write import replace_json, replace_text
from mmdeepfake.files.bounded_reading import load_json
from mmdeepfake.files.folder_lock import FolderInUseError, hold_lock
from mmdeepfake.structures import VideoKey

from .preparation_settings import PreparationSettings, describe_differences

RESULT_NAME = 'result.json'
_MAX_NAME_BYTES = 200  # file systems accept 255; temporary names need some
_UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|%]|^[.~ ]|[. ]$')


def safe_name(name: str) -> str:
    """Return a name that every file system accepts, with letters and spaces unchanged.

    `urllib.parse.unquote` inverts it, except for very long names, which end in a hash.

    Example:
        >>> safe_name('fake/131'), safe_name('été 1')
        ('fake%2F131', 'été 1')
    """
    safe = _UNSAFE.sub(lambda match: f'%{ord(match[0]):02X}', name)
    encoded = os.fsencode(safe)
    if len(encoded) <= _MAX_NAME_BYTES:
        return safe
    digest = hashlib.sha256(os.fsencode(name)).hexdigest()[:16]
    start = encoded[: _MAX_NAME_BYTES - len(digest) - 1].decode('utf-8', 'ignore')
    return f'{start}~{digest}'


class OutputFolder:
    """The output folder of a preparation; see the module."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root)
        self.clips = self.root / 'clips'
        self.report = self.root / 'report'
        self.manifest = self.root / 'manifest.jsonl'
        self.settings = self.root / 'settings.json'

    def folder_of(self, key: VideoKey) -> Path:
        """Return the folder of a finished video."""
        return self.clips.joinpath(*map(safe_name, key[2:]))

    def partial(self, run: str) -> Path:
        """Return the folder of unfinished files; `run` is 'all' or a shard's name."""
        return self.root / '.partial' / run

    def claim(self, settings: PreparationSettings, *, overwrite: bool) -> None:
        """Create OUT for these settings, or check that it was created with them.

        `overwrite` deletes what was prepared before, with whatever settings.

        Raises:
            DataError: it was created with other settings, or not by a preparation.
        """
        wanted = settings.to_dict()
        if self.settings.exists():
            found = self._read_settings()
            differences = describe_differences(found, wanted)
            if differences and not overwrite:
                raise DataError(
                    f'{str(self.root)!r} was prepared with other settings '
                    f'({differences}); use the same ones, another OUT, or --overwrite, '
                    'which deletes what is prepared there and starts again'
                )
            if overwrite:
                self._delete_clips()
        elif self.clips.exists() or self.manifest.exists():
            raise DataError(
                f'{str(self.root)!r} contains clips or a manifest but no '
                f'{self.settings.name}, so it is not the output of this tool; use a '
                'new or empty folder'
            )
        if not self.settings.exists():
            replace_json(self.settings, wanted, alone=True)

    def _read_settings(self) -> dict[str, Any]:
        try:
            found = load_json(self.settings)
            if not isinstance(found, dict):
                raise ValueError('not a JSON object')
        except ValueError as error:
            raise DataError(
                f'{str(self.settings)!r} is damaged ({error}), so the settings of the '
                'clips beside it are unknown; use another OUT'
            ) from error
        return found

    def _delete_clips(self) -> None:
        # The settings last: after a kill before that, --overwrite still works.
        self.manifest.unlink(missing_ok=True)
        for folder in (self.clips, self.report, self.root / '.partial'):
            if folder.exists():
                shutil.rmtree(folder)
        self.settings.unlink()

    @contextmanager
    def locked(self, shard: str | None = None) -> Iterator[None]:
        """Lock the folder against other runs.

        A run of all videos (no shard) excludes all others; different shards may run
        together. The lock ends with the process.

        Raises:
            DataError: another run is in progress; the message names its process.
        """
        locks = self.root / '.locks'
        try:
            with hold_lock(locks / 'starting', wait=True), ExitStack() as begun:
                # Who starts looks at the others; two that start do it one by one.
                names = {path.name for path in locks.iterdir()} - {'starting', 'tables'}
                others = names if shard is None else {shard, 'all'}
                for name in sorted(others - {shard or 'all'}):
                    with hold_lock(locks / name):
                        pass
                begun.enter_context(hold_lock(locks / (shard or 'all')))
                held = begun.pop_all()
        except FolderInUseError as error:
            raise DataError(
                f'another run is in progress in {str(self.root)!r} '
                f'({error.owner or "unnamed"}); wait for it or stop it, use another '
                'OUT, or run shards with --shard'
            ) from error
        with held:
            yield

    @contextmanager
    def writing_tables(self) -> Iterator[None]:
        """Wait for other shards that are writing the manifest and the report."""
        with hold_lock(self.root / '.locks/tables', wait=True):
            yield

    @contextmanager
    def partial_folder(self, run: str) -> Iterator[Path]:
        """Yield an empty folder for unfinished files, removed at the end."""
        folder = self.partial(run)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):  # other shards may be using it
                folder.parent.rmdir()


def refuse_overlap(root: Path, out: Path) -> None:
    """Refuse an OUT inside ROOT, which is searched and never written to."""
    root, out = root.resolve(), out.resolve()
    if out == root or root in out.parents:
        raise DataError(
            f'OUT {str(out)!r} is in ROOT {str(root)!r}, which is never written to; '
            'use a folder outside of it'
        )


def write_text(path: Path, text: str) -> None:
    """Write text atomically.

    One writer at a time: the next overwrites the temporary file of a killed one.
    """
    replace_text(path, text, alone=True, errors='surrogateescape')
