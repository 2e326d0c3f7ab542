import pickle

import numpy as np
import pytest
import torch
from fault_builders.evil_files import save_evil
from mmengine.logging.history_buffer import HistoryBuffer
from mmengine.registry import PARAM_SCHEDULERS
from mmengine.runner import checkpoint as mmengine_checkpoint
from mmengine.runner.checkpoint import _load_checkpoint

from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.files import checkpoint_reading


@pytest.fixture
def no_safe_globals():
    """Torch as it is before our package is imported."""
    if not checkpoint_reading.can_name_safe_globals():
        pytest.skip('torch < 2.6 cannot register safe globals by name')
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
    checkpoint_reading.allow_training_history()
    hub = _load_checkpoint(path)['message_hub']
    assert hub['log_scalars']['train/loss'].mean() == 0.375
    assert hub['runtime_info'] == {'best': 0.75, 'epoch': 3}


def test_history_of_numpy_1_is_read_under_its_old_name(tmp_path):
    path = tmp_path / 'old.pth'
    buffer = HistoryBuffer([1.0], [1])
    torch.save({'x': buffer}, path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes().replace(b'numpy._core', b'numpy.core'))
    assert _load_checkpoint(str(path))['x'].mean() == 1.0


# None of them is run, whoever reads it: tests/faults/test_untrusted_checkpoints.py.
@pytest.mark.parametrize(
    ('kind', 'message'),
    [
        ('torch, deep in meta', 'mkdir(.|\n)*--trust-checkpoint'),
        ('torch, attribute of a known class', "attribute '__init__'"),
        ('numbers that are references', 'an array of'),
        ('torch, tar', 'tar format'),
        ('torch, program', 'TorchScript'),
    ],
)
def test_file_that_holds_more_than_data_is_refused_with_the_reason(
    tmp_path, kind, message
):
    save_evil(tmp_path / 'evil.pth', kind, tmp_path / 'trace')
    with pytest.raises(DataError, match=rf'evil\.pth .*{message}'):
        _load_checkpoint(str(tmp_path / 'evil.pth'))
    assert not (tmp_path / 'trace').exists()


def test_trusted_file_is_loaded_in_full(tmp_path, monkeypatch):
    trace = tmp_path / 'trace'
    path = save_evil(tmp_path / 'evil.pth', 'torch, deep in meta', trace)
    monkeypatch.setenv(checkpoint_reading.TRUST_VARIABLE, '1')
    _load_checkpoint(str(path))
    assert trace.is_dir()


def test_download_that_fails_keeps_its_own_error(tmp_path):
    with pytest.raises(OSError, match='No such file'):
        mmengine_checkpoint.load_url(
            (tmp_path / 'none.pth').as_uri(), model_dir=str(tmp_path)
        )


def test_missing_file_is_named():
    with pytest.raises(DataNotFoundError, match=r'none\.pth'):
        _load_checkpoint('none.pth')


@pytest.mark.parametrize('keep', [0, 10, 400])
def test_truncated_file_is_named(tmp_path, keep):
    path = tmp_path / 'cut.pth'
    save_history(path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=r'cut\.pth'):
        _load_checkpoint(str(path))


def test_text_file_is_no_checkpoint(tmp_path):
    path = tmp_path / 'notes.pth'
    path.write_text('these are not weights\n')
    with pytest.raises(DataError, match=r'notes\.pth'):
        _load_checkpoint(str(path))


@pytest.mark.parametrize(
    'settings',
    [
        dict(type='ConstantLR'),
        dict(type='CosineAnnealingLR', T_max=9),
        dict(type='CosineRestartLR', periods=[3], eta_min=0),
        dict(type='ExponentialLR', gamma=0.9),
        dict(type='LinearLR'),
        dict(type='MultiStepLR', milestones=[2]),
        dict(type='OneCycleLR', eta_max=0.1, total_steps=9, anneal_strategy='cos'),
        dict(type='OneCycleLR', eta_max=0.1, total_steps=9, anneal_strategy='linear'),
        dict(type='PolyLR'),
        dict(type='ReduceOnPlateauLR', monitor='loss'),
        dict(type='StepLR', step_size=2),
    ],
    ids=lambda settings: settings['type'],
)
def test_state_of_each_schedule_is_read(tmp_path, settings):
    weight = torch.nn.Parameter(torch.ones(1))
    optimizer = torch.optim.Adam([weight], lr=0.1)
    scheduler = PARAM_SCHEDULERS.build({**settings, 'optimizer': optimizer})
    path = tmp_path / 'x.pth'
    torch.save({'param_schedulers': [scheduler.state_dict()]}, path)
    state = _load_checkpoint(str(path))['param_schedulers'][0]
    assert state == scheduler.state_dict()


def test_config_in_place_of_a_checkpoint_is_called_that(tmp_path):
    (tmp_path / 'config.py').write_text('model = dict()')
    with pytest.raises(DataError, match=r'config\.py is Python'):
        _load_checkpoint(str(tmp_path / 'config.py'), map_location='cpu')
