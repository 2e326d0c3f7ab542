"""Atomic writing of numpy arrays."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .atomic_write import replace_bytes


def write_array(path: str | os.PathLike[str], array: NDArray[Any]) -> None:
    """Write one array as .npy; see `replace_bytes`."""
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    replace_bytes(path, content.getvalue())


def write_arrays(path: str | os.PathLike[str], arrays: Mapping[str, Any]) -> None:
    """Write an .npz archive; see `replace_bytes`."""
    content = io.BytesIO()
    np.savez(content, **arrays)
    replace_bytes(path, content.getvalue())
