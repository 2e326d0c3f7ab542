"""Exclusive work folders for training, without overwriting an earlier run."""

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
    """Lock a work folder for one training within this context.

    Of several ranks the first one holds the lock. Tests may write into the folder
    meanwhile: they replace their own files atomically.

    Args:
        work_dir: folder of the run, created if missing.
        resume: 'auto' or the path of a checkpoint to resume from; None starts anew.
        overwrite: delete the checkpoints of an earlier run.

    Raises:
        FolderInUseError: another training uses the folder.
        ConfigError: it has checkpoints that this training would overwrite.
        OutputError: the folder cannot be written to, or the disk is full.
    """
    folder = Path(work_dir)
    with ExitStack() as stack:
        if launched_rank() == 0:
            try:
                stack.enter_context(hold_lock(folder / LOCK))
            except FolderInUseError as error:
                raise FolderInUseError(
                    f'{error}, or set another --work-dir', error.owner
                ) from error
            _handle_earlier_run(folder, resume=resume, overwrite=overwrite)
        stack.enter_context(name_output_in_errors(folder))
        yield


def launched_rank() -> int:
    """Return the rank of this process before the process group exists."""
    for name in _RANKS:
        if os.environ.get(name, '').isdigit():
            return int(os.environ[name])
    return 0


def _handle_earlier_run(folder: Path, *, resume: str | None, overwrite: bool) -> None:
    """Reject, or delete, checkpoints that this training would overwrite."""
    found = sorted(path for pattern in CHECKPOINTS for path in folder.glob(pattern))
    resumes_here = resume == 'auto' or (
        resume is not None and Path(resume).absolute().parent == folder.absolute()
    )
    if not found or resumes_here:
        return
    if not overwrite:
        names = ', '.join(path.name for path in found[:3])
        more = f' and {len(found) - 3} more' if len(found) > 3 else ''
        raise ConfigError(
            f'work folder {str(folder)!r} has checkpoints of an earlier training '
            f'({names}{more}): use --resume to continue it, another --work-dir to keep '
            'both, or --overwrite to delete its checkpoints and start anew'
        )
    if resume is not None:
        raise ConfigError(
            f'--overwrite --resume {resume}: cannot both delete the training in '
            f'{str(folder)!r} and resume; set another --work-dir'
        )
    for path in found:
        path.unlink()
