"""What a pickle names to make arrays and single numbers, remade so that it is harmless.

numpy believes what a pickle says of a type of numbers: one whose flags claim that its
numbers are references makes it follow and release addresses out of the file. The
classes here take the kind, the byte order and the bytes, check that they fit, and have
numpy make the rest.

All are classes with `__setstate__`: a pickle can set attributes of anything that has
none.
"""

from __future__ import annotations

import pickle
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

_KINDS = 'biuf'  # numpy's letters of bool, whole numbers and floats


class ForbiddenNameError(pickle.UnpicklingError):
    """A pickle asked for something that is no plain data."""


class NumberKind:
    """Stands in for `numpy.dtype`, and knows numbers alone."""

    def __init__(self, code: str, *_: object) -> None:
        if not isinstance(code, str):
            raise ForbiddenNameError(f'numbers of kind {code!r}')
        self.dtype = np.dtype(code)
        if self.dtype.kind not in _KINDS or self.dtype.shape:
            raise ForbiddenNameError(f'numbers of kind {code!r}')

    def __setstate__(self, state: tuple) -> None:
        order = state[1]
        if order in ('<', '>'):
            self.dtype = self.dtype.newbyteorder(order)


class PlainArray(np.ndarray):
    """Stands in for an array: numpy makes one empty, and fills it afterwards.

    It is pickled as an array of numpy's.
    """

    def __new__(cls, *_: object) -> PlainArray:
        """See the class; the arguments are those of numpy's."""
        return super().__new__(cls, (0,))

    def __setstate__(self, state: tuple) -> None:
        _, shape, kind, is_column_major, data = state
        values = _array_of(data, kind, shape, 'F' if is_column_major else 'C')
        order = bool(is_column_major)
        super().__setstate__(
            (1, values.shape, values.dtype, order, values.tobytes('A'))
        )

    def __reduce__(self) -> tuple:
        return np.asarray(self).__reduce__()

    def __reduce_ex__(self, protocol: int) -> tuple:
        return np.asarray(self).__reduce_ex__(protocol)


class BufferArray(PlainArray):
    """Stands in for an array as protocol 5 writes it."""

    def __new__(
        cls, data: bytes, kind: NumberKind, shape: tuple, order: str
    ) -> BufferArray:
        """See the class; the arguments are those of numpy's."""
        return _array_of(data, kind, shape, order).copy().view(cls)

    def __setstate__(self, state: object) -> NoReturn:
        raise ForbiddenNameError('an array with two states')


class PlainNumber:
    """Stands in for what makes a single number: calling it gives numpy's own."""

    def __new__(cls, kind: NumberKind, data: bytes | str) -> Any:
        """See the class; the arguments are those of numpy's."""
        return _array_of(data, kind, (1,), 'C')[0]

    def __setstate__(self, state: object) -> NoReturn:
        raise ForbiddenNameError('a number with a state')


class ArrayClass:
    """Stands in for `numpy.ndarray`, which is named but never called."""

    def __init__(self, *_: object) -> None:
        raise ForbiddenNameError('numpy.ndarray as a function')

    def __setstate__(self, state: object) -> NoReturn:
        raise ForbiddenNameError('numpy.ndarray with a state')


def _array_of(
    data: bytes | str, kind: NumberKind, shape: tuple, order: str
) -> NDArray[Any]:
    raw = data.encode('latin1') if isinstance(data, str) else data
    if not isinstance(raw, bytes | bytearray) or not isinstance(kind, NumberKind):
        raise ForbiddenNameError('an array of something else than numbers')
    return np.frombuffer(raw, kind.dtype).reshape(shape, order=order)


# numpy 2 renamed `core`; a file may come from either version.
SAFE_CLASSES: dict[tuple[str, str], type] = {
    ('numpy', 'dtype'): NumberKind,
    ('numpy', 'ndarray'): ArrayClass,
    **{
        (f'numpy.{core}.{module}', name): stand_in
        for core in ('core', '_core')
        for module, name, stand_in in (
            ('multiarray', '_reconstruct', PlainArray),
            ('multiarray', 'scalar', PlainNumber),
            ('numeric', '_frombuffer', BufferArray),
        )
    },
}
