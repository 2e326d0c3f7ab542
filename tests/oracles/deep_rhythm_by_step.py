"""DeepRhythm's network after its Keras code, step by step; shares no code with ours.

Tensors stand as there, (B, rows, columns, channels), and so does padding: windows start
every `stride` places from where the first hangs over by half of what is missing.
"""

import torch
from oracles.lstm_in_loops import run_lstm, weighted_sums
from torch.nn import functional


def hang_over(size, kernel, stride):
    """What 'same' adds before and after an axis."""
    number = (size + stride - 1) // stride
    missing = max((number - 1) * stride + kernel - size, 0)
    return missing // 2, missing - missing // 2


def surround(x, kernel, stride, fill):
    """Put `fill` around rows and columns as 'same' asks for."""
    for axis in (1, 2):
        parts = []
        amounts = hang_over(x.shape[axis], kernel[axis - 1], stride)
        for amount in amounts:
            shape = list(x.shape)
            shape[axis] = amount
            parts.append(x.new_full(shape, fill))
        x = torch.cat([parts[0], x, parts[1]], dim=axis)
    return x


def pool(x, kernel, stride):
    x = surround(x, kernel, stride, float('-inf')).permute(0, 3, 1, 2)
    return functional.max_pool2d(x, kernel, stride).permute(0, 2, 3, 1)


def conv_relu_norm(x, weights, name, *, axis, stride=1, same=True):
    """The code's Conv2d_BN in evaluation; `axis` 2 is columns, 3 channels."""
    kernel = weights[f'{name}.conv.weight']
    if same:
        x = surround(x, kernel.shape[2:], stride, 0.0)
    x = functional.conv2d(
        x.permute(0, 3, 1, 2), kernel, weights[f'{name}.conv.bias'], stride=stride
    )
    x = x.clamp(min=0).permute(0, 2, 3, 1)
    inner = f'{name}.norm.norm' if axis == 2 else f'{name}.norm'
    shape = [1, 1, 1, 1]
    shape[axis] = -1
    mean, variance, scale, offset = (
        weights[f'{inner}.{part}'].view(shape)
        for part in ('running_mean', 'running_var', 'weight', 'bias')
    )
    return (x - mean) / (variance + 1e-3).sqrt() * scale + offset


def unit(values):
    length = sum(value**2 for value in values) ** 0.5
    return [value / length for value in values]


def spatial_attention(x, weights, axis):
    """(1, T, 25, 3) -> 25 numbers."""
    x = conv_relu_norm(x, weights, 'spatial.conv', axis=axis, same=False)
    x = pool(x, (15, 1), 1)
    # Our dense layer reads channel by channel; any order of its inputs is as good.
    flat = x.permute(0, 3, 1, 2).flatten().tolist()
    dense = weights['spatial.dense.weight'].tolist()
    return unit(weighted_sums(dense, flat, weights['spatial.dense.bias'].tolist()))


def temporal_attention(x, weights):
    """(1, T, 25, 3) -> T numbers; the weight of the constant input is the bias."""
    entering = weights['temporal.lstm.weight_ih_l0']
    recurrent = weights['temporal.lstm.weight_hh_l0']
    plain = dict(
        input=entering[:, :-1].tolist(),
        input_bias=entering[:, -1].tolist(),
        recurrent=recurrent.tolist(),
        recurrent_bias=[0.0] * len(recurrent),
    )
    state = run_lstm(x[0].flatten(1).tolist(), plain)[-1]
    dense = weights['temporal.dense.weight'].tolist()
    return unit(weighted_sums(dense, state, weights['temporal.dense.bias'].tolist()))


def attend(x, cells, frames, scores, alpha, beta):
    """Z of one map in loops: (T, 25, 3) nested lists."""
    prior = [1.0 if cell in (3, 8, 12, 14, 17, 19) else 0.0 for cell in range(25)]
    return [
        [
            [
                scores[t] * alpha * (frames[t] * cells[w] + prior[w]) * x[t][w][c]
                + scores[t] * beta
                for c in range(3)
            ]
            for w in range(25)
        ]
        for t in range(len(x))
    ]


def network(x, weights, *, axis, scores=None):
    """(1, T, 25, 3) -> 512 features."""
    cells, frames = spatial_attention(x, weights, axis), temporal_attention(x, weights)
    scores = scores or [1.0] * x.shape[1]
    alpha, beta = weights['alpha'].item(), weights['beta'].item()
    z = attend(x[0].tolist(), cells, frames, scores, alpha, beta)
    z = functional.pad(torch.tensor([z], dtype=x.dtype), [0, 0, 3, 3, 3, 3])
    z = conv_relu_norm(z, weights, 'stem', axis=axis, stride=2, same=False)
    z = pool(z, (3, 3), 2)
    for block in range(8):
        stride = 2 if block in (2, 4, 6) else 1
        name, shortcut = f'blocks.{block}', z
        if stride == 2:
            shortcut = conv_relu_norm(
                z, weights, f'{name}.shortcut', axis=axis, stride=stride
            )
        z = conv_relu_norm(z, weights, f'{name}.conv1', axis=axis, stride=stride)
        z = conv_relu_norm(z, weights, f'{name}.conv2', axis=axis) + shortcut
    # One window of 7 rows, and what is beyond it is left.
    return z[:, :7].mean(dim=(1, 2))[0]
