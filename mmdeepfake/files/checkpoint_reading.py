"""Reads checkpoints as plain data, so that a file cannot run code of its own.

MMEngine leaves the choice to torch, whose default differs between versions and between
files and URLs.
"""

from __future__ import annotations

import functools
import os
import pickle
import re
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from typing import Any, NoReturn
from unittest import mock

import torch
from mmengine.logging.history_buffer import HistoryBuffer
from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler
from mmengine.runner import checkpoint

from mmdeepfake.errors import DataError, DataNotFoundError, InputError

from .plain_arrays import SAFE_CLASSES

TRUST_VARIABLE = 'MMDEEPFAKE_TRUST_CHECKPOINT'
# What torch says where a file asks for more than plain data.
_FORBIDDEN = re.compile(
    'GLOBAL \\S+|Trying to .*|.*is not allowed|Can only .*|numbers of kind .*'
    '|numpy.ndarray .*|an? (?:array|number) (?:of|with) .*'
    '|weights_only=True`* with .*(?:TorchScript archives|legacy .tar format)'
)
_FREE_BYTES = 64 << 20  # up to here it does not matter how much an archive grows
_MAX_RATIO = 100
# What MMEngine pickles by `getattr`: functions that only compute.
KNOWN_ATTRIBUTES = {
    HistoryBuffer: ('min', 'max', 'current', 'mean'),
    OneCycleParamScheduler: ('_annealing_cos', '_annealing_linear'),
}
# What the entries of a checkpoint are, where it has them; read on resuming.
_ENTRIES = {
    'state_dict': Mapping,
    'meta': Mapping,
    'message_hub': Mapping,
    'optimizer': Mapping,
    'param_schedulers': (list, Mapping),
}


def allow_training_history() -> None:
    """Let torch's safe loader read the training history in MMEngine's checkpoints.

    From torch 2.6 on, `torch.load` refuses every class it was not told of, and a
    checkpoint of MMEngine holds `HistoryBuffer`s made of numpy arrays, so that a run
    could not be resumed (https://github.com/open-mmlab/mmengine/issues/1655). The
    buffers and the one-cycle schedule also name functions of theirs through `getattr`,
    which would open any attribute of any allowed object to a malicious file;
    `_known_attribute` stands in for it and gives only those. numpy's own parts are not
    allowed either, see `files.plain_arrays`.
    """
    if not can_name_safe_globals():
        return

    allowed: list[Any] = [*KNOWN_ATTRIBUTES, (_known_attribute, 'builtins.getattr')]
    allowed += [(stand_in, '.'.join(name)) for name, stand_in in SAFE_CLASSES.items()]
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

    Its loaders leave the choice to torch, whose default differs between versions,
    between files and URLs (a download is unpickled in full even by torch 2.13), and by
    a variable of the environment. All go through `read_checkpoint` from here on.
    """
    if getattr(checkpoint.load_url, 'reads_safely', False):
        return
    download = checkpoint.load_url

    # MMEngine's log line is made from the name of the loader.
    def load_from_local(filename: str, map_location: Any = None) -> Any:
        path = os.path.expanduser(filename)
        if not os.path.isfile(path):
            raise DataNotFoundError(f'no such checkpoint file: {filename}')
        if path.endswith('.py'):
            raise DataError(
                f'{filename} is Python code, not a checkpoint; were config and '
                'checkpoint swapped?'
            )
        found = read_checkpoint_file(path, filename, map_location=map_location)
        return _check_entries(found, filename)

    def load_url(url: str, *args: Any, **kwargs: Any) -> Any:
        load = functools.partial(download, url, *args, **kwargs)
        return _check_entries(read_checkpoint(load, url), url)

    load_url.reads_safely = True
    checkpoint.load_url = load_url
    checkpoint.load_from_local = load_from_local
    for prefix, loader in tuple(checkpoint.CheckpointLoader._schemes.items()):
        # The empty one is that of what begins with no other.
        loader = _tell_torch(loader) if prefix else load_from_local
        checkpoint.CheckpointLoader.register_scheme(prefix, loader, force=True)


def _tell_torch(loader: Callable[..., Any]) -> Callable[..., Any]:
    """Have a loader of MMEngine's call `torch.load` so that no code is run."""

    @functools.wraps(loader)
    def load_safely(filename: str, *args: Any, **kwargs: Any) -> Any:
        def load(*, weights_only: bool) -> Any:
            told = functools.partial(torch.load, weights_only=weights_only)
            with mock.patch.object(torch, 'load', told):
                return loader(filename, *args, **kwargs)

        return _check_entries(read_checkpoint(load, filename), filename)

    return load_safely


