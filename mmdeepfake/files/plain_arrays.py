"""Safe replacements for what a pickle calls to build numpy arrays and scalars.

numpy trusts the dtype in a pickle: one whose flags claim that its numbers are object
references makes numpy dereference addresses from the file. The classes here accept
kind, byte order and bytes, check them, and let numpy do the rest.

All are classes with `__setstate__`, since a pickle can set attributes of any object
without one.
"""

from __future__ import annotations

import pickle
from typing import Any, Literal, NoReturn, SupportsIndex

import numpy as np
from numpy.typing import NDArray

_KINDS = 'biuf'  # numpy's letters for bool, integer and float


class ForbiddenNameError(pickle.UnpicklingError):
    """A pickle needs something other than plain data."""


class NumberKind:
    """Replaces `numpy.dtype`; numeric types only."""

    def __init__(self, code: str, *_: object) -> None:
        if not isinstance(code, str):
            raise ForbiddenNameError(f'numbers of kind {code!r}')
        self.dtype = np.dtype(code)
        if self.dtype.kind not in _KINDS or self.dtype.shape:
            raise ForbiddenNameError(f'numbers of kind {code!r}')

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        order = state[1]
        if order in ('<', '>'):
            self.dtype = self.dtype.newbyteorder(order)


class PlainArray(np.ndarray):
    """Replaces an array, which a pickle creates empty and fills afterwards.

    It is itself pickled as a plain numpy array.
    """

    def __new__(cls, *_: object) -> PlainArray:
        """See the class; numpy's arguments."""
        return super().__new__(cls, (0,))

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, is_column_major, data = state
        values = _array_of(data, kind, shape, 'F' if is_column_major else 'C')
        checked: Any = (1, values.shape, values.dtype, bool(is_column_major))
        super().__setstate__((*checked, values.tobytes('A')))

    def __reduce__(self) -> Any:
        return np.asarray(self).__reduce__()

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        return np.asarray(self).__reduce_ex__(protocol)


class BufferArray(PlainArray):
    """Replaces an array as pickle protocol 5 writes it."""

    def __new__(
        cls,
        data: bytes,
        kind: NumberKind,
        shape: tuple[int, ...],
        order: Literal['C', 'F'],
    ) -> BufferArray:
        """See the class; numpy's arguments."""
        return _array_of(data, kind, shape, order).copy().view(cls)

    def __setstate__(self, state: object) -> NoReturn:
        raise ForbiddenNameError('an array with two states')


class PlainNumber:
    """Replaces the constructor of scalars; calling it returns a numpy scalar."""

    def __new__(cls, kind: NumberKind, data: bytes | str) -> Any:
        """See the class; numpy's arguments."""
        return _array_of(data, kind, (1,), 'C')[0]

    def __setstate__(self, state: object) -> NoReturn:
        raise ForbiddenNameError('a number with a state')


class ArrayClass:
    """Replaces `numpy.ndarray`, which pickles name but never call."""

    def __init__(self, *_: object) -> None:
        raise ForbiddenNameError('numpy.ndarray as a function')

    def __setstate__(self, state: object) -> NoReturn:
        raise ForbiddenNameError('numpy.ndarray with a state')


def _array_of(
    data: bytes | str,
    kind: NumberKind,
    shape: tuple[int, ...],
    order: Literal['C', 'F'],
) -> NDArray[Any]:
    raw = data.encode('latin1') if isinstance(data, str) else data
    if not isinstance(raw, bytes | bytearray) or not isinstance(kind, NumberKind):
        raise ForbiddenNameError('an array of something other than numbers')
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
