"""Reading of checkpoints as plain data, so that a file cannot run code.

MMEngine leaves `weights_only` to torch, whose default differs between versions and
between files and URLs.
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

from .array_reading import check_expansion
from .plain_arrays import SAFE_CLASSES

TRUST_VARIABLE = 'MMDEEPFAKE_TRUST_CHECKPOINT'
# What torch reports for a file that needs more than plain data.
_FORBIDDEN = re.compile(
    'GLOBAL \\S+|Trying to .*|.*is not allowed|Can only .*|numbers of kind .*'
    '|numpy.ndarray .*|an? (?:array|number) (?:of|with) .*'
    '|weights_only=True`* with .*(?:TorchScript archives|legacy .tar format)'
)
_FREE_BYTES = 64 << 20  # the ratio is not checked up to here
_MAX_RATIO = 100
# Pure functions that MMEngine pickles through `getattr`.
KNOWN_ATTRIBUTES: dict[type, tuple[str, ...]] = {
    HistoryBuffer: ('min', 'max', 'current', 'mean'),
    OneCycleParamScheduler: ('_annealing_cos', '_annealing_linear'),
}
# Types of the entries that resuming reads, where a checkpoint has them.
_ENTRIES: dict[str, type | tuple[type, ...]] = {
    'state_dict': Mapping,
    'meta': Mapping,
    'message_hub': Mapping,
    'optimizer': Mapping,
    'param_schedulers': (list, Mapping),
}


def allow_training_history() -> None:
    """Let torch's safe loader read the training history in MMEngine's checkpoints.

    Since torch 2.6, `torch.load` refuses every class that is not registered, and
    MMEngine's checkpoints hold `HistoryBuffer`s of numpy arrays, so that runs could not
    be resumed (https://github.com/open-mmlab/mmengine/issues/1655). The buffers and the
    one-cycle schedule also pickle functions through `getattr`, which would give a
    malicious file any attribute of any allowed object; `_known_attribute` replaces it
    and returns only those functions. numpy's classes are replaced too, see
    `files.plain_arrays`.
    """
    if not can_name_safe_globals():
        return
    allowed: list[Any] = [*KNOWN_ATTRIBUTES, (_known_attribute, 'builtins.getattr')]
    allowed += [(stand_in, '.'.join(name)) for name, stand_in in SAFE_CLASSES.items()]
    torch.serialization.add_safe_globals(allowed)


def can_name_safe_globals() -> bool:
    """Return whether torch can register a safe global by name (2.6 and later)."""
    return tuple(int(n) for n in torch.__version__.split('.')[:2]) >= (2, 6)


def _known_attribute(owner: type, name: str) -> Any:
    """Return one of the functions in `KNOWN_ATTRIBUTES`, and nothing else."""
    if name in KNOWN_ATTRIBUTES.get(owner, ()):
        return getattr(owner, name)
    raise pickle.UnpicklingError(f'attribute {name!r} of {owner!r} is not allowed')


def load_checkpoints_safely() -> None:
    """Make MMEngine read checkpoints without running code in them.

    Its loaders leave the choice to torch, whose default differs between versions,
    between files and URLs (even torch 2.13 unpickles downloads in full), and with an
    environment variable. After this call all of them use `read_checkpoint`.
    """
    if getattr(checkpoint.load_url, 'reads_safely', False):
        return
    download = checkpoint.load_url

    # MMEngine logs the loader by its name.
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

    load_url.reads_safely = True  # type: ignore[attr-defined]
    checkpoint.load_url = load_url
    checkpoint.load_from_local = load_from_local
    if hasattr(checkpoint, '_safe_torch_load'):
        checkpoint._safe_torch_load = _load_by_default
    for prefix, loader in tuple(checkpoint.CheckpointLoader._schemes.items()):
        # The empty prefix is that of local files.
        loader = _load_weights_only(loader) if prefix else load_from_local
        checkpoint.CheckpointLoader.register_scheme(prefix, loader, force=True)


def _load_by_default(file: Any, map_location: Any = None) -> Any:
    """Replace a function of onedl-mmengine, which reads in full what torch refuses."""
    return torch.load(file, map_location=map_location)


def _load_weights_only(loader: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a loader of MMEngine so that its `torch.load` runs no code."""

    @functools.wraps(loader)
    def load_safely(filename: str, *args: Any, **kwargs: Any) -> Any:
        def load(*, weights_only: bool) -> Any:
            read = torch.load

            def forced_load(*given: Any, **options: Any) -> Any:
                return read(*given, **{**options, 'weights_only': weights_only})

            with mock.patch.object(torch, 'load', forced_load):
                return loader(filename, *args, **kwargs)

        return _check_entries(read_checkpoint(load, filename), filename)

    return load_safely


def is_trusted() -> bool:
    """Return whether the user allows checkpoints to run code."""
    return os.environ.get(TRUST_VARIABLE, '').lower() in ('1', 'true', 'yes')


def _refuse_program(path: str, source: str) -> None:
    """Refuse the formats that torch never reads as plain data.

    Releases before 2.6 run their code even with `weights_only` (CVE-2025-32434).
    """
    if zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                members = archive.infolist()
        except Exception:  # torch reads it in its own way and reports the error
            return
        if any(one.filename.endswith('/constants.pkl') for one in members):
            _refuse_checkpoint(source, 'a TorchScript program')
        try:
            check_expansion(members, max_ratio=_MAX_RATIO, free_bytes=_FREE_BYTES)
        except ValueError as error:
            raise DataError(f'checkpoint {source}: {error}') from error
    elif tarfile.is_tarfile(path):
        _refuse_checkpoint(source, "PyTorch's tar format from before 2018")


def _check_entries(loaded: Any, source: str) -> Any:
    """Return what was loaded if it is a checkpoint of weights.

    Raises:
        DataError: it is not a dict with string keys, an entry of MMEngine has another
            type, or a weight is not a tensor.
    """
    if not isinstance(loaded, Mapping):
        is_module = isinstance(loaded, torch.nn.Module)  # of a trusted file
        what = 'a whole model' if is_module else f'a {type(loaded).__name__}'
        raise DataError(
            f'checkpoint {source} holds {what}; expected are named tensors, at the top '
            "level or under 'state_dict'"
        )
    for name, kind in _ENTRIES.items():
        if loaded.get(name) is not None and not isinstance(loaded[name], kind):
            raise DataError(
                f'checkpoint {source}: {name!r} is a {type(loaded[name]).__name__}, '
                'unlike in checkpoints of MMEngine'
            )
    weights = loaded.get('state_dict') or {}
    others = [name for name, value in weights.items() if not torch.is_tensor(value)]
    if others or not all(isinstance(name, str) for name in (*loaded, *weights)):
        raise DataError(
            f"checkpoint {source}: 'state_dict' holds {len(others)} values that are "
            'not tensors, or names that are not strings'
        )
    return loaded


def read_checkpoint_file(path: str, source: str, *, map_location: Any = None) -> Any:
    """Read a file by `torch.load`, see `read_checkpoint`.

    Args:
        path: an existing file.
        source: its name in messages.
        map_location: as in `torch.load`.
    """
    if not is_trusted():
        _refuse_program(path, source)
    load = functools.partial(torch.load, path, map_location=map_location)
    return read_checkpoint(load, source)


def read_checkpoint(load: Callable[..., Any], source: str) -> Any:
    """Load plain data only, or everything if the user trusts the file.

    Args:
        load: calls `torch.load` with the `weights_only` it is given.
        source: path or URL for messages.
    """
    try:
        return load(weights_only=not is_trusted())
    except (OSError, InputError):  # e.g. a failed download
        raise
    except Exception as error:  # the unpickler fails in many ways on damaged bytes
        text = str(error).rpartition('WeightsUnpickler error:')[2].strip()
        forbidden = _FORBIDDEN.search(text)
        if forbidden and isinstance(error, pickle.UnpicklingError | RuntimeError):
            _refuse_checkpoint(source, forbidden[0].rstrip('.'), error)
        raise DataError(
            f'cannot read checkpoint {source}: {_first_line(text)}. It is truncated or '
            'not a PyTorch file; copy or download it again'
        ) from error


def _refuse_checkpoint(
    source: str, detail: str, error: Exception | None = None
) -> NoReturn:
    raise DataError(
        f'checkpoint {source} holds more than weights and plain data, so loading it '
        f'would run code from the file ({detail}). If you trust its author, pass '
        f'--trust-checkpoint, or set {TRUST_VARIABLE}=1 for other tools'
    ) from error


def _first_line(text: str) -> str:
    return (text or 'no reason given').splitlines()[0].rstrip('.')
