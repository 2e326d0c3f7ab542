"""Xception from a public state dict and its key names; shares no code with the product.

One block in plain loops, and the whole network as a list of steps on `functional`.
"""

import numpy as np
from torch.nn import functional

# Block -> (channels before and after each convolution, stride, place of the first one).
BLOCKS = {
    1: ((64, 128, 128), 2, 0),
    2: ((128, 256, 256), 2, 1),
    3: ((256, 728, 728), 2, 1),
    **{number: ((728, 728, 728, 728), 1, 1) for number in range(4, 12)},
    12: ((728, 728, 1024), 2, 1),
}


def public_shapes():
    """Name -> shape of every tensor of FaceForensics++'s file, the classifier `fc`."""
    shapes = {}

    def normalisation(name, width):
        for part in ('weight', 'bias', 'running_mean', 'running_var'):
            shapes[f'{name}.{part}'] = (width,)

    def separable(name, before, after):
        shapes[f'{name}.conv1.weight'] = (before, 1, 3, 3)
        shapes[f'{name}.pointwise.weight'] = (after, before, 1, 1)

    shapes['conv1.weight'] = (32, 3, 3, 3)
    normalisation('bn1', 32)
    shapes['conv2.weight'] = (64, 32, 3, 3)
    normalisation('bn2', 64)
    for number, (widths, _, first) in BLOCKS.items():
        if widths[0] != widths[-1]:
            shapes[f'block{number}.skip.weight'] = (widths[-1], widths[0], 1, 1)
            normalisation(f'block{number}.skipbn', widths[-1])
        for index in range(len(widths) - 1):
            place = first + 3 * index
            separable(f'block{number}.rep.{place}', widths[index], widths[index + 1])
            normalisation(f'block{number}.rep.{place + 1}', widths[index + 1])
    separable('conv3', 1024, 1536)
    normalisation('bn3', 1536)
    separable('conv4', 1536, 2048)
    normalisation('bn4', 2048)
    shapes['fc.weight'], shapes['fc.bias'] = (2, 2048), (2,)
    return shapes


def public_logits(state, images):
    """What the public network gives in evaluation mode; images (B, 3, H, W)."""

    def normalise(name, x):
        return functional.batch_norm(
            x,
            state[f'{name}.running_mean'],
            state[f'{name}.running_var'],
            state[f'{name}.weight'],
            state[f'{name}.bias'],
        )

    def separate(name, x):
        weight = state[f'{name}.conv1.weight']
        x = functional.conv2d(x, weight, padding=1, groups=len(weight))
        return functional.conv2d(x, state[f'{name}.pointwise.weight'])

    x = functional.conv2d(images, state['conv1.weight'], stride=2)
    x = normalise('bn1', x).clamp(min=0)
    x = normalise('bn2', functional.conv2d(x, state['conv2.weight'])).clamp(min=0)
    for number, (widths, stride, first) in BLOCKS.items():
        shortcut = x
        for index in range(len(widths) - 1):
            place = first + 3 * index
            if place > 0:
                x = x.clamp(min=0)
            x = separate(f'block{number}.rep.{place}', x)
            x = normalise(f'block{number}.rep.{place + 1}', x)
        if stride == 2:
            x = functional.max_pool2d(x, 3, 2, 1)
        if f'block{number}.skip.weight' in state:
            weight = state[f'block{number}.skip.weight']
            shortcut = functional.conv2d(shortcut, weight, stride=stride)
            shortcut = normalise(f'block{number}.skipbn', shortcut)
        x = x + shortcut
    x = normalise('bn3', separate('conv3', x)).clamp(min=0)
    x = normalise('bn4', separate('conv4', x)).clamp(min=0)
    return x.mean(dim=(2, 3)) @ state['fc.weight'].T + state['fc.bias']


def relu(x):
    return np.where(x > 0, x, 0.0)


def separable_in_loops(x, depthwise, pointwise):
    """x (C, H, W), depthwise (C, 3, 3), pointwise (C', C): zero-padded, no bias."""
    channels, height, width = x.shape
    filtered = np.zeros_like(x)
    for c in range(channels):
        for i in range(height):
            for j in range(width):
                for di in range(3):
                    for dj in range(3):
                        row, column = i + di - 1, j + dj - 1
                        if 0 <= row < height and 0 <= column < width:
                            filtered[c, i, j] += (
                                depthwise[c, di, dj] * x[c, row, column]
                            )
    out = np.zeros((len(pointwise), height, width))
    for k in range(len(pointwise)):
        for c in range(channels):
            out[k] += pointwise[k, c] * filtered[c]
    return out


def normalise_in_loops(x, mean, var, weight, bias, eps=1e-5):
    out = np.empty_like(x)
    for c in range(len(x)):
        out[c] = (x[c] - mean[c]) / (var[c] + eps) ** 0.5 * weight[c] + bias[c]
    return out


def max_pool_in_loops(x, stride):
    """Windows of 3 centred on every `stride`-th row and column; outside counts not."""
    channels, height, width = x.shape
    rows, columns = range(0, height, stride), range(0, width, stride)
    out = np.empty((channels, len(rows), len(columns)))
    for c in range(channels):
        for a, i in enumerate(rows):
            for b, j in enumerate(columns):
                out[c, a, b] = max(
                    x[c, r, s]
                    for r in range(max(i - 1, 0), min(i + 2, height))
                    for s in range(max(j - 1, 0), min(j + 2, width))
                )
    return out
