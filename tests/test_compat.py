import importlib.machinery
import importlib.util
import os
import sys
import types
import warnings

import pytest
import torch
from mmengine.dist import utils as dist_utils
from mmengine.model import MMDistributedDataParallel
from torch.nn.parallel import DistributedDataParallel

from mmdeepfake import _compat

DRN = 'mmaction.models.localizers.drn'


def lacks_drn():
    root = importlib.util.find_spec('mmaction').submodule_search_locations[0]
    return not os.path.isdir(os.path.join(root, 'models/localizers/drn'))


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
def test_starter_is_wrapped_once(launcher):
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


@pytest.mark.parametrize('device', ['cpu', 'meta'])
def test_model_is_in_training_when_its_parameters_are_listed(monkeypatch, device):
    class Freezing(torch.nn.Linear):
        def train(self, mode=True):
            super().train(mode)
            self.weight.requires_grad = False  # as MMAction2's `frozen_stages`
            return self

    listed = {}

    def list_parameters(self, *, module, **kwargs):
        listed.update((n, p.requires_grad) for n, p in module.named_parameters())

    monkeypatch.setattr(DistributedDataParallel, '__init__', list_parameters)
    wrapper = MMDistributedDataParallel.__new__(MMDistributedDataParallel)
    torch.nn.Module.__init__(wrapper)
    model = Freezing(1, 1, device=device)
    MMDistributedDataParallel.__init__(wrapper, module=model)
    assert listed == {'weight': False, 'bias': True}


# Report


def test_each_bug_has_a_state(monkeypatch):
    states = _compat.describe_gaps()
    assert all(s.startswith(('fixed', 'absent', 'open')) for s in states.values())
    monkeypatch.setitem(sys.modules, 'pkg_resources', types.ModuleType('pkg_resources'))
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: object())
    assert 'absent' in _compat.describe_gaps()['openmim needs pkg_resources']
