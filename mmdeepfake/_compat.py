"""Fixes for bugs in the released versions of our dependencies.

Every function fixes one bug, explains it, and does nothing where the bug is absent: a
source install, a later release or a machine with a GPU.
"""

from __future__ import annotations

import copy
import functools
import importlib
import importlib.util
import pathlib
import sys
import types
import warnings
from collections.abc import Callable
from typing import Any

from ._deferred_imports import DeferImports


def require_packages() -> None:
    """Raise an ImportError with the install command for a missing package.

    MMAction2 imports `mmcv` and `importlib_metadata` without declaring them. mmcv has
    two conflicting variants, so we cannot declare it either.
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
    """Suppress the warning of every import of mmcv-lite about missing ops."""
    warnings.filterwarnings(
        'ignore',
        message='Fail to import ``MultiScaleDeformableAttention``',
        category=UserWarning,
        module=r'mmcv\.cnn\.bricks\.transformer',
    )


def supply_drn() -> None:
    """Replace `mmaction.models.localizers.drn`, which is missing in the 1.2.0 wheel.

    Without it `import mmaction.models` fails
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
        """Placeholder that raises an ImportError when built."""

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


def read_checkpoints_as_plain_data() -> None:
    """Read MMEngine's checkpoints under torch >= 2.6, see `checkpoint_reading`."""
    from mmdeepfake.files import checkpoint_reading as _checkpoint_reading

    _checkpoint_reading.allow_training_history()
    _checkpoint_reading.load_checkpoints_safely()


def use_gloo_without_gpu() -> None:
    """Let `--launcher pytorch|slurm|mpi` start on a machine without an accelerator.

    MMEngine always calls `torch.cuda.set_device`, and configs set nccl; without a
    device, the same config runs on gloo.
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
        from unittest import mock

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


def ready_models_for_several_processes() -> None:
    """Support frozen stages and models on a CPU under `launcher`.

    Backbones of MMAction2 freeze `frozen_stages` in `train()`, which the Runner calls
    after DistributedDataParallel has listed the parameters: it would wait for the
    gradients of frozen ones. It also rejects the device index that the Runner passes,
    for a model on the CPU.
    (https://github.com/open-mmlab/mmengine/blob/v0.10.7/mmengine/runner/runner.py)
    """
    from mmengine.model import MMDistributedDataParallel

    start = MMDistributedDataParallel.__init__
    if hasattr(start, '__wrapped__'):
        return

    @functools.wraps(start)
    def init(self: Any, module: Any, *args: Any, **kwargs: Any) -> None:
        module.train()
        if all(weight.device.type == 'cpu' for weight in module.parameters()):
            kwargs['device_ids'] = None
        start(self, module, *args, **kwargs)

    MMDistributedDataParallel.__init__ = init


def join_lists_of_concatenated_datasets() -> None:
    """Merge the lists of unscored and skipped videos of a ConcatDataset.

    They are in the datasets' `metainfo`, for the metric. MMEngine requires equal
    metainfo of all datasets and uses only that of the first.
    (https://github.com/open-mmlab/mmengine/blob/v0.10.7/mmengine/dataset/dataset_wrapper.py)
    """
    from mmengine.dataset import ConcatDataset

    from mmdeepfake.structures.video_record import LEFT_OUT_VIDEOS, UNSCORED_VIDEOS

    start = ConcatDataset.__init__
    if hasattr(start, '__wrapped__'):
        return

    @functools.wraps(start)
    def init(
        self: Any, datasets: Any, lazy_init: bool = False, ignore_keys: Any = None
    ) -> None:
        ignored = [ignore_keys] if isinstance(ignore_keys, str) else ignore_keys or []
        start(self, datasets, lazy_init, [*ignored, UNSCORED_VIDEOS, LEFT_OUT_VIDEOS])

    def metainfo(self: Any) -> dict:
        every = [one.metainfo for one in self.datasets]
        joined = {
            key: tuple(dict.fromkeys(v for one in every for v in one.get(key, ())))
            for key in (UNSCORED_VIDEOS, LEFT_OUT_VIDEOS)
            if any(key in one for one in every)
        }
        return {**copy.deepcopy(self._metainfo), **joined}

    ConcatDataset.__init__ = init
    ConcatDataset.metainfo = property(metainfo)


def make_importable() -> None:
    """Apply the fixes for imports, which load none of the packages themselves."""
    sys.meta_path.insert(0, DeferImports())
    quiet_mmcv_lite()
    supply_drn()


def find_packaged_configs() -> None:
    """Let configs inherit from ours as `_base_ = 'mmdeepfake::NAME.py'`.

    MMEngine has a fixed list of packages for that, and wants them installed.
    """
    from mmengine.config import Config

    from mmdeepfake.files.package_folders import CONFIGS

    find = Config._get_cfg_path
    if getattr(find, 'knows_mmdeepfake', False):
        return

    def find_with_ours(cfg_path: str, filename: str) -> tuple[str, str | None]:
        scope, _, name = cfg_path.partition('::')
        if scope != 'mmdeepfake' or not name:
            return find(cfg_path, filename)
        path = CONFIGS / name
        if not path.is_file():
            raise FileNotFoundError(f'mmdeepfake has no config {name!r}')
        return str(path), None

    find_with_ours.knows_mmdeepfake = True
    Config._get_cfg_path = staticmethod(find_with_ours)


def apply() -> None:
    """Apply every fix; safe to call twice."""
    require_packages()
    make_importable()
    find_packaged_configs()
    read_checkpoints_as_plain_data()
    use_gloo_without_gpu()
    ready_models_for_several_processes()
    join_lists_of_concatenated_datasets()


def describe_gaps() -> dict[str, str]:
    """Return the state of each bug and its fix."""
    import torch
    from mmengine.device import get_device

    from mmdeepfake.files.checkpoint_reading import can_name_safe_globals

    def state(is_here: bool, done: str, absent: str) -> str:
        return f'fixed: {done}' if is_here else f'absent: {absent}'

    drn = sys.modules.get('mmaction.models.localizers.drn')
    return {
        'mmaction2 without DRN': state(
            drn is not None and drn.__spec__ is None,
            'a placeholder makes mmaction.models importable',
            'this mmaction2 has it',
        ),
        'checkpoints with log history': (
            'fixed: read as plain data, --resume works'
            if can_name_safe_globals()
            else f'open: torch {torch.__version__} needs --trust-checkpoint to resume'
        ),
        'launchers without GPU': state(
            get_device() == 'cpu', 'processes use gloo', 'there is a GPU'
        ),
        'openmim needs pkg_resources': (
            'absent: pkg_resources is installed'
            if importlib.util.find_spec('pkg_resources')
            else "open: pip install 'setuptools<81' before you use mim"
        ),
    }
