"""V4D's 4D convolution in plain loops, and its network as the public code lays it out.

A function of tensors under the public code's names; `public_shapes` lists them. Nothing
here is shared with the package.
"""

import numpy as np
import torch
import torch.nn.functional as F

EPSILON = 1e-5  # of PyTorch's batch norm
NUM_BLOCKS = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3)}
R4D_STAGES = {18: (2, 3), 50: (2,)}  # an R4D after every second block of these


def convolve_4d(x, kernel):
    """(B, C, U, T, H, W) with (F, C, 3, 3, 1, 1), zero-padded over U and T; arrays."""
    channels, snippets, frames = x.shape[1:4]
    out = np.zeros((len(x), len(kernel), *x.shape[2:]))
    for b, f, u, t, i, j in np.ndindex(out.shape):
        for c in range(channels):
            for du in (-1, 0, 1):
                for dt in (-1, 0, 1):
                    if 0 <= u + du < snippets and 0 <= t + dt < frames:
                        out[b, f, u, t, i, j] += (
                            kernel[f, c, du + 1, dt + 1, 0, 0]
                            * x[b, c, u + du, t + dt, i, j]
                        )
    return out


def batch_norm(x, state, name):
    return F.batch_norm(
        x,
        state[f'{name}.running_mean'],
        state[f'{name}.running_var'],
        state[f'{name}.weight'],
        state[f'{name}.bias'],
        eps=EPSILON,
    )


def convolve(x, state, conv, norm, stride=1):
    weight = state[f'{conv}.weight']
    padding = [side // 2 for side in weight.shape[2:]]
    x = F.conv3d(x, weight, stride=(1, stride, stride), padding=padding)
    return batch_norm(x, state, norm)


def residual_block(x, state, name, stride):
    bottleneck = f'{name}.conv3.weight' in state
    out, last = x, 3 if bottleneck else 2
    for index in range(1, last + 1):
        # The stride is that of the first 3x3.
        here = stride if index == (2 if bottleneck else 1) else 1
        out = convolve(out, state, f'{name}.conv{index}', f'{name}.bn{index}', here)
        out = F.relu(out) if index < last else out
    if f'{name}.downsample.0.weight' in state:
        x = convolve(x, state, f'{name}.downsample.0', f'{name}.downsample.1', stride)
    return F.relu(out + x)


def r4d(x, kernel, num_snippets):
    """Sum of nine 1x1 convolutions of a video shifted along snippets and frames."""
    video = x.reshape(-1, num_snippets, *x.shape[1:])  # b u c t h w
    padded = F.pad(video, (0, 0, 0, 0, 1, 1, 0, 0, 1, 1))
    num_frames = x.shape[2]
    out = video
    for du in range(3):
        for dt in range(3):
            part = padded[:, du : du + num_snippets, :, dt : dt + num_frames]
            out = out + torch.einsum(
                'fc,bucthw->bufthw', kernel[:, :, du, dt, 0, 0], part
            )
    return out.flatten(0, 1)


def network(clips, state, *, depth):
    """Mean logits; (B, U, 3, T, H, W), keys of the public network, 6D R4D kernels."""
    num_snippets = clips.shape[1]
    x = convolve(clips.flatten(0, 1), state, 'base_model.conv1', 'base_model.bn1', 2)
    x = F.max_pool3d(F.relu(x), (1, 3, 3), (1, 2, 2), (0, 1, 1))
    for stage, num_blocks in enumerate(NUM_BLOCKS[depth], 1):
        place = 0
        for index in range(num_blocks):
            name = f'base_model.layer{stage}.{place}'
            x = residual_block(x, state, name, 2 if stage > 1 and index == 0 else 1)
            place += 1
            if stage in R4D_STAGES[depth] and index % 2 == 1:
                kernel = state[f'base_model.layer{stage}.{place}.tsa.weight']
                x = r4d(x, kernel, num_snippets)
                place += 1
    logits = F.linear(x.mean((2, 3, 4)), state['new_fc.weight'], state['new_fc.bias'])
    return logits.reshape(*clips.shape[:2], -1).mean(1)


def public_shapes(depth, *, base_channels=64, num_classes=2):
    """Every tensor of the public network: name -> shape."""
    shapes = {}

    def add(conv, norm, *shape):
        shapes[f'{conv}.weight'] = shape
        for part in ('weight', 'bias', 'running_mean', 'running_var'):
            shapes[f'{norm}.{part}'] = shape[:1]
        shapes[f'{norm}.num_batches_tracked'] = ()

    root = 'base_model'
    add(f'{root}.conv1', f'{root}.bn1', base_channels, 3, 1, 7, 7)
    before = base_channels
    for stage, num_blocks in enumerate(NUM_BLOCKS[depth], 1):
        planes, time = base_channels * 2 ** (stage - 1), 3 if stage > 2 else 1
        out = planes * (4 if depth == 50 else 1)
        place = 0
        for index in range(num_blocks):
            b = f'{root}.layer{stage}.{place}'
            if depth == 50:
                add(f'{b}.conv1', f'{b}.bn1', planes, before, time, 1, 1)
                add(f'{b}.conv2', f'{b}.bn2', planes, planes, 1, 3, 3)
                add(f'{b}.conv3', f'{b}.bn3', out, planes, 1, 1, 1)
            else:
                add(f'{b}.conv1', f'{b}.bn1', planes, before, time, 3, 3)
                add(f'{b}.conv2', f'{b}.bn2', planes, planes, time, 3, 3)
            if index == 0 and (stage > 1 or before != out):
                add(f'{b}.downsample.0', f'{b}.downsample.1', out, before, 1, 1, 1)
            before, place = out, place + 1
            if stage in R4D_STAGES[depth] and index % 2 == 1:
                name = f'{root}.layer{stage}.{place}.tsa.weight'
                shapes[name] = (out, out, 3, 3, 1, 1)
                place += 1
    shapes['new_fc.weight'] = (num_classes, before)
    shapes['new_fc.bias'] = (num_classes,)
    return shapes
