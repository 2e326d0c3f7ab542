from types import SimpleNamespace

import pytest
from broken_sample_builders import fake_key
from mmaction.structures import ActionDataSample
from mmengine.dataset import pseudo_collate
from torch.utils.data._utils.pin_memory import pin_memory

from mmdeepfake.engine.broken_sample_batches import (
    CollateReadable,
    innermost_datasets,
    put_back,
    take_broken,
)
from mmdeepfake.errors import ConfigError
from mmdeepfake.structures import BrokenSample


def broken(name):
    return BrokenSample(fake_key(name), f'/set/{name}.tar', 'broken', 'truncated')


def readable(name):
    return {'inputs': name, 'data_samples': name.upper()}


def test_batch_without_broken_samples_is_as_it_was():
    samples = [readable('a'), readable('b')]
    assert CollateReadable(pseudo_collate)(samples) == pseudo_collate(samples)


def test_batch_is_that_of_the_readable_samples_in_their_order():
    batch = CollateReadable(pseudo_collate)(
        [broken('x'), readable('a'), broken('y'), readable('b')]
    )
    assert take_broken(batch) == [(0, broken('x')), (2, broken('y'))]
    assert batch == pseudo_collate([readable('a'), readable('b')])


def test_batch_of_broken_samples_alone_is_empty():
    batch = CollateReadable(pseudo_collate)([broken('x')])
    assert take_broken(batch) == [(0, broken('x'))]
    assert batch == {}


def test_batches_that_can_carry_no_marker_are_rejected():
    with pytest.raises(ConfigError, match='returned a list'):
        CollateReadable(list)([broken('x'), readable('a')])
    assert take_broken([1, 2]) == []


def test_markers_pass_through_pinned_memory():
    batch = CollateReadable(pseudo_collate)([broken('x'), readable('a')])
    ((place, marker),) = take_broken(pin_memory(batch))
    assert (place, marker) == (0, broken('x'))


def test_predictions_keep_their_places():
    predictions = [ActionDataSample(metainfo={'number': n}) for n in (1, 3)]
    complete = put_back(predictions, [(0, broken('x')), (2, broken('y'))])
    assert [one.get('number') for one in complete] == [None, 1, None, 3]
    first = complete[0].to_dict()
    assert first['video_key'] == fake_key('x')
    assert first['left_out'] == 'broken'
    assert first['gt_label'].item() == 1
    assert 'pred_score' not in first


def test_prediction_of_broken_samples_alone_has_their_number():
    assert len(put_back([], [(0, broken('x')), (1, broken('y'))])) == 2


def test_wrapped_datasets_are_looked_into():
    one, two = ['a', 'b'], []
    repeated, sliced = SimpleNamespace(dataset=one), SimpleNamespace(_dataset=two)
    both = SimpleNamespace(datasets=[repeated, sliced])
    assert [id(found) for found in innermost_datasets(both)] == [id(one), id(two)]
    assert [id(found) for found in innermost_datasets(one)] == [id(one)]
