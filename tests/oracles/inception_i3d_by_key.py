"""Inception I3D from a public state dict and its key names; shares no code with ours.

Padding is stated once, as the original has it: windows start every `stride` places from
where the first one hangs over by half of what is missing, rounded down.
"""

import torch
from torch.nn import functional

MODULES = {  # name -> (inputs, 1x1, narrow, wide, narrow, wide, after the pooling)
    '3b': (192, 64, 96, 128, 16, 32, 32),
    '3c': (256, 128, 128, 192, 32, 96, 64),
    '4b': (480, 192, 96, 208, 16, 48, 64),
    '4c': (512, 160, 112, 224, 24, 64, 64),
    '4d': (512, 128, 128, 256, 24, 64, 64),
    '4e': (512, 112, 144, 288, 32, 64, 64),
    '4f': (528, 256, 160, 320, 32, 128, 128),
    '5b': (832, 256, 160, 320, 32, 128, 128),
    '5c': (832, 384, 192, 384, 48, 128, 128),
}
EPS = 1e-3


def public_convs():
    """Public name of each convolution -> (outputs, inputs, side of its kernel)."""
    convs = {
        'Conv3d_1a_7x7': (64, 3, 7),
        'Conv3d_2b_1x1': (64, 64, 1),
        'Conv3d_2c_3x3': (192, 64, 3),
    }
    for name, (inputs, single, n1, w1, n2, w2, pooled) in MODULES.items():
        convs |= {
            f'Mixed_{name}.b0': (single, inputs, 1),
            f'Mixed_{name}.b1a': (n1, inputs, 1),
            f'Mixed_{name}.b1b': (w1, n1, 3),
            f'Mixed_{name}.b2a': (n2, inputs, 1),
            f'Mixed_{name}.b2b': (w2, n2, 3),
            f'Mixed_{name}.b3b': (pooled, inputs, 1),
        }
    return convs


def public_shapes():
    """Name -> shape of every tensor of a public checkpoint of two classes."""
    shapes = {'logits.conv3d.weight': (2, 1024, 1, 1, 1), 'logits.conv3d.bias': (2,)}
    for name, (outputs, inputs, side) in public_convs().items():
        shapes[f'{name}.conv3d.weight'] = (outputs, inputs, side, side, side)
        for part in ('weight', 'bias', 'running_mean', 'running_var'):
            shapes[f'{name}.bn.{part}'] = (outputs,)
        shapes[f'{name}.bn.num_batches_tracked'] = ()
    return shapes


def windows(size, kernel, stride):
    """Places that each window covers, some of them outside: a list of ranges."""
    number = (size + stride - 1) // stride
    covered = (number - 1) * stride + kernel
    first = -(max(covered - size, 0) // 2)
    return [
        range(first + n * stride, first + n * stride + kernel) for n in range(number)
    ]


def extend(x, kernels, strides, fill):
    """Put `fill` around (B, C, T, H, W) wherever a window reaches outside."""
    for axis, (kernel, stride) in enumerate(
        zip(kernels, strides, strict=True), start=2
    ):
        size = x.shape[axis]
        reach = windows(size, kernel, stride)
        before, after = -reach[0][0], max(reach[-1][-1] + 1 - size, 0)
        shape = list(x.shape)
        parts = []
        for length in (before, after):
            shape[axis] = length
            parts.append(x.new_full(shape, fill))
        x = torch.cat([parts[0], x, parts[1]], dim=axis)
    return x


def pool(x, kernels, strides):
    """Maximum over the places inside; nothing outside may win."""
    x = extend(x, kernels, strides, float('-inf'))
    return functional.max_pool3d(x, kernels, strides)


def convolve(state, name, x, stride=1):
    """Convolution, normalisation, ReLU."""
    weight = state[f'{name}.conv3d.weight']
    x = extend(x, weight.shape[2:], (stride,) * 3, 0.0)
    x = functional.conv3d(x, weight, stride=stride)
    x = functional.batch_norm(
        x,
        state[f'{name}.bn.running_mean'],
        state[f'{name}.bn.running_var'],
        state[f'{name}.bn.weight'],
        state[f'{name}.bn.bias'],
        eps=EPS,
    )
    return x.clamp(min=0)


def public_features(state, clips):
    """(B, 3, T, H, W) -> (B, 1024, ceil(T/8), ceil(H/32), ceil(W/32))."""
    x = convolve(state, 'Conv3d_1a_7x7', clips, stride=2)
    x = pool(x, (1, 3, 3), (1, 2, 2))
    x = convolve(state, 'Conv3d_2c_3x3', convolve(state, 'Conv3d_2b_1x1', x))
    x = pool(x, (1, 3, 3), (1, 2, 2))
    for name in MODULES:
        if name == '4b':
            x = pool(x, (3, 3, 3), (2, 2, 2))
        if name == '5b':
            x = pool(x, (2, 2, 2), (2, 2, 2))
        module = f'Mixed_{name}'
        x = torch.cat(
            [
                convolve(state, f'{module}.b0', x),
                convolve(state, f'{module}.b1b', convolve(state, f'{module}.b1a', x)),
                convolve(state, f'{module}.b2b', convolve(state, f'{module}.b2a', x)),
                convolve(state, f'{module}.b3b', pool(x, (3, 3, 3), (1, 1, 1))),
            ],
            dim=1,
        )
    return x


def public_logits(state, clips):
    """Mean over time and space, then the 1x1x1 convolution, which is a matrix here."""
    pooled = public_features(state, clips).mean(dim=(2, 3, 4))
    matrix = state['logits.conv3d.weight'][:, :, 0, 0, 0]
    return pooled @ matrix.T + state['logits.conv3d.bias']
