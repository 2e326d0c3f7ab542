"""Files that run code if they are un-pickled; the code makes a folder, and no more."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from mmengine.logging.history_buffer import HistoryBuffer


class Payload:
    """Un-pickling it makes a folder."""

    def __init__(self, marker: str | Path) -> None:
        self.marker = str(marker)

    def __reduce__(self):
        return os.mkdir, (self.marker,)


class Reaching:
    """Un-pickling it reaches for what leads out of an allowed class."""

    def __init__(self, marker: str | Path) -> None:
        self.marker = str(marker)

    def __reduce__(self):
        return getattr, (HistoryBuffer, '__init__')


def weights(extra: object = None) -> dict:
    """What a checkpoint of MMEngine looks like, with a stranger in it."""
    return {
        'state_dict': {'backbone.weight': torch.ones(2)},
        'meta': {'epoch': 1, 'iter': 9, 'hook': extra},
    }


def save_tar(path: Path, payload: object) -> None:
    """PyTorch's format of before 2018."""
    content = pickle.dumps(payload, 2)
    with tarfile.open(path, 'w') as tar:
        for name in ('storages', 'tensors', 'pickle'):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))


def save_program(path: Path, payload: object) -> None:
    """A TorchScript archive whose constants are the payload."""
    module = torch.jit.script(torch.nn.Identity())
    plain = io.BytesIO()
    torch.jit.save(module, plain)
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(path, 'w') as new:
        for member in old.infolist():
            is_constants = member.filename.endswith('constants.pkl')
            content = pickle.dumps(payload, 2) if is_constants else old.read(member)
            new.writestr(member.filename, content)


def save_arrays(path: Path, payload: object) -> None:
    """An .npz archive of objects, under a name that readers look for."""
    array = np.empty(1, object)
    array[0] = payload
    names = ('points', 'boxes', 'features', 'first_frame')
    with open(path, 'wb') as file:
        np.savez(file, **dict.fromkeys(names, array))


def save_array(path: Path, payload: object) -> None:
    """An .npy file of objects."""
    array = np.empty(1, object)
    array[0] = payload
    with open(path, 'wb') as file:
        np.save(file, array, allow_pickle=True)


def save_flagged_numbers(path: Path, payload: object) -> None:
    """Numbers of a type whose flags say that they are references."""

    def text(value: str) -> bytes:
        return b'X' + struct.pack('<I', len(value)) + value.encode()

    def whole(value: int) -> bytes:
        return b'J' + struct.pack('<i', value)

    state = whole(3) + text('<') + b'NNN' + whole(-1) + whole(-1) + whole(63)
    kind = b'cnumpy\ndtype\n(' + text('f8') + b'\x89\x88tR(' + state + b'tb'
    start = b'cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\n('
    values = b'](G' + struct.pack('>d', 1.0) + b'G' + struct.pack('>d', 2.0) + b'e'
    array = (
        start + whole(0) + b't' + text('b') + b'tR(' + whole(1) + b'(' + whole(2)
        + b't' + kind + b'\x89' + values + b'tb'
    )  # fmt: skip
    writer = torch._C.PyTorchFileWriter(str(path))
    content = b'\x80\x02' + array + b'.'
    writer.write_record('data.pkl', content, len(content))
    writer.write_record('byteorder', b'little', 6)
    writer.write_end_of_file()


def _pickled(protocol: int) -> Callable[[Path, object], None]:
    return lambda path, payload: path.write_bytes(pickle.dumps(payload, protocol))


# How a file is made that must be refused: name -> function of path and payload.
FORMATS: dict[str, Callable[[Path, object], None]] = {
    'pickle 0': _pickled(0),
    'pickle 2': _pickled(2),
    'pickle 5': _pickled(5),
    'pickle of weights': lambda path, p: path.write_bytes(pickle.dumps(weights(p), 2)),
    'torch': lambda path, p: torch.save(p, path),
    'torch, under state_dict': lambda path, p: torch.save({'state_dict': p}, path),
    'torch, deep in meta': lambda path, p: torch.save(weights([{'a': (p,)}]), path),
    'torch, in ema': lambda path, p: torch.save(
        {**weights(), 'ema_state_dict': {'steps': p}}, path
    ),
    'torch, as a key': lambda path, p: torch.save({**weights(), p: 1}, path),
    'torch, legacy': lambda path, p: torch.save(
        weights(p), path, _use_new_zipfile_serialization=False
    ),
    'torch, attribute of a known class': lambda path, p: torch.save(
        weights(Reaching(p.marker)), path
    ),
    'torch, tar': save_tar,
    'torch, program': save_program,
    'numbers that are references': save_flagged_numbers,
    'npz of objects': save_arrays,
    'npy of objects': save_array,
    'gzip of a pickle': lambda path, p: path.write_bytes(
        gzip.compress(pickle.dumps(p))
    ),
}


def save_evil(path: Path, kind: str, marker: Path) -> Path:
    """Write one of the formats; if it is un-pickled, `marker` becomes a folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    FORMATS[kind](path, Payload(marker))
    return path
