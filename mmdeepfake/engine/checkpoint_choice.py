"""Which checkpoint a resumed run goes on from, and which one is the best."""

from __future__ import annotations

import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from mmdeepfake.errors import DataError

POINTER = 'last_checkpoint'  # MMEngine's file with the path of the newest one
EPOCHS, ITERATIONS = 'epoch_{}.pth', 'iter_{}.pth'  # MMEngine's names


@dataclass(frozen=True)
class Choice:
    """A checkpoint to resume from.

    Attributes:
        path: of a file that is whole.
        faults: what is wrong with those that would have come first.
    """

    path: Path
    faults: tuple[str, ...] = ()


class Validated(NamedTuple):
    """What the validation of one epoch found.

    Attributes:
        figure: the figure that checkpoints are chosen by; greater is better.
        cross_entropy: of the same videos.
    """

    figure: float
    cross_entropy: float


def takes_over(
    new: Validated, kept: Validated, *, best_figure: float, num_videos: int
) -> bool:
    """Return whether a new epoch replaces the one kept as the best.

    Figures within one video's worth of the best one so far, 1 / num_videos, are equal:
    on a small validation set many epochs reach the same AUC while their scores still
    improve. Among equals the lower cross-entropy wins, then the later epoch.

    Args:
        new: of the epoch just validated.
        kept: of the epoch kept so far.
        best_figure: the greatest of all epochs so far, the new one included.
        num_videos: of the validation set.
    """
    worth = 1 / num_videos + 1e-9  # ours; the difference of two figures is rounded
    if not new.figure >= best_figure - worth:  # nan is never the best
        return False
    return kept.figure < best_figure - worth or new.cross_entropy <= kept.cross_entropy


def has_checkpoints(work_dir: str | Path) -> bool:
    """Return whether a run in this folder has got as far as its first checkpoint."""
    folder = Path(work_dir)
    return (folder / POINTER).exists() or any(
        list_checkpoints(folder, name) for name in (EPOCHS, ITERATIONS)
    )


def choose_checkpoint(
    work_dir: str | Path, *, folder: str | Path, template: str
) -> Choice | None:
    """Take the checkpoint that `last_checkpoint` names, else the newest whole one.

    The name decides and not the age, since a folder may hold files of an older run.

    Args:
        work_dir: folder of `last_checkpoint`.
        folder: of the checkpoints.
        template: of their names, as 'epoch_{}.pth'.

    Returns:
        None where the run has not got as far as a checkpoint.

    Raises:
        DataError: there are some, but none is whole.
    """
    pointer, faults = Path(work_dir, POINTER), []
    candidates = list_checkpoints(Path(folder), template)
    try:
        name = pointer.read_text(encoding='utf-8', errors='replace').strip()
    except FileNotFoundError:
        if not candidates:
            return None
        faults.append(f'there is no {pointer}')
    else:
        named = _locate(name, Path(folder))
        if named is None:
            fault = f'names {name}, which is not there' if name else 'is empty'
            faults.append(f'{pointer} {fault}')
        else:
            candidates = [named, *(one for one in candidates if one != named)]
    for path in candidates:
        fault = find_fault(path)
        if fault is None:
            return Choice(path, tuple(faults))
        faults.append(f'{path} {fault}')
    raise DataError(
        f'nothing to resume from in {work_dir}: {"; ".join(faults)}. Name a checkpoint '
        'with --resume FILE, or remove these files to start from the beginning'
    )


def list_checkpoints(folder: Path, template: str) -> list[Path]:
    """List the checkpoints of a folder, newest first; no best or temporary ones."""
    found = [path for path in folder.glob('*') if step_of(path.name, template)]
    # By its number: dates follow a clock that may have been set back.
    return sorted(found, key=lambda path: step_of(path.name, template), reverse=True)


def best_checkpoint(folder: Path) -> Path | None:
    """Return the best checkpoint; of several, the one of the last epoch.

    A killed training may leave two. File times do not decide: clocks are set back.
    """

    def step_of(path: Path) -> tuple[int, str]:
        found = re.search(r'_(\d+)$', path.stem)
        return int(found[1]) if found else 0, path.name

    return max(folder.glob('best_*.pth'), key=step_of, default=None)


def step_of(name: str, template: str) -> int:
    """Read the number from 'epoch_12.pth', counted from 1; 0 for another name."""
    pattern = re.escape(template).replace(re.escape('{}'), r'(\d+)')
    match = re.fullmatch(pattern, name)
    return int(match[1]) if match else 0


def _locate(name: str, folder: Path) -> Path | None:
    """Find a named checkpoint, that of this folder where it was copied or moved."""
    for path in (folder / Path(name).name, Path(name)):
        if name and path.is_file():
            return path
    return None


def find_fault(path: Path) -> str | None:
    """Describe what is wrong with a checkpoint file; None if it is complete.

    PyTorch writes ZIP archives, which have their table at the end and a checksum of
    each tensor.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError):
        return f'is not a complete checkpoint ({path.stat().st_size} bytes)'
    except OSError as error:
        return f'cannot be read ({error.strerror})'
    return None if broken is None else f'is damaged (in {broken})'
