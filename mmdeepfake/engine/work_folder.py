"""A training's work folder: one run at a time, and no earlier run is written over."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from mmdeepfake.errors import ConfigError
from mmdeepfake.files.atomic_write import name_output_in_errors
from mmdeepfake.files.folder_lock import FolderInUseError, hold_lock

LOCK = '.training.lock'
# What MMEngine's CheckpointHook writes.
CHECKPOINTS = ('epoch_*.pth', 'iter_*.pth', 'best_*.pth', 'last_checkpoint')
_RANKS = ('RANK', 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK')  # of the launchers


@contextmanager
def lock_work_folder(
    work_dir: str | os.PathLike[str], *, resume: str | None, overwrite: bool = False
) -> Iterator[None]:
    """Keep a work folder for one training while the block runs.

    Of several processes of one training the first one holds the lock. Tests may write
    into the folder meanwhile: they replace their own files, each as a whole.

    Args:
        work_dir: of the run; is made.
        resume: 'auto', or the path of a checkpoint, to go on from; None begins anew.
        overwrite: delete the checkpoints of an earlier run.

    Raises:
        FolderInUseError: another training is in progress there.
        ConfigError: it holds checkpoints that this training would write over.
        OutputError: the folder cannot be written to, or the disk is full.
    """
    folder = Path(work_dir)
    with ExitStack() as stack:
        if launched_rank() == 0:
            try:
                stack.enter_context(hold_lock(folder / LOCK))
            except FolderInUseError as error:
                raise FolderInUseError(
                    f'{error}, or give another --work-dir', error.owner
                ) from error
            _settle_earlier_run(folder, resume=resume, overwrite=overwrite)
        stack.enter_context(name_output_in_errors(folder))
        yield


def launched_rank() -> int:
    """Tell which process of a distributed run this is, before it is joined."""
    for name in _RANKS:
        if os.environ.get(name, '').isdigit():
            return int(os.environ[name])
    return 0


def _settle_earlier_run(folder: Path, *, resume: str | None, overwrite: bool) -> None:
    """Refuse, or delete, checkpoints that this training would replace by and by."""
    found = sorted(path for pattern in CHECKPOINTS for path in folder.glob(pattern))
    goes_on = resume == 'auto' or (
        resume is not None and Path(resume).absolute().parent == folder.absolute()
    )
    if not found or goes_on:
        return
    if not overwrite:
        names = ', '.join(path.name for path in found[:3])
        more = f' and {len(found) - 3} more' if len(found) > 3 else ''
        raise ConfigError(
            f'work folder {str(folder)!r} holds the checkpoints of an earlier training '
            f'({names}{more}): --resume goes on with it, another --work-dir keeps '
            'both, and --overwrite deletes those checkpoints and begins anew'
        )
    if resume is not None:
        raise ConfigError(
            f'--overwrite --resume {resume}: either the earlier training in '
            f'{str(folder)!r} is deleted, or one goes on; give another --work-dir'
        )
    for path in found:
        path.unlink()
