"""Checks that every complete model has to pass."""

from __future__ import annotations

import copy

import torch
from config_reading import CONFIGS, read_config
from mmaction.structures import ActionDataSample

from mmdeepfake.engine.cpu_amp import mixed_precision
from mmdeepfake.models.conversion import convert
from mmdeepfake.registry import MODELS

__all__ = ['CONFIGS']

# Half of a ResNet has each of its parts: 128 channels leave one of depth 18.
TWO_STAGES = dict(num_stages=2, out_indices=(1,), strides=(1, 2), dilations=(1, 1))


def load_model_config(name, **backbone):
    """Return the model of a config below configs/, without ImageNet weights."""
    cfg = read_config(name).model
    if 'pretrained' in cfg.backbone:
        cfg.backbone.pretrained = None
    cfg.backbone.update(backbone)
    return cfg


def build_from_config(name, **backbone):
    """Build the model of a config below configs/ with random weights."""
    torch.manual_seed(0)
    model = MODELS.build(load_model_config(name, **backbone))
    model.init_weights()
    return model


_ON_META = {}  # building takes longer than copying: arguments of `build_on_meta`


def build_on_meta(name, **backbone):
    """The model of a config without any memory for its weights."""
    key = name, repr(backbone)
    if key not in _ON_META:
        with torch.device('meta'):
            _ON_META[key] = MODELS.build(load_model_config(name, **backbone))
    return copy.deepcopy(_ON_META[key])


def convert_all(state, rules, target):
    """Convert a public state that must fill all of the target, and nothing else."""
    converted, report = convert(state, rules, target)
    assert (report.unexpected, report.mismatched, report.missing) == ({}, {}, ())
    return converted


def load_public(model, state, rules):
    """Load a public state into a model; returns it in evaluation mode."""
    if any(parameter.is_meta for parameter in model.parameters()):
        model.to_empty(device='cpu')
    converted = convert_all(state, rules, model.state_dict())
    model.load_state_dict(converted, strict=False)
    return model.train(False)


def count_parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


def make_samples(labels):
    return [ActionDataSample().set_gt_label(label) for label in labels]


def check_overfits(model, clips, labels, *, num_steps=60, learning_rate=1e-3):
    """Train on one batch until evaluation mode classifies all of it correctly.

    Evaluation mode uses the running statistics of batch normalisation and no dropout.
    Every parameter must have changed.
    """
    start = copy.deepcopy(dict(model.named_parameters()))
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    for step in range(1, num_steps + 1):
        model.train()
        loss = model.loss(clips, make_samples(labels))['loss_cls']
        assert torch.isfinite(loss)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 5 == 0 and predict_labels(model, clips) == labels:
            break
    else:
        raise AssertionError(f'not fitted after {num_steps} steps, loss {loss}')
    still = [n for n, p in model.named_parameters() if torch.equal(p, start[n])]
    assert not still, f'never changed: {still}'


@torch.no_grad()
def predict(model, clips):
    model.train(False)
    return model.predict(clips, make_samples([0] * len(clips)))


def predict_labels(model, clips):
    return [sample.pred_label.item() for sample in predict(model, clips)]


def check_round_trip(model, clips, folder):
    """Save, load into another model, and compare the scores bit by bit."""
    torch.save(model.state_dict(), folder / 'model.pth')
    other = copy.deepcopy(model)
    for saved in other.state_dict().values():
        saved.add_(1)
    other.load_state_dict(torch.load(folder / 'model.pth', weights_only=True))
    for ours, theirs in zip(predict(model, clips), predict(other, clips), strict=True):
        assert torch.equal(ours.pred_score, theirs.pred_score)


def check_bfloat16(model, clips, labels):
    """Make a training step and a prediction under autocast, as `--amp` on CPUs."""
    model.train()
    with mixed_precision(model):
        loss = model.loss(clips, make_samples(labels))['loss_cls']
        predicted = predict(model, clips)
    assert loss.dtype == predicted[0].pred_score.dtype == torch.float32
    loss.backward()
    for name, parameter in model.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
