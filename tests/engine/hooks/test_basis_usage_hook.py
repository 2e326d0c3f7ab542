import json
from types import SimpleNamespace

import pytest
import torch
from mmengine.runner import BaseLoop
from torch import nn

from mmdeepfake.engine.hooks.basis_usage_hook import (
    USAGE,
    BasisUsageHook,
    describe_usage,
    summarise_counts,
)
from mmdeepfake.models.backbones import RATF


class Log(list):
    def info(self, text):
        self.append(('info', text))

    def warning(self, text):
        self.append(('warning', text))


class Model(nn.Module):
    """One RATF, whose logits can be shifted in favour of one basis."""

    def __init__(self):
        super().__init__()
        self.temporal = RATF(8, clip_len=2)
        self.eval()

    def favour(self, basis):
        with torch.no_grad():
            self.temporal.logit_norm.bias[basis] = 1e3


def make_runner(model, work_dir, *, progress=1.0, train_loop=None):
    return SimpleNamespace(
        model=model, work_dir=str(work_dir), logger=Log(), _train_loop=train_loop,
        iter=int(progress * 30), max_iters=30,
    )  # fmt: skip


def validate(hook, runner, x):
    hook.before_val_epoch(runner)
    with torch.no_grad():
        for snippets in x.split(4):
            runner.model.temporal(snippets)
    hook.after_val_epoch(runner, {})


def test_usage_counts_the_positions_that_each_basis_rules(tmp_path):
    model, x = Model(), torch.randn(8, 8, 5, 5)
    runner = make_runner(model, tmp_path)
    validate(BasisUsageHook(), runner, x)
    features = x.unflatten(0, (-1, 2))[:, :, :4]
    chosen = model.temporal.make_weights(features).argmax(dim=1).flatten().tolist()
    shares = [chosen.count(basis) / len(chosen) for basis in range(8)]
    usage = json.loads((tmp_path / 'run.json').read_text())['val'][USAGE]
    assert usage == {
        'temporal': {
            'in_use': sum(share > 0.01 for share in shares),
            'num_basis': 8,
            'largest_share': pytest.approx(max(shares)),
        }
    }
    assert runner.logger == [('info', describe_usage(usage))]
    assert not model.temporal.logit_norm._forward_hooks


def test_shares_are_summarised_and_told():
    usage = summarise_counts(torch.tensor([970, 20, 10, 0]))
    assert usage == {'in_use': 2, 'num_basis': 4, 'largest_share': 0.97}
    text = describe_usage({'backbone.layer1.0.temporal': usage})
    assert text.endswith('largest share: layer1.0 2 of 4 (97%)')


def test_lonely_basis_is_warned_of_once_after_the_first_third(
    tmp_path, fake_train_loop
):
    model, hook, x = Model(), BasisUsageHook(), torch.randn(4, 8, 5, 5)
    levels = []
    for progress, basis in ((0.5, None), (0.3, 3), (0.5, 3), (0.9, 3)):
        if basis is not None:
            model.favour(basis)
        runner = make_runner(
            model, tmp_path, progress=progress, train_loop=fake_train_loop
        )
        validate(hook, runner, x)
        levels.append([level for level, _ in runner.logger])
    assert levels == [['info'], ['info'], ['info', 'warning'], ['info']]
    assert 'train' in json.loads((tmp_path / 'run.json').read_text())


def test_model_without_ratf_is_not_watched(tmp_path):
    runner = make_runner(nn.Linear(2, 2), tmp_path)
    hook = BasisUsageHook()
    hook.before_test_epoch(runner)
    hook.after_test_epoch(runner, {})
    assert runner.logger == []
    assert not (tmp_path / 'run.json').exists()


@pytest.fixture
def fake_train_loop():
    class Loop(BaseLoop):
        def __init__(self):
            pass

        def run(self):
            pass

    return Loop()
