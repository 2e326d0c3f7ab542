import importlib.machinery
import importlib.util
import os
import pickle
import subprocess
import sys
import types
import warnings

import numpy as np
import pytest
import torch
from mmengine.dist import utils as dist_utils
from mmengine.logging.history_buffer import HistoryBuffer
from mmengine.model import MMDistributedDataParallel
from mmengine.runner import checkpoint as mmengine_checkpoint
from mmengine.runner.checkpoint import _load_checkpoint
from torch.nn.parallel import DistributedDataParallel

from mmdeepfake import _compat
from mmdeepfake.structures import DataError, DataNotFoundError

DRN = 'mmaction.models.localizers.drn'


def lacks_drn():
    root = importlib.util.find_spec('mmaction').submodule_search_locations[0]
    return not os.path.isdir(os.path.join(root, 'models/localizers/drn'))


def run_python(code):
    return subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)


# Packages


@pytest.mark.parametrize(
    ('package', 'command'),
    [('mmcv', 'mmcv-lite<2.2'), ('importlib_metadata', 'install importlib_metadata')],
)
def test_missing_package_is_named_with_its_install_line(monkeypatch, package, command):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        'find_spec',
        lambda name: None if name == package else find_spec(name),
    )
    with pytest.raises(ImportError, match=f'{package} is missing.*{command}'):
        _compat.require_packages()


def test_warning_of_mmcv_lite_alone_is_quiet():
    text = 'Fail to import ``MultiScaleDeformableAttention`` from somewhere'
    scope = {'__name__': 'mmcv.cnn.bricks.transformer', 'warnings': warnings}
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter('always')
        _compat.quiet_mmcv_lite()
        exec(f'warnings.warn({text!r})', scope)
        exec("warnings.warn('another')", scope)
    assert [str(one.message) for one in seen] == ['another']


# DRN


@pytest.mark.skipif(not lacks_drn(), reason='this mmaction2 has DRN')
def test_mmaction_models_cannot_be_imported_without_the_stand_in():
    done = run_python('import mmaction.models')
    assert f"No module named '{DRN}'" in done.stderr


def test_import_is_quiet_and_brings_mmaction_models():
    done = run_python('import mmdeepfake, mmaction.models')
    assert done.returncode == 0, done.stderr
    assert 'MultiScaleDeformableAttention' not in done.stderr


@pytest.mark.skipif(not lacks_drn(), reason='this mmaction2 has DRN')
def test_building_the_stand_in_says_what_is_missing():
    drn = importlib.import_module(f'{DRN}.drn')
    with pytest.raises(ImportError, match='install mmaction2 from source'):
        drn.DRN(1, backbone=None)


def test_real_drn_is_left_alone(monkeypatch, tmp_path):
    (tmp_path / 'models/localizers/drn').mkdir(parents=True)
    spec = importlib.machinery.ModuleSpec('mmaction', None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: spec)
    monkeypatch.delitem(sys.modules, DRN, raising=False)
    monkeypatch.delitem(sys.modules, f'{DRN}.drn', raising=False)
    _compat.supply_drn()
    assert DRN not in sys.modules


# Checkpoints


@pytest.fixture
def no_safe_globals():
    """Torch as it is before our package is imported."""
    if not _compat._has_named_safe_globals():
        pytest.skip('torch < 2.6 cannot be told of safe globals by name')
    saved = torch.serialization.get_safe_globals()
    torch.serialization.clear_safe_globals()
    yield
    torch.serialization.clear_safe_globals()
    torch.serialization.add_safe_globals(saved)


def save_history(path):
    """A file as MMEngine's Runner saves it: weights, history, numpy scalars."""
    history = HistoryBuffer([0.5, 0.25], [1, 1])
    torch.save(
        {
            'state_dict': {'weight': torch.ones(2)},
            'message_hub': {
                'log_scalars': {'train/loss': history},
                'runtime_info': {'best': np.float64(0.75), 'epoch': np.int64(3)},
            },
        },
        path,
    )
    return str(path)


def test_history_is_refused_by_torch_and_read_by_us(tmp_path, no_safe_globals):
    path = save_history(tmp_path / 'epoch_1.pth')
    with pytest.raises(pickle.UnpicklingError, match='Weights only load failed'):
        torch.load(path)
    _compat.allow_log_history()
    hub = _load_checkpoint(path)['message_hub']
    assert hub['log_scalars']['train/loss'].mean() == 0.375
    assert hub['runtime_info'] == {'best': 0.75, 'epoch': 3}


def test_history_of_numpy_1_is_read_under_its_old_name(tmp_path):
    path = tmp_path / 'old.pth'
    buffer = HistoryBuffer([1.0], [1])
    torch.save({'x': buffer}, path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes().replace(b'numpy._core', b'numpy.core'))
    assert _load_checkpoint(str(path))['x'].mean() == 1.0


