"""DoubleRNN's parts in plain loops, and DenseNet by public names; no shared code."""

import math

import torch
from oracles.lstm_in_loops import run_lstm, weighted_sums
from torch.nn import functional


def log_filter(sigma, side):
    """The filter at each place, less its mean, its magnitudes summing to one."""
    middle = (side - 1) / 2
    kernel = []
    for row in range(side):
        kernel.append([])
        for column in range(side):
            r2 = (row - middle) ** 2 + (column - middle) ** 2
            kernel[-1].append((r2 - 2 * sigma**2) * math.exp(-r2 / (2 * sigma**2)))
    mean = sum(map(sum, kernel)) / side**2
    size = sum(abs(value - mean) for row in kernel for value in row)
    return [[(value - mean) / size for value in row] for row in kernel]


def filter_band(picture, kernel):
    """Correlate a picture with a filter; outside, the nearest place counts."""
    height, width, reach = len(picture), len(picture[0]), len(kernel) // 2
    return [
        [
            sum(
                kernel[i + reach][j + reach]
                * picture[min(max(row + i, 0), height - 1)][
                    min(max(column + j, 0), width - 1)
                ]
                for i in range(-reach, reach + 1)
                for j in range(-reach, reach + 1)
            )
            for column in range(width)
        ]
        for row in range(height)
    ]


def isolate(features, labels, centre, r_real, r_fake):
    """The loss of a batch; nested lists."""
    costs = {0: [], 1: []}
    for feature, label in zip(features, labels, strict=True):
        pairs = zip(feature, centre, strict=True)
        distance = math.sqrt(sum((a - b) ** 2 for a, b in pairs))
        cost = distance - r_real if label == 0 else r_fake - distance
        costs[label].append(max(cost, 0.0))
    return sum(sum(some) / len(some) for some in costs.values() if some)


def video_feature(frames, forward, backward, project, *, length):
    """Feature of one video; frames (F, C), LSTM weights both ways, sequences of L."""
    totals = [0.0] * len(project['weight'])
    starts = range(0, len(frames), length)
    for start in starts:
        sequence = frames[start : start + length]
        ahead = run_lstm(sequence, forward)
        behind = run_lstm(sequence[::-1], backward)[::-1]
        states = [a + b for a, b in zip(ahead, behind, strict=True)]
        mean = [sum(column) / length for column in zip(*states, strict=True)]
        feature = weighted_sums(project['weight'], mean, project['bias'])
        totals = [t + x / len(starts) for t, x in zip(totals, feature, strict=True)]
    return totals


NORM_PARTS = ('running_mean', 'running_var', 'weight', 'bias')


def densenet_shapes(num_layers=(6, 12, 24, 16), dotted=False):
    """Name -> shape in torchvision's file; released files have a dot more."""
    dot = '.' if dotted else ''
    shapes = {'features.conv0.weight': (64, 3, 7, 7)}
    norms = {'features.norm0': 64}
    channels = 64
    for block, number in enumerate(num_layers, start=1):
        for layer in range(1, number + 1):
            name = f'features.denseblock{block}.denselayer{layer}'
            norms |= {f'{name}.norm{dot}1': channels, f'{name}.norm{dot}2': 128}
            shapes[f'{name}.conv{dot}1.weight'] = (128, channels, 1, 1)
            shapes[f'{name}.conv{dot}2.weight'] = (32, 128, 3, 3)
            channels += 32
        if block < 4:
            name = f'features.transition{block}'
            norms[f'{name}.norm'] = channels
            shapes[f'{name}.conv.weight'] = (channels // 2, channels, 1, 1)
            channels //= 2
    norms['features.norm5'] = channels
    for name, width in norms.items():
        shapes |= {f'{name}.{part}': (width,) for part in NORM_PARTS}
    return shapes | {'classifier.weight': (1000, channels), 'classifier.bias': (1000,)}


def densenet_features(state, frames, num_layers=(6, 12, 24, 16)):
    """(B, 3, H, W) -> (B, C, H / 32, W / 32)."""

    def activate(name, x):
        return functional.batch_norm(
            x, *(state[f'{name}.{part}'] for part in NORM_PARTS)
        ).clamp(min=0)

    def convolve(name, x, **options):
        return functional.conv2d(x, state[f'{name}.weight'], **options)

    x = convolve('features.conv0', frames, stride=2, padding=3)
    x = functional.max_pool2d(activate('features.norm0', x), 3, 2, 1)
    for block, number in enumerate(num_layers, start=1):
        for layer in range(1, number + 1):
            name = f'features.denseblock{block}.denselayer{layer}'
            new = convolve(f'{name}.conv1', activate(f'{name}.norm1', x))
            new = convolve(f'{name}.conv2', activate(f'{name}.norm2', new), padding=1)
            x = torch.cat([x, new], 1)
        if block < 4:
            name = f'features.transition{block}'
            x = convolve(f'{name}.conv', activate(f'{name}.norm', x))
            x = functional.avg_pool2d(x, 2)
    return activate('features.norm5', x)
