"""What oracles share that compute a public network from its state dict by key."""

import math

import torch
from torch.nn import functional


def draw(shapes, dtype=torch.float32, gain=1.0):
    """Random weights, with statistics unlike the initial ones; features stay small."""
    state = {}
    for name, shape in shapes.items():
        if name.endswith('num_batches_tracked'):
            state[name] = torch.tensor(0)
        elif len(shape) == 1 and name.endswith(('weight', 'running_var')):
            state[name] = torch.rand(shape, dtype=dtype) + 0.5
        elif len(shape) == 1 or any(
            word in name for word in ('bias_table', 'pos_embed', 'cls_token')
        ):
            state[name] = 0.3 * torch.randn(shape, dtype=dtype)
        else:
            fan_in = math.prod(shape[1:])
            state[name] = gain * torch.randn(shape, dtype=dtype) / fan_in**0.5
    return state


def batch_norm(state, name, x, eps=1e-5):
    parts = ('running_mean', 'running_var', 'weight', 'bias')
    return functional.batch_norm(x, *(state[f'{name}.{p}'] for p in parts), eps=eps)


def norm_rows(state, name, rows, eps=1e-5):
    """Layer normalisation of the last axis."""
    weight, bias = state[f'{name}.weight'], state[f'{name}.bias']
    return functional.layer_norm(rows, weight.shape, weight, bias, eps=eps)


def linear(state, name, rows):
    return functional.linear(rows, state[f'{name}.weight'], state[f'{name}.bias'])
