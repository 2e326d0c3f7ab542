import copy
import math
from types import SimpleNamespace

import pytest
import torch
from fault_builders.training_in_process import make_runner
from mmengine.optim import OptimWrapper
from torch import nn

from mmdeepfake.engine import CPUAmpOptimWrapper, FiniteGradientsHook
from mmdeepfake.errors import ConfigError


class SpoiledGradient(torch.autograd.Function):
    """The identity, whose backward pass puts a value into one place."""

    @staticmethod
    def forward(ctx, inputs, value):
        ctx.value = value
        return inputs.clone()

    @staticmethod
    def backward(ctx, gradient):
        gradient = gradient.clone()
        gradient.view(-1)[0] = ctx.value
        return gradient, None


def make_model():
    return nn.ModuleDict({'first': nn.Linear(3, 2), 'last': nn.Linear(3, 2)})


def compute_loss(model, value=None):
    weight = model['last'].weight
    if value is not None:
        weight = SpoiledGradient.apply(weight, value)
    inputs = torch.ones(4, 3)
    return (model['first'](inputs) + nn.functional.linear(inputs, weight)).sum()


def watch(model, wrapper):
    FiniteGradientsHook().before_train(
        SimpleNamespace(model=model, optim_wrapper=wrapper, iter=6)
    )
    return wrapper


def make_wrapper(model, kind=OptimWrapper, **options):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return watch(model, kind(optimizer=optimizer, **options))


def assert_untouched(model, state):
    torch.testing.assert_close(model.state_dict(), state, rtol=0, atol=0)


@pytest.mark.parametrize('value', [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    ('kind', 'options'),
    [
        (OptimWrapper, {}),
        (CPUAmpOptimWrapper, {}),
        (OptimWrapper, {'clip_grad': {'max_norm': 1.0}}),
        (OptimWrapper, {'clip_grad': {'type': 'value', 'clip_value': 1.0}}),
    ],
)
def test_it_stops_the_run_and_names_the_parameter(kind, options, value):
    model = make_model()
    wrapper = make_wrapper(model, kind, **copy.deepcopy(options))
    before = copy.deepcopy(model.state_dict())
    message = r'gradient of last\.weight is not finite at iteration 7 \(1 of 6 values'
    with pytest.raises(ConfigError, match=message):
        wrapper.update_params(compute_loss(model, value))
    assert_untouched(model, before)


def test_it_counts_the_other_parameters():
    model = make_model()
    wrapper = make_wrapper(model)
    with pytest.raises(ConfigError, match=r'first\.weight and of 1 more parameters'):
        wrapper.update_params(model['first'](torch.ones(4, 3)).sum() * math.nan)


def test_accumulated_gradients_are_checked_when_they_are_applied():
    model = make_model()
    wrapper = make_wrapper(model, accumulative_counts=3)
    before = copy.deepcopy(model.state_dict())
    wrapper.update_params(compute_loss(model))
    wrapper.update_params(compute_loss(model, math.nan))
    with pytest.raises(ConfigError, match=r'last\.weight'):
        wrapper.update_params(compute_loss(model))
    assert_untouched(model, before)


def test_finite_gradients_change_the_weights_as_ever():
    """Those included whose norm overflows."""
    model = make_model()
    other = copy.deepcopy(model)
    plain = OptimWrapper(torch.optim.SGD(other.parameters(), lr=0.1))
    for factor in (1.0, 1e30):
        make_wrapper(model).update_params(compute_loss(model) * factor)
        plain.update_params(compute_loss(other) * factor)
    assert_untouched(model, other.state_dict())


class ScaledWrapper(OptimWrapper):
    """AmpOptimWrapper without its need of a GPU."""

    def __init__(self, enabled=True, **options):
        super().__init__(**options)
        self.loss_scaler = torch.amp.GradScaler('cpu', init_scale=8, enabled=enabled)

    def backward(self, loss, **options):
        self.loss_scaler.scale(loss).backward(**options)
        self._inner_count += 1

    def step(self, **options):
        self.loss_scaler.step(self.optimizer, **options)
        self.loss_scaler.update()


def test_a_gradient_scaler_skips_the_step_and_goes_on():
    model = make_model()
    wrapper = make_wrapper(model, ScaledWrapper)
    before = copy.deepcopy(model.state_dict())
    wrapper.update_params(compute_loss(model, math.inf))
    assert_untouched(model, before)
    assert wrapper.loss_scaler.get_scale() == 4
    wrapper.update_params(compute_loss(model))
    assert not torch.equal(model['last'].weight, before['last.weight'])


def test_a_gradient_scaler_that_is_off_guards_nothing():
    model = make_model()
    wrapper = make_wrapper(model, ScaledWrapper, enabled=False)
    with pytest.raises(ConfigError, match=r'last\.weight'):
        wrapper.update_params(compute_loss(model, math.inf))


def test_a_training_by_our_configs_stops(tmp_path):
    runner = make_runner(tmp_path / 'run')
    weight = runner.model.backbone.conv.weight
    weight.register_hook(lambda gradient: gradient * math.nan)
    with pytest.raises(ConfigError, match=r'backbone\.conv\.weight .* at iteration 1 '):
        runner.train()
    assert weight.isfinite().all()