def is_trusted() -> bool:
    """Tell whether the user said to run what checkpoints hold."""
    return os.environ.get(TRUST_VARIABLE, '').lower() in ('1', 'true', 'yes')


def _refuse_program(path: str, source: str) -> None:
    """Refuse the formats in which torch takes a file for more than plain data.

    Releases before 2.6 run what such files hold even if they are told to read plain
    data alone (CVE-2025-32434).
    """
    if zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                members = archive.infolist()
        except Exception:  # torch, which reads it otherwise, says what is wrong
            return
        if any(one.filename.endswith('/constants.pkl') for one in members):
            _refuse_checkpoint(source, 'a program of TorchScript')
        _refuse_packed(source, members)
    elif tarfile.is_tarfile(path):
        _refuse_checkpoint(source, "PyTorch's tar format of before 2018")


def _refuse_packed(source: str, members: list[zipfile.ZipInfo]) -> None:
    """Refuse an archive that grows; torch itself packs nothing."""
    total = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members)
    if total > max(_FREE_BYTES, _MAX_RATIO * packed):
        raise DataError(
            f'checkpoint {source} grows from {packed} to {total} bytes; more than '
            f'{_MAX_RATIO}-fold is not unpacked'
        )


def _check_entries(loaded: Any, source: str) -> Any:
    """Refuse what is no checkpoint of weights, so that nobody stumbles over it later.

    Raises:
        DataError: it is no dict of names, one of MMEngine's entries is of another kind,
            or its weights are no tensors.
    """
    if not isinstance(loaded, Mapping):
        is_module = isinstance(loaded, torch.nn.Module)  # of a trusted file
        what = 'a whole model' if is_module else f'a {type(loaded).__name__}'
        raise DataError(
            f'checkpoint {source} holds {what}; needed are named tensors, alone or '
            "under 'state_dict'"
        )
    for name, kind in _ENTRIES.items():
        if loaded.get(name) is not None and not isinstance(loaded[name], kind):
            raise DataError(
                f'checkpoint {source}: its {name!r} is a {type(loaded[name]).__name__}'
                '; needed is what MMEngine writes'
            )
    weights = loaded.get('state_dict') or {}
    strangers = [name for name, one in weights.items() if not torch.is_tensor(one)]
    if strangers or not all(isinstance(name, str) for name in (*loaded, *weights)):
        raise DataError(
            f"checkpoint {source}: under 'state_dict' are {len(strangers)} that are no "
            'tensors, or names that are no texts; needed are named tensors'
        )
    return loaded


def read_checkpoint_file(path: str, source: str, *, map_location: Any = None) -> Any:
    """Read a file by `torch.load`, see `read_checkpoint`.

    Args:
        path: of the file, which must be there.
        source: its name for the messages.
        map_location: of `torch.load`.
    """
    if not is_trusted():
        _refuse_program(path, source)
    load = functools.partial(torch.load, path, map_location=map_location)
    return read_checkpoint(load, source)


def read_checkpoint(load: Callable[..., Any], source: str) -> Any:
    """Load plain data only, or everything if the user said to trust the file.

    Args:
        load: calls `torch.load`; is given `weights_only` alone.
        source: path or URL for the messages.
    """
    try:
        return load(weights_only=not is_trusted())
    except (OSError, InputError):  # a download that failed; told already
        raise
    except Exception as error:  # bytes of any kind make the unpickler fail in any way
        text = str(error).rpartition('WeightsUnpickler error:')[2].strip()
        forbidden = _FORBIDDEN.search(text)
        if forbidden and isinstance(error, pickle.UnpicklingError | RuntimeError):
            _refuse_checkpoint(source, forbidden[0].rstrip('.'), error)
        raise DataError(
            f'cannot read checkpoint {source}: {_first_line(text)}. It may be cut '
            'short or no PyTorch file at all: copy or download it again'
        ) from error


def _refuse_checkpoint(
    source: str, detail: str, error: Exception | None = None
) -> NoReturn:
    raise DataError(
        f'checkpoint {source} holds more than weights and plain data, and loading that '
        f'runs code from the file ({detail}). If you trust whoever made it, pass '
        f'--trust-checkpoint, or set {TRUST_VARIABLE}=1 for other tools'
    ) from error


def _first_line(text: str) -> str:
    return (text or 'no reason given').splitlines()[0].rstrip('.')
