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

from mmdeepfake.structures import DataError, DataNotFoundError

_KINDS = 'fiu'  # numpy's letters of the numbers that a box may be made of


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


def _read_plain_data(path: Path) -> Any:
    try:
        # Files of Python 2 hold texts as bytes; latin1 takes any.
        return _PlainUnpickler(io.BytesIO(path.read_bytes()), encoding='latin1').load()
    except _Forbidden as error:
        raise DataError(
            f'file of boxes {str(path)!r} holds more than plain data: it names '
            f'{error}, and reading that could run code from the file'
        ) from error
    except Exception as error:  # torn bytes make the unpickler fail in any way
        says = str(error) or type(error).__name__
        raise DataError(
            f'file of boxes {str(path)!r} is torn or no pickle ({says}); copy it again'
        ) from error


class _Forbidden(pickle.UnpicklingError):
    """A pickle asked for something that is no plain data."""


class _PlainUnpickler(pickle.Unpickler):
    """Gives stand-ins for what numpy's arrays name, and refuses any other name."""

    def find_class(self, module: str, name: str) -> type:
        # numpy 2 renamed `core`; a file may come from either version.
        stand_in = _STAND_INS.get((module.replace('._core', '.core'), name))
        if stand_in is None:
            raise _Forbidden(f'{module}.{name}')
        return stand_in

    def persistent_load(self, pid: object) -> Any:
        raise _Forbidden(f'the outside object {pid!r}')


# The stand-ins are classes, all with __setstate__: a pickle can set attributes of
# anything that has none.


class _Kind:
    """Stands in for numpy.dtype, and knows numbers alone."""

    def __init__(self, code: str, *_: object) -> None:
        self.dtype = np.dtype(str(code))
        if self.dtype.kind not in _KINDS:
            raise _Forbidden(f'numbers of kind {code!r}')

    def __setstate__(self, state: tuple) -> None:
        order = state[1]
        if order in ('<', '>'):
            self.dtype = self.dtype.newbyteorder(order)


class _Array(list):
    """Stands in for an array: numpy makes one empty, and fills it afterwards."""

    def __init__(self, *_: object) -> None:
        super().__init__()

    def __setstate__(self, state: tuple) -> None:
        _, shape, kind, is_column_major, data = state
        self[:] = _array_of(data, kind, shape, 'F' if is_column_major else 'C')


class _Scalar(float):
    """Stands in for a single number of numpy's."""

    def __new__(cls, kind: _Kind, data: bytes | str) -> _Scalar:
        return super().__new__(cls, _array_of(data, kind, (1,), 'C')[0])

    def __setstate__(self, state: object) -> None:
        raise _Forbidden('a number with a state')


class _BufferArray(_Array):
    """Stands in for an array as protocol 5 writes it."""

    def __init__(self, data: bytes, kind: _Kind, shape: tuple, order: str) -> None:
        super().__init__()
        self[:] = _array_of(data, kind, shape, order)


class _Bytes(bytes):
    """Stands in for codecs.encode, by which old protocols write bytes."""

    def __new__(cls, text: str, encoding: str = 'latin1') -> _Bytes:
        if encoding != 'latin1':
            raise _Forbidden(f'bytes encoded as {encoding!r}')
        return super().__new__(cls, text.encode('latin1'))

    def __setstate__(self, state: object) -> None:
        raise _Forbidden('bytes with a state')


class _ArrayClass:
    """Stands in for numpy.ndarray, which is named but never called."""

    def __init__(self, *_: object) -> None:
        raise _Forbidden('numpy.ndarray as a function')

    def __setstate__(self, state: object) -> None:
        raise _Forbidden('numpy.ndarray with a state')


def _array_of(data: bytes | str, kind: _Kind, shape: tuple, order: str) -> NDArray:
    raw = data.encode('latin1') if isinstance(data, str) else data
    return np.frombuffer(raw, kind.dtype).reshape(shape, order=order)


_STAND_INS: dict[tuple[str, str], type] = {
    ('numpy', 'dtype'): _Kind,
    ('numpy', 'ndarray'): _ArrayClass,
    ('numpy.core.multiarray', '_reconstruct'): _Array,
    ('numpy.core.multiarray', 'scalar'): _Scalar,
    ('numpy.core.numeric', '_frombuffer'): _BufferArray,
    ('_codecs', 'encode'): _Bytes,
}
