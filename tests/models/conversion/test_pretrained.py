import pytest
import torch
from torch import nn

from mmdeepfake.errors import ConfigError
from mmdeepfake.models.backbones import initial_weights
from mmdeepfake.models.conversion import KeyRules
from mmdeepfake.models.conversion.pretrained import load_backbone

RULES = KeyRules(
    source='https://example.org/code',
    renames=(
        (r'^conv\.', 'backbone.0.'),
        (r'^norm\.', 'backbone.1.'),
        (r'^fc\.', 'cls_head.fc_cls.'),
    ),
)


def make_backbone():
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))


def make_state():
    """No num_batches_tracked, as in old files, and a classifier of ten classes."""
    return {
        'conv.weight': torch.randn(4, 3, 1, 1),
        'conv.bias': torch.randn(4),
        **{
            f'norm.{part}': torch.rand(4)
            for part in ('weight', 'bias', 'running_mean', 'running_var')
        },
        'fc.weight': torch.randn(10, 4),
    }


@pytest.mark.parametrize(
    'wrap',
    [
        dict,
        lambda state: {'state_dict': state, 'epoch': 3},
        lambda state: {'model': state, 'epoch': 3},
        lambda state: {'module': state},
    ],
)
def test_all_of_the_backbone_is_loaded_and_the_classifier_left(tmp_path, wrap):
    state, backbone = make_state(), make_backbone()
    torch.save(wrap(state), tmp_path / 'public.pth')
    load_backbone(backbone, str(tmp_path / 'public.pth'), RULES)
    assert torch.equal(backbone[0].weight, state['conv.weight'])
    assert torch.equal(backbone[0].bias, state['conv.bias'])
    assert torch.equal(backbone[1].running_var, state['norm.running_var'])


@pytest.mark.parametrize(
    ('changes', 'named'),
    [
        ({'conv.bias': None}, r'backbone\.0\.bias'),
        ({'conv.weight': torch.zeros(4, 3, 3, 3)}, r'backbone\.0\.weight'),
        ({'gate.weight': torch.zeros(1)}, r'gate\.weight'),
    ],
)
def test_anything_else_changes_nothing_and_is_named(tmp_path, changes, named):
    state = make_state() | changes
    state = {name: tensor for name, tensor in state.items() if tensor is not None}
    torch.save(state, tmp_path / 'public.pth')
    backbone = make_backbone()
    before = backbone[1].running_mean.clone()
    message = rf"public\.pth' of Sequential: 1 tensors .*'{named}'"
    with pytest.raises(ConfigError, match=message):
        load_backbone(backbone, str(tmp_path / 'public.pth'), RULES)
    assert torch.equal(backbone[1].running_mean, before)


def test_a_download_that_fails_names_the_way_out(monkeypatch):
    def refuse(source, map_location):
        raise OSError('no route to host')

    monkeypatch.setattr(initial_weights, '_load_checkpoint', refuse)
    message = r'cannot be loaded \(no route to host\).*model\.backbone\.pretrained=PATH'
    with pytest.raises(ConfigError, match=message):
        load_backbone(make_backbone(), 'https://example.org/weights.pth', RULES)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(ConfigError, match=r'none\.pth.*no such file.*example\.org'):
        load_backbone(make_backbone(), str(tmp_path / 'none.pth'), RULES)


def test_what_may_be_missing_stays_as_it_starts(tmp_path):
    state, backbone = make_state(), make_backbone()
    del state['conv.bias']
    torch.save(state, tmp_path / 'public.pth')
    before = backbone[0].bias.clone()
    load_backbone(
        backbone, str(tmp_path / 'public.pth'), RULES, may_miss=('0.bias', '1.bias')
    )
    assert torch.equal(backbone[0].bias, before)
    assert torch.equal(backbone[1].bias, state['norm.bias'])


def test_what_may_be_missing_may_not_have_another_shape(tmp_path):
    torch.save(make_state() | {'conv.bias': torch.zeros(5)}, tmp_path / 'public.pth')
    with pytest.raises(ConfigError, match=r"first 'backbone\.0\.bias'"):
        load_backbone(
            make_backbone(), str(tmp_path / 'public.pth'), RULES, may_miss=('0.bias',)
        )
