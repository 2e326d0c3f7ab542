"""Reads checkpoints as plain data, so that a file cannot run code of its own.

MMEngine leaves the choice to torch, whose default differs between versions and between
files and URLs.
"""

from __future__ import annotations

import functools
import importlib
import os
import pickle
import re
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
import torch
from mmengine.logging.history_buffer import HistoryBuffer
from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler
from mmengine.runner import checkpoint

from mmdeepfake.structures import DataError, DataNotFoundError

TRUST_VARIABLE = 'MMDEEPFAKE_TRUST_CHECKPOINT'
# What MMEngine pickles by `getattr`: functions that only compute.
KNOWN_ATTRIBUTES = {
    HistoryBuffer: ('min', 'max', 'current', 'mean'),
    OneCycleParamScheduler: ('_annealing_cos', '_annealing_linear'),
}


def allow_training_history() -> None:
    """Let torch's safe loader read the training history in MMEngine's checkpoints.

    From torch 2.6 on, `torch.load` refuses every class it was not told of, and a
    checkpoint of MMEngine holds `HistoryBuffer`s made of numpy arrays, so that a run
    could not be resumed (https://github.com/open-mmlab/mmengine/issues/1655). The
    buffers and the one-cycle schedule also name functions of theirs through `getattr`,
    which would open any attribute of any allowed object to a malicious file;
    `_known_attribute` stands in for it and gives only those.
    """
    if not can_name_safe_globals():
        return

    multiarray = importlib.import_module(np.ndarray([]).__reduce__()[0].__module__)
    allowed: list[Any] = [*KNOWN_ATTRIBUTES, np.ndarray, np.dtype]
    allowed += [type(np.dtype(kind)) for kind in ('f8', 'f4', 'i8', 'i4', 'b1')]
    # numpy 2 renamed `core`; a file may come from either version.
    for core in ('numpy.core', 'numpy._core'):
        allowed += [
            (getattr(multiarray, name), f'{core}.multiarray.{name}')
            for name in ('_reconstruct', 'scalar')
        ]
    allowed.append((_known_attribute, 'builtins.getattr'))
    torch.serialization.add_safe_globals(allowed)


def can_name_safe_globals() -> bool:
    """Tell whether torch can allow a global under a name of our choice: 2.6 and up."""
    return tuple(int(n) for n in torch.__version__.split('.')[:2]) >= (2, 6)


def _known_attribute(owner: type, name: str) -> Callable:
    """Give one of the functions in `KNOWN_ATTRIBUTES`, and nothing else."""
    for known, names in KNOWN_ATTRIBUTES.items():
        if owner is known and name in names:
            return getattr(known, name)
    raise pickle.UnpicklingError(f'attribute {name!r} of {owner!r} is not allowed')


def load_checkpoints_safely() -> None:
    """Make MMEngine read checkpoints without running code that they may hold.

    Its loader leaves the choice to torch, whose default differs between versions and
    between files and URLs (a download is unpickled in full even by torch 2.13). Both
    go through `read_checkpoint` from here on.
    """
    if getattr(checkpoint.load_url, 'reads_safely', False):
        return
    download = checkpoint.load_url

    # MMEngine's log line is made from the name of the loader.
    def load_from_local(filename: str, map_location: Any = None) -> Any:
        path = os.path.expanduser(filename)
        if not os.path.isfile(path):
            raise DataNotFoundError(f'no such checkpoint file: {filename}')
        return read_checkpoint(
            functools.partial(torch.load, path, map_location=map_location), filename
        )

    def load_url(url: str, *args: Any, **kwargs: Any) -> Any:
        return read_checkpoint(functools.partial(download, url, *args, **kwargs), url)

    load_url.reads_safely = True
    checkpoint.load_url = load_url
    checkpoint.load_from_local = load_from_local
    checkpoint.CheckpointLoader.register_scheme('', load_from_local, force=True)


def read_checkpoint(load: Callable[..., Any], source: str) -> Any:
    """Load plain data only, or everything if the user said to trust the file.

    Args:
        load: calls `torch.load`; is given `weights_only` alone.
        source: path or URL for the messages.
    """
    trusted = os.environ.get(TRUST_VARIABLE, '').lower() in ('1', 'true', 'yes')
    try:
        return load(weights_only=not trusted)
    except OSError:  # a download that failed
        raise
    except Exception as error:  # bytes of any kind make the unpickler fail in any way
        text = str(error).rpartition('WeightsUnpickler error:')[2].strip()
        forbidden = re.search(
            'GLOBAL \\S+|Trying to .*|.*is not allowed|Can only .*', text
        )
        if forbidden and isinstance(error, pickle.UnpicklingError):
            _refuse_checkpoint(source, forbidden[0].rstrip('.'), error)
        raise DataError(
            f'cannot read checkpoint {source}: {_first_line(text)}. It may be cut '
            'short or no PyTorch file at all: copy or download it again'
        ) from error


def _refuse_checkpoint(source: str, detail: str, error: Exception) -> NoReturn:
    raise DataError(
        f'checkpoint {source} holds more than weights and plain data, and loading that '
        f'runs code from the file ({detail}). If you trust whoever made it, pass '
        f'--trust-checkpoint, or set {TRUST_VARIABLE}=1 for other tools'
    ) from error


def _first_line(text: str) -> str:
    return (text or 'no reason given').splitlines()[0].rstrip('.')
