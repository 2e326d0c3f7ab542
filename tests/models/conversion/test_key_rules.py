from dataclasses import replace

import pytest
import torch

from mmdeepfake.errors import DataError
from mmdeepfake.models.conversion import KeyRules, convert

RULES = KeyRules(
    source='https://example.org/code',
    renames=(
        (r'^base\.', 'backbone.'),
        (r'\.net\.(conv\d)', r'.\1.conv'),
        (r'^fc\.', 'cls_head.fc_cls.'),
    ),
    drops=((r'^aux\.', 'auxiliary classifier'),),
    transform=lambda name, tensor: (
        tensor[..., None, None] if 'conv1' in name and tensor.ndim == 2 else tensor
    ),
)


def make_target():
    return {
        'backbone.layer1.conv1.conv.weight': torch.zeros(4, 3, 1, 1),
        'backbone.bn.num_batches_tracked': torch.tensor(0),
        'cls_head.fc_cls.weight': torch.zeros(2, 4),
    }


def make_state():
    return {
        'base.layer1.net.conv1.weight': torch.arange(12.0).view(4, 3),
        'fc.weight': torch.ones(2, 4),
        'aux.fc.weight': torch.ones(7),
    }


def test_renames_apply_in_their_order_and_the_transform_after_them():
    state = make_state()
    converted, report = convert(state, RULES, make_target())
    name = 'backbone.layer1.conv1.conv.weight'
    assert converted[name].shape == (4, 3, 1, 1)
    assert torch.equal(converted[name].flatten(), torch.arange(12.0))
    assert report.renamed == {
        'base.layer1.net.conv1.weight': name,
        'fc.weight': 'cls_head.fc_cls.weight',
    }
    assert report.dropped == {'aux.fc.weight': 'auxiliary classifier'}
    assert (report.unexpected, report.mismatched, report.missing) == ({}, {}, ())
    assert state['base.layer1.net.conv1.weight'].shape == (4, 3)


@pytest.mark.parametrize('wrapper', ['module.', 'model.', 'module.model.', 'net.'])
def test_wrappers_of_the_whole_net_are_taken_off(wrapper):
    state = {wrapper + key: tensor for key, tensor in make_state().items()}
    converted, report = convert(state, RULES, make_target())
    assert set(converted) == set(make_target()) - {'backbone.bn.num_batches_tracked'}
    assert f'{wrapper}aux.fc.weight' in report.dropped


def test_unknown_key_is_told_with_the_name_it_got():
    state = make_state() | {'base.layer9.bias': torch.ones(1)}
    _, report = convert(state, RULES, make_target())
    assert report.unexpected == {'base.layer9.bias': 'backbone.layer9.bias'}


def test_tensor_of_another_shape_is_left_out_and_told_with_both_shapes():
    state = make_state() | {'fc.weight': torch.ones(400, 4)}
    converted, report = convert(state, RULES, make_target())
    assert 'cls_head.fc_cls.weight' not in converted
    assert report.mismatched == {'cls_head.fc_cls.weight': ((400, 4), (2, 4))}
    assert report.missing == ('cls_head.fc_cls.weight',)
    assert 'fc.weight' not in report.renamed


def test_key_without_a_tensor_is_missing_and_a_batch_counter_is_not():
    state = make_state()
    del state['fc.weight']
    _, report = convert(state, RULES, make_target())
    assert report.missing == ('cls_head.fc_cls.weight',)


def test_two_keys_that_become_one_are_refused():
    state = make_state() | {'cls_head.fc_cls.weight': torch.ones(2, 4)}
    message = (
        r'fc\.weight and cls_head\.fc_cls\.weight of the checkpoint both become '
        r'cls_head\.fc_cls\.weight: it is not from https://example\.org/code'
    )
    with pytest.raises(DataError, match=message):
        convert(state, RULES, make_target())


def test_what_the_network_works_out_stays_as_it_is_where_the_checkpoint_has_none():
    rules = replace(RULES, computed=(r'\.positions$',))
    target = make_target() | {'backbone.positions': torch.arange(3.0)}
    converted, report = convert(make_state(), rules, target)
    assert torch.equal(converted['backbone.positions'], torch.arange(3.0))
    assert 'backbone.positions' not in report.renamed.values()
    assert report.missing == ()
    _, report = convert(make_state(), RULES, target)
    assert report.missing == ('backbone.positions',)


def test_a_computed_tensor_of_another_shape_in_the_checkpoint_is_told():
    rules = replace(RULES, computed=(r'\.positions$',))
    target = make_target() | {'backbone.positions': torch.arange(3.0)}
    state = make_state() | {'base.positions': torch.arange(5.0)}
    converted, report = convert(state, rules, target)
    assert 'backbone.positions' not in converted
    assert report.mismatched == {'backbone.positions': ((5,), (3,))}
