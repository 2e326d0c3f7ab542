import copy
from logging import getLogger
from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from recognizer_checks import CONFIGS, load_model_config
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from mmdeepfake.engine.hooks.alt_freezing_hook import (
    AltFreezingHook,
    is_spatial_frozen,
    split_kernels,
)
from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import MODELS

FFPP = 'baselines/altfreezing_ffpp_lq.py'
SGD = dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=0.1)


class TinyNetwork(BaseModel):
    """A stem, a spatial, a temporal and a 1x1x1 kernel, with norm and classifier."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv3d(3, 4, 3, padding=1)
        self.spatial = nn.Conv3d(4, 4, (1, 3, 3))
        self.temporal = nn.Conv3d(4, 4, (3, 1, 1))
        self.pointwise = nn.Conv3d(4, 4, 1)
        self.norm = nn.BatchNorm3d(4)
        self.fc = nn.Linear(4, 1)

    def forward(self, inputs, mode='tensor'):
        x = self.temporal(self.spatial(self.stem(torch.stack(inputs)))).relu()
        x = self.norm(self.pointwise(x)).relu().mean(dim=(2, 3, 4))
        score = self.fc(x)
        return dict(loss=(score - 1).square().mean()) if mode == 'loss' else score


class Recorder(Hook):
    """Keeps the weights after each step."""

    priority = 'LOWEST'

    def __init__(self):
        self.weights = []

    def before_train(self, runner):
        self._keep(runner)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self._keep(runner)

    def _keep(self, runner):
        model = getattr(runner.model, 'module', runner.model)
        self.weights.append(copy.deepcopy(dict(model.named_parameters())))

    def moved(self, name):
        pairs = zip(self.weights[:-1], self.weights[1:], strict=True)
        return [not torch.equal(a[name], b[name]) for a, b in pairs]


def train(tmp_path, *, optimizer=SGD, hook=None, num_steps=8, **wrapper):
    torch.manual_seed(0)
    recorder = Recorder()
    runner = Runner(
        model=TinyNetwork(),
        work_dir=str(tmp_path),
        train_dataloader=dict(
            # Enough for all steps: MMEngine sleeps 2 s before it starts again.
            dataset=[
                dict(inputs=torch.randn(3, 4, 6, 6)) for _ in range(2 * num_steps)
            ],
            sampler=dict(type='DefaultSampler', shuffle=False),
            batch_size=2,
        ),
        train_cfg=dict(by_epoch=False, max_iters=num_steps),
        optim_wrapper=dict(optimizer=dict(optimizer), **wrapper),
        custom_hooks=[
            hook or AltFreezingHook(num_spatial_frozen=3, num_temporal_frozen=1),
            recorder,
        ],
        default_hooks=dict(checkpoint=None, logger=None),
        default_scope='mmaction',
        experiment_name=f'turns_{id(recorder)}',
    )
    runner.train()
    return runner, recorder


def test_groups_of_the_network_are_those_of_the_specification():
    with torch.device('meta'):
        model = MODELS.build(load_model_config(FFPP))
    spatial, temporal = split_kernels(model)
    assert [len(spatial), len(temporal)] == [16, 9]
    assert {tuple(kernel.shape[2:]) for kernel in spatial} == {(1, 3, 3)}
    assert {tuple(kernel.shape[2:]) for kernel in temporal} == {(3, 1, 1)}
    numbers = [sum(kernel.numel() for kernel in group) for group in (spatial, temporal)]
    assert [round(number / 1e6, 2) for number in numbers] == [11.32, 5.52]
    chosen = {id(kernel) for kernel in (*spatial, *temporal)}
    rest = [
        module.kernel_size
        for module in model.modules()
        if isinstance(module, nn.Conv3d) and id(module.weight) not in chosen
    ]
    assert sorted(rest) == [(1, 1, 1)] * 27 + [(5, 7, 7)]


def test_default_period_is_21():
    turns = [
        is_spatial_frozen(step, num_spatial_frozen=20, num_temporal_frozen=1)
        for step in range(63)
    ]
    assert turns == ([True] * 20 + [False]) * 3


@pytest.mark.parametrize(
    'optimizer', [SGD, dict(type='AdamW', lr=0.1, weight_decay=0.1)]
)
def test_frozen_kernels_do_not_change_and_all_others_do(tmp_path, optimizer):
    """Momentum and weight decay would move a weight whose gradient is zero."""
    _, recorder = train(tmp_path, optimizer=optimizer)
    turns = [False, False, False, True] * 2
    assert recorder.moved('spatial.weight') == turns
    assert recorder.moved('temporal.weight') == [not turn for turn in turns]
    for name in recorder.weights[0]:
        if name not in ('spatial.weight', 'temporal.weight'):
            assert all(recorder.moved(name)), name


def test_both_groups_have_changed_after_21_steps(tmp_path):
    _, recorder = train(tmp_path, hook=AltFreezingHook(), num_steps=21)
    assert recorder.moved('spatial.weight') == [False] * 20 + [True]
    assert recorder.moved('temporal.weight') == [True] * 20 + [False]


def test_everything_is_trainable_afterwards(tmp_path):
    runner, _ = train(tmp_path, num_steps=2)
    assert all(parameter.requires_grad for parameter in runner.model.parameters())


def test_an_accumulated_step_is_not_split(tmp_path):
    hook = AltFreezingHook(num_spatial_frozen=1, num_temporal_frozen=1)
    _, recorder = train(tmp_path, hook=hook, accumulative_counts=2)
    assert recorder.moved('spatial.weight') == [False, False, False, True] * 2
    assert recorder.moved('temporal.weight') == [False, True, False, False] * 2


def test_resumed_training_continues_the_period():
    model = TinyNetwork()
    hook = AltFreezingHook(num_spatial_frozen=3, num_temporal_frozen=1)
    runner = SimpleNamespace(
        model=model, iter=7, optim_wrapper=None, logger=getLogger()
    )
    model.temporal.weight.grad = torch.zeros_like(model.temporal.weight)
    hook.before_train(runner)
    hook.before_train_iter(runner, 0)
    assert model.spatial.weight.requires_grad
    assert not model.temporal.weight.requires_grad
    assert model.temporal.weight.grad is None


@pytest.fixture
def one_process(tmp_path):
    distributed.init_process_group(
        'gloo', init_method=f'file://{tmp_path}/rendezvous', rank=0, world_size=1
    )
    yield
    distributed.destroy_process_group()


def step_distributed(hook, runner, optimizer):
    hook.before_train_iter(runner, runner.iter)
    runner.model([torch.randn(3, 4, 6, 6)] * 2, mode='loss')['loss'].backward()
    optimizer.step()
    optimizer.zero_grad()
    runner.iter += 1


def test_it_alternates_under_data_parallelism(one_process):
    network = TinyNetwork()
    model = DistributedDataParallel(network, find_unused_parameters=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    runner = SimpleNamespace(
        model=model, iter=0, optim_wrapper=None, logger=getLogger()
    )
    hook = AltFreezingHook(num_spatial_frozen=2, num_temporal_frozen=1)
    hook.before_train(runner)
    moved = []
    for _ in range(6):
        before = copy.deepcopy(network.state_dict())
        step_distributed(hook, runner, optimizer)
        moved.append(
            [
                not torch.equal(before[f'{name}.weight'], getattr(network, name).weight)
                for name in ('spatial', 'temporal', 'stem')
            ]
        )
    assert moved == [[False, True, True], [False, True, True], [True, False, True]] * 2


def test_data_parallelism_that_would_wait_for_gradients_is_rejected(one_process):
    runner = SimpleNamespace(model=DistributedDataParallel(TinyNetwork()))
    with pytest.raises(ConfigError, match='find_unused_parameters = True'):
        AltFreezingHook().before_train(runner)


def test_the_configs_let_processes_go_on_without_frozen_gradients():
    for path in CONFIGS.rglob('altfreezing_*.py'):
        assert 'find_unused_parameters = True' in path.read_text(), path


def test_a_network_without_both_kinds_of_kernels_is_rejected():
    runner = SimpleNamespace(
        model=MODELS.build(load_model_config('miniff/i3d_r18_miniff.py'))
    )
    message = r'Recognizer3D has 6 .*spatial .* and 0 temporal'
    with pytest.raises(ConfigError, match=message):
        AltFreezingHook().before_train(runner)


@pytest.mark.parametrize('name', ['num_spatial_frozen', 'num_temporal_frozen'])
def test_invalid_number_of_steps_is_rejected(name):
    with pytest.raises(ConfigError, match=f'AltFreezingHook: {name}=0'):
        AltFreezingHook(**{name: 0})
