"""The folder that a preparation writes: names, locks, and what makes writing safe.

    OUT/settings.json                           what the clips were made with
    OUT/clips/<method>/<level>/<name>/          one video, see `prepared_video`
    OUT/manifest.jsonl                          what a dataset reads
    OUT/report/                                 coverage, leaks, contact sheet
    OUT/.partial/                               what is being made; empty between runs
    OUT/.locks/                                 who is at work

A video's folder is made under .partial/ and renamed as a whole when it is finished, so
it is there and whole, or not there. Whatever a killed run left under .partial/ is
deleted by the next one.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from mmdeepfake.errors import DataError
from mmdeepfake.files.atomic_write import replace_text
from mmdeepfake.files.bounded_reading import load_json
from mmdeepfake.files.folder_lock import FolderInUseError, hold_lock
from mmdeepfake.structures import VideoKey

from .preparation_settings import PreparationSettings, describe_differences

RESULT_NAME = 'result.json'
_MAX_NAME_BYTES = 200  # file systems take 255; temporary names need some
_UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|%]|^[.~ ]|[. ]$')


def safe_name(name: str) -> str:
    """Give a name that every file system takes; letters and spaces stay as they are.

    `plain_name` gives the name back, unless it was very long: then its end is replaced
    by a hash.

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


def plain_name(safe: str) -> str:
    """Undo `safe_name`."""
    return unquote(safe, errors='surrogateescape')


class OutputFolder:
    """The folder of a preparation; see the module.

    Args:
        root: OUT.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root)
        self.clips = self.root / 'clips'
        self.report = self.root / 'report'
        self.manifest = self.root / 'manifest.jsonl'
        self.settings = self.root / 'settings.json'

    def folder_of(self, key: VideoKey) -> Path:
        """Where the finished video lies."""
        return self.clips.joinpath(*map(safe_name, key[2:]))

    def partial(self, run: str) -> Path:
        """Where one run makes its files; `run` is 'all' or a shard's name."""
        return self.root / '.partial' / run

    def claim(self, settings: PreparationSettings, *, redo: bool) -> None:
        """Make OUT the folder of these settings.

        Args:
            settings: of this run.
            redo: whether to delete what was prepared before, with these settings or
                with others.

        Raises:
            DataError: it was made with other settings, or not by a preparation.
        """
        wanted = settings.to_dict()
        if self.settings.exists():
            found = self._read_settings()
            differences = describe_differences(found, wanted)
            if differences and not redo:
                raise DataError(
                    f'{str(self.root)!r} was prepared with other settings '
                    f'({differences}). Give the same ones, another OUT, or --redo, '
                    'which deletes what is prepared there and begins anew'
                )
            if redo:
                self._delete_clips()
        elif self.clips.exists() or self.manifest.exists():
            raise DataError(
                f'{str(self.root)!r} holds clips or a manifest but no '
                f'{self.settings.name}, so it was not made by this tool and is left '
                'alone; give a new or empty folder'
            )
        if not self.settings.exists():
            write_json(self.settings, wanted)

    def _read_settings(self) -> dict[str, Any]:
        try:
            found = load_json(self.settings)
            if not isinstance(found, dict):
                raise ValueError('not a JSON object')
        except ValueError as error:
            raise DataError(
                f'{str(self.settings)!r} is damaged ({error}), so nobody knows what '
                'the clips beside it were made with; give another OUT'
            ) from error
        return found

    def _delete_clips(self) -> None:
        # The settings go last: a kill before that leaves a folder that --redo takes.
        self.manifest.unlink(missing_ok=True)
        for folder in (self.clips, self.report, self.root / '.partial'):
            if folder.exists():
                shutil.rmtree(folder)
        self.settings.unlink()

    @contextmanager
    def locked(self, shard: str | None = None) -> Iterator[None]:
        """Keep other runs out while this one writes.

        A run of all videos is alone; shards may be at work together, each once. The
        lock ends with the process, however that ends.

        Args:
            shard: name of the shard, None for a run of all videos.

        Raises:
            DataError: another run is at work; the message names it.
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
                f'another run is at work in {str(self.root)!r} '
                f'({error.owner or "unnamed"}); wait for it or stop it, give another '
                'OUT, or run shards with --shard'
            ) from error
        with held:
            yield

    @contextmanager
    def writing_tables(self) -> Iterator[None]:
        """Wait for other shards that write the manifest and the report."""
        with hold_lock(self.root / '.locks/tables', wait=True):
            yield

    @contextmanager
    def partial_folder(self, run: str) -> Iterator[Path]:
        """Give an empty folder for unfinished files, removed in the end."""
        folder = self.partial(run)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):  # other shards may be at work in it
                folder.parent.rmdir()


def refuse_overlap(root: Path, out: Path) -> None:
    """Refuse an OUT inside ROOT: the dataset is never written to, and is searched."""
    root, out = root.resolve(), out.resolve()
    if out == root or root in out.parents:
        raise DataError(
            f'OUT {str(out)!r} lies in ROOT {str(root)!r}; the dataset as downloaded '
            'is never written to, so OUT must be a folder outside of it'
        )


def write_json(path: Path, value: object) -> None:
    """Write JSON; the file has its name only when it is whole."""
    write_text(path, json.dumps(value, indent=2) + '\n')


def write_text(path: Path, text: str) -> None:
    """Write text; the file has its name only when it is whole.

    One writer at a time: what a killed one left is written over by the next.
    """
    replace_text(path, text, alone=True, errors='surrogateescape')
