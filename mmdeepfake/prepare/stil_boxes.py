"""Reads the face boxes that STIL's code keeps, a pickle, without running any of it.

The file (Gu et al., ACM MM 2021, https://github.com/Tencent/TFace) is a dict from the
name of a real video to one box a frame: `{'317': [[x1, y1, x2, y2], ...], ...}`. A
pickle can call any function of any module as it is read; this reader knows nothing but
numbers, texts, lists, tuples, dicts and numpy arrays, and builds the latter itself.
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
    """Give the boxes of every video: (F, 4) float32 x1, y1, x2, y2, one a frame.

    Raises:
        DataNotFoundError: there is no such file.
        DataError: it is no pickle, holds more than plain data, or a video's boxes are
            no boxes; the message names the video.
    """
    path = Path(path)
    if not path.is_file():
        raise DataNotFoundError(f'no file of boxes {str(path.absolute())!r}')
    content = _read_plain_data(path)
    if not isinstance(content, dict) or not content:
        raise DataError(
            f'file of boxes {str(path)!r} holds a {type(content).__name__} of no '
            "video; needed is a dict from a video's name to its boxes"
        )
    return {
        _check_name(name, path): _to_boxes(boxes, name, path)
        for name, boxes in content.items()
    }


def _check_name(name: object, path: Path) -> str:
    if not isinstance(name, str):
        raise DataError(
            f'file of boxes {str(path)!r} names a video {name!r}; needed is a text'
        )
    return name


def _to_boxes(value: object, name: str, path: Path) -> NDArray[np.float32]:
    where = f'boxes of video {name!r} in {str(path)!r}'
    if _is_deep(value):
        raise DataError(f'{where} are no boxes, but lists in lists in lists')
    try:
        boxes = np.asarray(value, np.float32)
    except (TypeError, ValueError) as error:
        raise DataError(f'{where} are no array of numbers: {error}') from error
    if boxes.ndim != 2 or boxes.shape[1] != 4 or not len(boxes):
        raise DataError(
            f'{where} are of shape {boxes.shape}; needed is (F, 4), one box a frame'
        )
    wrong = ~(np.isfinite(boxes).all(1) & (boxes[:, :2] < boxes[:, 2:]).all(1))
    if wrong.any():
        frame = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f'{where}: frame {frame} has {boxes[frame].tolist()}; needed are finite '
            'x1, y1, x2, y2 in pixels with x1 < x2 and y1 < y2'
        )
    return boxes


def _is_deep(value: object) -> bool:
    # The same list may stand in many places of a pickle: a short file, and an array of
    # it that fits no memory.
    rows = value if isinstance(value, list | tuple) else ()
    lists = (list, tuple, np.ndarray)
    return any(
        isinstance(one, lists) for row in rows if isinstance(row, lists) for one in row
    )


def _read_plain_data(path: Path) -> Any:
    if path.stat().st_size > _MAX_BYTES:
        raise DataError(
            f'file of boxes {str(path)!r} has more than {_MAX_BYTES} bytes, the most '
            'that is read'
        )
    try:
        # Files of Python 2 hold texts as bytes; latin1 takes any.
        return _PlainUnpickler(io.BytesIO(path.read_bytes()), encoding='latin1').load()
    except ForbiddenNameError as error:
        raise DataError(
            f'file of boxes {str(path)!r} holds more than plain data: it names '
            f'{error}, and reading that could run code from the file'
        ) from error
    except Exception as error:  # torn bytes make the unpickler fail in any way
        says = str(error) or type(error).__name__
        raise DataError(
            f'file of boxes {str(path)!r} is torn or no pickle ({says}); copy it again'
        ) from error


class _PlainUnpickler(pickle.Unpickler):
    """Gives stand-ins for what numpy's arrays name, and refuses any other name."""

    def find_class(self, module: str, name: str) -> type:
        stand_in = _KNOWN.get((module, name))
        if stand_in is None:
            raise ForbiddenNameError(f'{module}.{name}')
        return stand_in

    def persistent_load(self, pid: object) -> Any:
        raise ForbiddenNameError(f'the outside object {pid!r}')


class _Bytes(bytes):
    """Stands in for codecs.encode, by which old protocols write bytes."""

    def __new__(cls, text: str, encoding: str = 'latin1') -> _Bytes:
        if encoding != 'latin1':
            raise ForbiddenNameError(f'bytes encoded as {encoding!r}')
        return super().__new__(cls, text.encode('latin1'))

    def __setstate__(self, state: object) -> None:
        raise ForbiddenNameError('bytes with a state')


_KNOWN = {**SAFE_CLASSES, ('_codecs', 'encode'): _Bytes}
