"""Arrays in one file that is written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def write_arrays(
    path: str | os.PathLike[str], arrays: Mapping[str, NDArray[Any]]
) -> None:
    """Write an .npz archive under a temporary name, then rename it."""
    temporary = Path(f'{os.fspath(path)}.{os.getpid()}.tmp')
    try:
        with open(temporary, 'wb') as file:
            np.savez(file, **arrays)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
