"""Reads STIL's pickle file of face boxes without running any code in it.

The file (Gu et al., ACM MM 2021, https://github.com/Tencent/TFace) is a dict from the
name of a real video to one box per frame: `{'317': [[x1, y1, x2, y2], ...], ...}`.
Unpickling can call any function of any module; this reader knows only numbers, strings,
lists, tuples, dicts and numpy arrays, and builds the arrays itself.
"""

from __future__ import annotations

import io
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.files.plain_arrays import SAFE_CLASSES, ForbiddenNameError

_MAX_BYTES = 1 << 30


def read_stil_boxes(path: str | os.PathLike[str]) -> dict[str, NDArray[np.float32]]:
    """Read the boxes of every video: (F, 4) float32 x1, y1, x2, y2, one per frame.

    Raises:
        DataNotFoundError: the file does not exist.
        DataError: it is not a pickle, contains more than plain data, or a video's
            boxes are invalid; the message names the video.
    """
    path = Path(path)
    if not path.is_file():
        raise DataNotFoundError(f'no file of boxes {str(path.absolute())!r}')
    where = f'file of boxes {str(path)!r}'
    content = _read_plain_data(path, where)
    if not isinstance(content, dict) or not content:
        raise DataError(
            f'{where} contains a {type(content).__name__} without videos; expected is '
            "a dict from a video's name to its boxes"
        )
    for name in content:
        if not isinstance(name, str):
            raise DataError(f'{where}: name of a video {name!r}; expected is a string')
    return {
        name: _to_boxes(boxes, f'{where}: boxes of video {name!r}')
        for name, boxes in content.items()
    }


def _to_boxes(value: object, where: str) -> NDArray[np.float32]:
    if _is_deep(value):
        raise DataError(f'{where} are nested too deep; expected is one box per frame')
    try:
        boxes = np.asarray(value, np.float32)
    except (TypeError, ValueError) as error:
        raise DataError(f'{where} are not an array of numbers: {error}') from error
    if boxes.ndim != 2 or boxes.shape[1] != 4 or not len(boxes):
        raise DataError(
            f'{where} have the shape {boxes.shape}; expected is (F, 4), one box per '
            'frame'
        )
    wrong = ~(np.isfinite(boxes).all(1) & (boxes[:, :2] < boxes[:, 2:]).all(1))
    if wrong.any():
        frame = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f'{where}: frame {frame} has {boxes[frame].tolist()}; expected are finite '
            'x1, y1, x2, y2 in pixels with x1 < x2 and y1 < y2'
        )
    return boxes


def _is_deep(value: object) -> bool:
    # A pickle can refer to one list many times: a short file, and an array of it that
    # does not fit into memory.
    rows = value if isinstance(value, list | tuple) else ()
    lists = (list, tuple, np.ndarray)
    return any(
        isinstance(one, lists) for row in rows if isinstance(row, lists) for one in row
    )


def _read_plain_data(path: Path, where: str) -> Any:
    if path.stat().st_size > _MAX_BYTES:
        raise DataError(f'{where} is larger than {_MAX_BYTES} bytes')
    try:
        # Files of Python 2 store strings as bytes; latin1 decodes any.
        return _PlainUnpickler(io.BytesIO(path.read_bytes()), encoding='latin1').load()
    except ForbiddenNameError as error:
        raise DataError(
            f'{where} contains more than plain data: it names {error}, and reading '
            'that could run code from the file'
        ) from error
    except Exception as error:  # truncated pickles fail in any way
        raise DataError(
            f'{where} is truncated or not a pickle '
            f'({str(error) or type(error).__name__}); copy it again'
        ) from error


class _PlainUnpickler(pickle.Unpickler):
    """Replaces the names of numpy's arrays by safe classes, and refuses any other."""

    def find_class(self, module: str, name: str) -> type:
        if (module, name) not in _KNOWN:
            raise ForbiddenNameError(f'{module}.{name}')
        return _KNOWN[module, name]

    def persistent_load(self, pid: object) -> Any:
        raise ForbiddenNameError(f'the outside object {pid!r}')


class _Bytes(bytes):
    """Replaces codecs.encode, by which old protocols write bytes."""

    def __new__(cls, text: str, encoding: str = 'latin1') -> _Bytes:
        if encoding != 'latin1':
            raise ForbiddenNameError(f'bytes encoded as {encoding!r}')
        return super().__new__(cls, text.encode('latin1'))

    def __setstate__(self, state: object) -> None:
        raise ForbiddenNameError('bytes with a state')


_KNOWN = {**SAFE_CLASSES, ('_codecs', 'encode'): _Bytes}
