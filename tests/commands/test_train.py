import pytest
import torch
from mmengine.config import Config

from mmdeepfake.commands.train import scale_learning_rate, use_mixed_precision
from mmdeepfake.errors import ConfigError


@pytest.mark.parametrize(
    ('has_gpu', 'kind', 'loss_scale'),
    [(True, 'AmpOptimWrapper', 'dynamic'), (False, 'CPUAmpOptimWrapper', None)],
)
def test_mixed_precision_suits_the_machine(monkeypatch, has_gpu, kind, loss_scale):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: has_gpu)
    cfg = Config({'optim_wrapper': {'optimizer': {'type': 'Adam'}}})
    use_mixed_precision(cfg)
    assert cfg.optim_wrapper.type == kind
    assert cfg.optim_wrapper.get('loss_scale') == loss_scale


def test_mixed_precision_refuses_a_wrapper_of_its_own_kind():
    cfg = Config({'optim_wrapper': {'type': 'ApexOptimWrapper'}})
    with pytest.raises(ConfigError, match=r"optim_wrapper\.type is 'ApexOptimWrapper'"):
        use_mixed_precision(cfg)


def test_learning_rate_is_scaled_from_a_stated_batch_size():
    cfg = Config({'auto_scale_lr': {'base_batch_size': 96}})
    scale_learning_rate(cfg)
    assert cfg.auto_scale_lr.enable
    with pytest.raises(ConfigError, match='base_batch_size'):
        scale_learning_rate(Config({}))
