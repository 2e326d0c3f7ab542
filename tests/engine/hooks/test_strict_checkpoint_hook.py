import logging
from types import SimpleNamespace

import pytest
import torch
from mmengine.runner import BaseLoop
from torch import nn

from mmdeepfake.engine import StrictCheckpointHook
from mmdeepfake.engine.hooks.strict_checkpoint_hook import (
    describe_difference,
    describe_model,
    describe_origin,
)
from mmdeepfake.errors import DataError

CONFIG = """
import nothing
model = dict(
    backbone=dict(depth=50, type='RATFNet', ratf_stages=(True, ) * 4),
    neck=dict(type='CrossSnippetAttention'),
    type='Recognizer2D')
train_cfg = dict(max_epochs=1)
"""


class StandStill(BaseLoop):
    """A loop that has been built, as in a running Runner."""

    def __init__(self):
        pass

    def run(self):
        pass


def make_runner(*, trains=False, resumes=False):
    cfg = SimpleNamespace(model=dict(type='Linear'))
    return SimpleNamespace(
        model=nn.Linear(2, 3),
        cfg=cfg,
        work_dir='work',
        logger=logging.getLogger('strict'),
        _load_from='other.pth',
        _resume=resumes,
        _train_loop=StandStill() if trains else dict(max_epochs=1),
    )


def load(runner, model, meta=None):
    checkpoint = {'state_dict': model.state_dict(), 'meta': meta or {}}
    StrictCheckpointHook().after_load_checkpoint(runner, checkpoint)


def test_own_checkpoint_passes():
    load(make_runner(), nn.Linear(2, 3))


def test_checkpoint_of_another_model_is_rejected_at_test():
    message = (
        r'other\.pth .* \(Linear\): 2 missing keys \(weight, bias\); 2 unexpected keys '
        r'\(0\.weight, 0\.bias\)\. .* RATFNet depth=50 \+ CrossSnippetAttention\.'
    )
    with pytest.raises(DataError, match=message):
        load(make_runner(), nn.Sequential(nn.Linear(2, 3)), {'cfg': CONFIG})


def test_other_shapes_are_rejected():
    message = r'2 wrong shapes \(weight \(4, 2\) instead of \(3, 2\), bias'
    with pytest.raises(DataError, match=message):
        load(make_runner(), nn.Linear(2, 4))


def test_other_checkpoint_is_rejected_on_resume():
    with pytest.raises(DataError, match='architecture'):
        load(make_runner(trains=True, resumes=True), nn.Linear(2, 4))


def test_other_checkpoint_is_a_warning_for_fine_tuning(caplog):
    with caplog.at_level('WARNING', 'strict'):
        load(make_runner(trains=True), nn.Linear(2, 4))
    assert '2 wrong shapes' in caplog.text


def test_many_keys_are_counted_and_three_shown():
    found = {f'key{i}': torch.ones(1) for i in range(5)}
    assert describe_difference({}, found) == (
        '5 unexpected keys (key0, key1, key2, ...)'
    )


def test_prefix_of_a_wrapped_model_and_batch_counters_do_not_matter():
    expected = nn.BatchNorm1d(2).state_dict()
    found = {f'module.{key}': value for key, value in expected.items()}
    del found['module.num_batches_tracked']
    assert describe_difference(expected, found) == ''


def test_model_without_parts_is_called_by_its_type():
    assert describe_model(dict(type='Linear')) == 'Linear'


@pytest.mark.parametrize(
    'meta', [None, {}, {'cfg': 7}, {'cfg': 'model = ('}, {'cfg': 'a.b = 1'}]
)
def test_checkpoint_without_a_readable_config_has_no_origin(meta):
    assert describe_origin({'meta': meta}) == ''


def test_config_in_a_checkpoint_is_never_run(tmp_path):
    trace = tmp_path / 'trace'
    text = f"import os\nmodel = dict(type=os.mkdir('{trace}'))"
    describe_origin({'meta': {'cfg': text}})
    assert not trace.exists()
