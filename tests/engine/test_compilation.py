import argparse
import copy

import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.model import BaseDataPreprocessor
from tool_runs import CONFIG, ROOT
from torch import nn

from mmdeepfake.commands import test as testing
from mmdeepfake.commands import train as training
from mmdeepfake.commands.speed.timed_model import build_random_model
from mmdeepfake.engine import compilation
from mmdeepfake.engine.build import load_config
from mmdeepfake.engine.compilation import compile_parts
from mmdeepfake.errors import ConfigError


def gradients(model, inputs, samples):
    loss = model(inputs, samples, mode='loss')['loss_cls']
    loss.backward()
    return loss.detach(), {n: p.grad for n, p in model.named_parameters()}


@pytest.mark.slow
def test_compiled_parts_are_full_graphs_with_the_same_gradients():
    cfg = load_config(ROOT / 'configs/miniff/ratf_r18_miniff.py')
    model = build_random_model(cfg).double()
    inputs = torch.randn(2, 8, 3, 32, 32, dtype=torch.float64)
    samples = [ActionDataSample().set_gt_label(label) for label in (0, 1)]
    plain, compiled = model, copy.deepcopy(model)
    parts = compile_parts(compiled, 'eager', fullgraph=True)
    assert parts == ['backbone', 'neck', 'cls_head']
    expected, found = (gradients(m, inputs, samples) for m in (plain, compiled))
    torch.testing.assert_close(found, expected)
    assert compiled.state_dict().keys() == plain.state_dict().keys()


class Wrapper(nn.Module):
    def __init__(self, module):
        super().__init__()
        self.module = module


def test_parts_inside_a_wrapper_are_compiled(monkeypatch):
    monkeypatch.setattr(
        compilation, 'is_model_wrapper', lambda model: isinstance(model, Wrapper)
    )
    model = BaseDataPreprocessor()
    model.backbone, model.cls_head = nn.Linear(2, 2), None
    assert compile_parts(Wrapper(model), 'eager') == ['backbone']
    assert model.backbone._compiled_call_impl is not None


def test_unknown_backend_is_rejected_with_the_known_ones():
    with pytest.raises(ConfigError, match=r'--compile fast: .*inductor'):
        compile_parts(nn.Module(), 'fast')


@pytest.mark.parametrize('verb', ['train', 'test'])
def test_tools_compile_the_model_before_it_runs(monkeypatch, tmp_path, verb):
    module = {'train': training, 'test': testing}[verb]
    model, found = nn.Module(), []
    model.backbone = nn.Linear(2, 2)

    class Runner:
        work_dir, timestamp = str(tmp_path), 'now'
        test_evaluator = argparse.Namespace(metrics=[])

        def run(self):
            found.append(self.model.backbone._compiled_call_impl is not None)

        train = test = run

    Runner.model = model
    monkeypatch.setattr(module, 'build_runner', lambda cfg: Runner())
    monkeypatch.setenv('LOCAL_RANK', '0')
    names = 'cfg_options trust_checkpoint no_validate amp auto_scale_lr resume seed'
    names += ' diff_rank_seed deterministic dump overwrite'
    args = argparse.Namespace(
        **dict.fromkeys(names.split()),
        config=str(CONFIG),
        checkpoint='x.pth',
        work_dir=str(tmp_path),
        launcher='none',
        local_rank=0,
    )
    run = {'train': training.run_training, 'test': testing.run_testing}[verb]
    for args.compile in (None, 'eager'):
        run(args)
    assert found == [False, True]
