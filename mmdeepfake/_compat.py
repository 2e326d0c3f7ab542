"""Closes gaps in the released versions of the packages below us, each in one place.

Every function here closes one gap, says why it is there, and does nothing where the
gap is not: a source install, a later release or a machine with a GPU.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import pathlib
import pickle
import re
import sys
import types
import warnings
from collections.abc import Callable
from typing import Any, NoReturn
from unittest import mock

from mmdeepfake.structures import DataError, DataNotFoundError

TRUST_VARIABLE = 'MMDEEPFAKE_TRUST_CHECKPOINT'


def require_packages() -> None:
    """Name what to install where a package that we stand on is missing.

    MMAction2 imports `mmcv` and `importlib_metadata` without declaring them. mmcv comes
    in two flavours that may not stand side by side, so we cannot declare it either.
    """
    install = {
        'torch': 'pip install torch',
        'mmengine': 'pip install mmengine',
        'mmaction': 'pip install mmaction2',
        'mmcv': 'pip install "mmcv-lite<2.2", or the compiled "mmcv<2.2" to use mmdet',
        'importlib_metadata': 'pip install importlib_metadata',
    }
    for package, command in install.items():
        if importlib.util.find_spec(package) is None:
            raise ImportError(f'{package} is missing: {command}')


def quiet_mmcv_lite() -> None:
    """Drop the warning that every import of mmcv-lite gives; we use none of its ops."""
    warnings.filterwarnings(
        'ignore',
        message='Fail to import ``MultiScaleDeformableAttention``',
        category=UserWarning,
        module=r'mmcv\.cnn\.bricks\.transformer',
    )


def supply_drn() -> None:
    """Stand in for `mmaction.models.localizers.drn`, absent from the 1.2.0 wheel.

    Without it `import mmaction.models` fails: its folder is left out of the wheel
    (https://github.com/open-mmlab/mmaction2/issues/2714).
    """
    name = 'mmaction.models.localizers.drn'
    spec = importlib.util.find_spec('mmaction')
    if spec is None or not spec.submodule_search_locations or name in sys.modules:
        return
    root = pathlib.Path(spec.submodule_search_locations[0])
    if (root / 'models/localizers/drn').is_dir():
        return

    class DRN:
        """Raises on being built: MMAction2's PyPI release lacks this localizer."""

        def __init__(self, *args: object, **kwargs: object) -> None:
            raise ImportError(
                'DRN is missing from the PyPI release of mmaction2 1.2.0: install '
                'mmaction2 from source, '
                'pip install git+https://github.com/open-mmlab/mmaction2'
            )

    package, module = types.ModuleType(name), types.ModuleType(f'{name}.drn')
    package.__path__ = []
    package.drn, module.DRN = module, DRN
    sys.modules[name], sys.modules[f'{name}.drn'] = package, module


def allow_log_history() -> None:
    """Let torch's safe loader read the training history in MMEngine's checkpoints.

    From torch 2.6 on, `torch.load` refuses every class it was not told of, and a
    checkpoint of MMEngine holds `HistoryBuffer`s made of numpy arrays, so that a run
    could not be resumed (https://github.com/open-mmlab/mmengine/issues/1655). The
    buffers also name their own methods through `getattr`, which would open any
    attribute of any allowed object to a malicious file; `_history_method` stands in for
    it and gives nothing else.
    """
    if not _has_named_safe_globals():
        return
    import numpy as np
    import torch
    from mmengine.logging.history_buffer import HistoryBuffer

    multiarray = importlib.import_module(np.ndarray([]).__reduce__()[0].__module__)
    allowed: list[Any] = [HistoryBuffer, np.ndarray, np.dtype]
    allowed += [type(np.dtype(kind)) for kind in ('f8', 'f4', 'i8', 'i4', 'b1')]
    # numpy 2 renamed `core`; a file may come from either version.
    for core in ('numpy.core', 'numpy._core'):
        allowed += [
            (getattr(multiarray, name), f'{core}.multiarray.{name}')
            for name in ('_reconstruct', 'scalar')
        ]
    allowed.append((_history_method, 'builtins.getattr'))
    torch.serialization.add_safe_globals(allowed)


def _has_named_safe_globals() -> bool:
    """Tell whether torch can allow a global under a name of our choice: 2.6 and up."""
    import torch

    return tuple(int(n) for n in torch.__version__.split('.')[:2]) >= (2, 6)


def _history_method(owner: type, name: str) -> Callable:
    """Give one of the four statistics of `HistoryBuffer`, and nothing else."""
    from mmengine.logging.history_buffer import HistoryBuffer

    if owner is not HistoryBuffer or name not in ('min', 'max', 'current', 'mean'):
        raise pickle.UnpicklingError(f'attribute {name!r} of {owner!r} is not allowed')
    return getattr(HistoryBuffer, name)


def load_checkpoints_safely() -> None:
    """Make MMEngine read checkpoints without running code that they may hold.

    Its loader leaves the choice to torch, whose default differs between versions and
    between files and URLs (a download is unpickled in full even by torch 2.13). Both
    go through `read_checkpoint` from here on.
    """
    from mmengine.runner import checkpoint

    if getattr(checkpoint.load_url, 'reads_safely', False):
        return
    download = checkpoint.load_url

    # MMEngine's log line is made from the name of the loader.
    def load_from_local(filename: str, map_location: Any = None) -> Any:
        path = os.path.expanduser(filename)
        if not os.path.isfile(path):
            raise DataNotFoundError(f'no such checkpoint file: {filename}')
        import torch

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


def use_gloo_without_gpu() -> None:
    """Let `--launcher pytorch|slurm|mpi` start on a machine without an accelerator.

    MMEngine calls `torch.cuda.set_device` whatever the machine, and configs name nccl;
    where there is no device, the same config runs on gloo.
    (https://github.com/open-mmlab/mmengine/blob/v0.10.7/mmengine/dist/utils.py)
    """
    from mmengine.dist import utils

    for launcher in ('pytorch', 'slurm', 'mpi'):
        name = f'_init_dist_{launcher}'
        start = getattr(utils, name)
        if not hasattr(start, '__wrapped__'):
            setattr(utils, name, _start_on_gloo(start))


def _start_on_gloo(start: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(start)
    def wrapper(backend: str, *args: Any, **kwargs: Any) -> None:
        import torch
        from mmengine.device import get_device

        if get_device() != 'cpu' or backend != 'nccl':
            return start(backend, *args, **kwargs)
        # Slurm's starter takes the rank modulo the number of devices.
        with (
            mock.patch.object(torch.cuda, 'set_device', lambda device: None),
            mock.patch.object(torch.cuda, 'device_count', lambda: 1),
        ):
            return start('gloo', *args, **kwargs)

    return wrapper


def wrap_cpu_models_without_device() -> None:
    """Drop the device index that MMEngine's Runner gives to every distributed model.

    DistributedDataParallel refuses one for a model that lies on the CPU.
    (https://github.com/open-mmlab/mmengine/blob/v0.10.7/mmengine/runner/runner.py)
    """
    from mmengine.model import MMDistributedDataParallel

    start = MMDistributedDataParallel.__init__
    if hasattr(start, '__wrapped__'):
        return

    @functools.wraps(start)
    def init(self: Any, module: Any, *args: Any, **kwargs: Any) -> None:
        if all(weight.device.type == 'cpu' for weight in module.parameters()):
            kwargs['device_ids'] = None
        start(self, module, *args, **kwargs)

    MMDistributedDataParallel.__init__ = init


def apply() -> None:
    """Close every gap; safe to call twice."""
    require_packages()
    quiet_mmcv_lite()
    supply_drn()
    allow_log_history()
    load_checkpoints_safely()
    use_gloo_without_gpu()
    wrap_cpu_models_without_device()


def describe_gaps() -> dict[str, str]:
    """Say of each gap whether it is here and what `apply` did about it."""
    import torch
    from mmengine.device import get_device

    def state(is_here: bool, done: str, absent: str) -> str:
        return f'closed: {done}' if is_here else f'not here: {absent}'

    drn = sys.modules.get('mmaction.models.localizers.drn')
    return {
        'mmaction2 without DRN': state(
            drn is not None and drn.__spec__ is None,
            'a stand-in lets mmaction.models be imported',
            'this mmaction2 has it',
        ),
        'checkpoints with log history': state(
            _has_named_safe_globals(),
            'loaded as plain data, --resume works',
            f'torch {torch.__version__} needs --trust-checkpoint to resume',
        ),
        'launchers without GPU': state(
            get_device() == 'cpu', 'processes talk over gloo', 'there is a GPU'
        ),
        'openmim needs pkg_resources': (
            'not here: pkg_resources is installed'
            if importlib.util.find_spec('pkg_resources')
            else "open: pip install 'setuptools<81' before you use mim"
        ),
    }