class Evil:
    """Unpickling it writes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


class Prober:
    """Unpickling it reaches for an attribute that leads out of the allowed classes."""

    def __reduce__(self):
        return getattr, (HistoryBuffer, '__init__')


def test_file_that_runs_code_is_refused_and_runs_nothing(tmp_path):
    path, trace = tmp_path / 'evil.pth', tmp_path / 'trace'
    torch.save({'state_dict': Evil(trace)}, path)
    with pytest.raises(DataError, match=r'evil\.pth holds more than.*mkdir') as caught:
        _load_checkpoint(str(path))
    assert '--trust-checkpoint' in str(caught.value)
    assert not trace.exists()


def test_getattr_reaches_nothing_but_the_four_statistics(tmp_path):
    torch.save({'state_dict': Prober()}, tmp_path / 'prober.pth')
    with pytest.raises(DataError, match=r"holds more than.*attribute '__init__'"):
        _load_checkpoint(str(tmp_path / 'prober.pth'))


def test_trusted_file_is_loaded_in_full(tmp_path, monkeypatch):
    path, trace = tmp_path / 'evil.pth', tmp_path / 'trace'
    torch.save({'state_dict': Evil(trace)}, path)
    monkeypatch.setenv(_compat.TRUST_VARIABLE, '1')
    _load_checkpoint(str(path))
    assert trace.is_dir()


def test_download_is_read_as_plain_data(tmp_path):
    path, trace = tmp_path / 'evil.pth', tmp_path / 'trace'
    torch.save({'state_dict': Evil(trace)}, path)
    with pytest.raises(DataError, match='holds more than weights'):
        mmengine_checkpoint.load_url(path.as_uri(), model_dir=str(tmp_path / 'hub'))
    assert not trace.exists()


def test_download_that_fails_keeps_its_own_error(tmp_path):
    with pytest.raises(OSError, match='No such file'):
        mmengine_checkpoint.load_url(
            (tmp_path / 'none.pth').as_uri(), model_dir=str(tmp_path)
        )


def test_missing_file_is_named():
    with pytest.raises(DataNotFoundError, match=r'no such checkpoint file: none\.pth'):
        _load_checkpoint('none.pth')


@pytest.mark.parametrize('keep', [0, 10, 400])
def test_truncated_file_is_named(tmp_path, keep):
    path = tmp_path / 'cut.pth'
    save_history(path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=r'cannot read checkpoint .*cut\.pth'):
        _load_checkpoint(str(path))


def test_text_file_is_no_checkpoint(tmp_path):
    path = tmp_path / 'notes.pth'
    path.write_text('these are not weights\n')
    with pytest.raises(
        DataError, match=r'cannot read checkpoint .*no PyTorch file at all'
    ):
        _load_checkpoint(str(path))


# Distributed


@pytest.mark.parametrize(
    ('device', 'expected'), [('cpu', 'gloo'), ('cuda', 'nccl'), ('npu', 'nccl')]
)
def test_backend_is_gloo_only_without_a_device(monkeypatch, device, expected):
    monkeypatch.setattr('mmengine.device.get_device', lambda: device)
    calls = []

    def start(backend, **kwargs):
        calls.append((backend, kwargs))
        if backend == 'gloo':
            torch.cuda.set_device(0)

    _compat._start_on_gloo(start)('nccl', timeout=5)
    assert calls == [(expected, {'timeout': 5})]


@pytest.mark.skipif(torch.cuda.is_available(), reason='a GPU can be set')
def test_upstream_starter_fails_without_a_device(monkeypatch):
    monkeypatch.setenv('RANK', '0')
    monkeypatch.setenv('LOCAL_RANK', '0')
    with pytest.raises((AssertionError, AttributeError, RuntimeError)):
        dist_utils._init_dist_pytorch.__wrapped__('gloo')


@pytest.mark.parametrize('launcher', ['pytorch', 'slurm', 'mpi'])
def test_gap_is_closed_once_however_often_it_is_applied(launcher):
    _compat.apply()
    start = getattr(dist_utils, f'_init_dist_{launcher}')
    assert not hasattr(start.__wrapped__, '__wrapped__')


@pytest.mark.parametrize(('device', 'expected'), [('cpu', None), ('meta', [1])])
def test_device_index_is_dropped_for_models_on_the_cpu(monkeypatch, device, expected):
    given = {}
    monkeypatch.setattr(
        DistributedDataParallel, '__init__', lambda self, **kwargs: given.update(kwargs)
    )
    wrapper = MMDistributedDataParallel.__new__(MMDistributedDataParallel)
    torch.nn.Module.__init__(wrapper)
    model = torch.nn.Linear(1, 1, device=device)
    MMDistributedDataParallel.__init__(wrapper, module=model, device_ids=[1])
    assert given['device_ids'] == expected


# Report


def test_each_gap_has_a_state(monkeypatch):
    states = _compat.describe_gaps()
    assert len(states) == 4
    assert all(s.startswith(('closed', 'not here', 'open')) for s in states.values())
    monkeypatch.setitem(sys.modules, 'pkg_resources', types.ModuleType('pkg_resources'))
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: object())
    assert 'not here' in _compat.describe_gaps()['openmim needs pkg_resources']
