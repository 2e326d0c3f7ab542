"""What a failed run may leave: the old files, or new ones that are whole."""

from __future__ import annotations

import csv
import json
import pickle
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import torch
from mmengine.config import Config

from mmdeepfake.video.clip_storage import open_clip


def read_folder(folder: Path) -> dict[str, bytes]:
    """Return every file's content by its path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob('*'))
        if path.is_file()
    }


def refuse_half_files(
    folder: Path, before: dict[str, bytes], after: dict[str, bytes], told: object
) -> None:
    """Every file is as it was before, as a good run leaves it, or whole.

    Args:
        folder: of the run that failed.
        before: what lay in it.
        after: what a good run leaves there.
        told: said with what is wrong.
    """
    left = read_folder(folder)
    assert before.keys() <= left.keys(), f'{told}: gone: {before.keys() - left.keys()}'
    drafts = [name for name in left if '.tmp' in name or '.partial' in name]
    assert not drafts, f'{told}: {drafts}'
    for name, content in left.items():
        if content in (before.get(name), after.get(name)):
            continue
        if name.endswith(('.log', '.lock')) or '/.locks/' in f'/{name}':
            continue  # tell of the failed run itself
        path = folder / name
        check = _CHECKS.get(path.suffix)
        assert check is not None, f'{told}: {name} is neither old nor new'
        try:
            check(path)
        except Exception as error:
            raise AssertionError(f'{told}: {name} is half a file: {error!r}') from error


def _check_json(path: Path) -> None:
    if path.parent.name != 'vis_data':  # MMEngine's curves, a line at a time
        json.loads(path.read_text())
        return
    for line in path.read_text().split('\n')[:-1]:
        json.loads(line)


def _check_csv(path: Path) -> None:
    text = path.read_text()
    assert text.endswith('\n')
    assert len({len(row) for row in csv.reader(text.splitlines())}) == 1


def _check_picture(path: Path) -> None:
    assert path.read_bytes()[-8:-4] == b'IEND'
    assert cv2.imread(str(path)) is not None


def _check_video(path: Path) -> None:
    with av.open(str(path)) as container:
        assert sum(1 for _ in container.decode(video=0)) > 0


def _check_arrays(path: Path) -> None:
    with np.load(path, allow_pickle=False) as arrays:
        assert all(arrays[name] is not None for name in arrays.files)


def _check_clip(path: Path) -> None:
    with open_clip(path) as clip:
        clip.read(range(len(clip)))


def _check_text(path: Path) -> None:
    assert path.read_text().endswith('\n')


def _check_end(end: bytes) -> Callable[[Path], None]:
    def check(path: Path) -> None:
        assert path.read_bytes().rstrip().endswith(end)

    return check


_CHECKS: dict[str, Callable[[Path], object]] = {
    '.json': _check_json,
    '.csv': _check_csv,
    '.png': _check_picture,
    '.mp4': _check_video,
    '.npz': _check_arrays,
    '.npy': lambda path: np.load(path, allow_pickle=False),
    '.tar': _check_clip,
    '.pth': lambda path: torch.load(path, map_location='cpu', weights_only=False),
    '.pkl': lambda path: pickle.loads(path.read_bytes()),  # of MMEngine
    '.torchscript': lambda path: torch.jit.load(path),
    '.py': Config.fromfile,
    '.pdf': _check_end(b'%%EOF'),
    '.html': _check_end(b'</html>'),
    '.md': _check_text,
    '.jsonl': lambda path: [json.loads(line) for line in path.open()],
    '': _check_text,  # last_checkpoint
}
