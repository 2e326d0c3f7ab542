"""FaceNet's Inception-ResNet-v1 from a public state dict and its key names.

Shares no code with the product: the network is a list of steps on `functional`.
"""

import torch
from oracles.by_key import batch_norm
from torch.nn import functional

EPS = 1e-3
STEM = {  # name -> (inputs, outputs, kernel, stride, padding)
    '1a': (3, 32, 3, 2, 0),
    '2a': (32, 32, 3, 1, 0),
    '2b': (32, 64, 3, 1, 1),
    '3b': (64, 80, 1, 1, 0),
    '4a': (80, 192, 3, 1, 0),
    '4b': (192, 256, 3, 2, 0),
}
# Branch -> outputs and kernel of each convolution; one that stands alone has no number.
SMALL = {'branch0': [(32, 1)], 'branch1': [(32, 1), (32, 3)]}
BLOCKS = {  # prefix -> (number, channels, branches, scale)
    'repeat_1': (5, 256, {**SMALL, 'branch2': [(32, 1), (32, 3), (32, 3)]}, 0.17),
    'repeat_2': (
        10,
        896,
        {'branch0': [(128, 1)], 'branch1': [(128, 1), (128, (1, 7)), (128, (7, 1))]},
        0.1,
    ),
    'repeat_3': (
        5,
        1792,
        {'branch0': [(192, 1)], 'branch1': [(192, 1), (192, (1, 3)), (192, (3, 1))]},
        0.2,
    ),
}
REDUCTIONS = {
    'mixed_6a': (
        256,
        {'branch0': [(384, 3)], 'branch1': [(192, 1), (192, 3), (256, 3)]},
    ),
    'mixed_7a': (
        896,
        {
            'branch0': [(256, 1), (384, 3)],
            'branch1': [(256, 1), (256, 3)],
            'branch2': [(256, 1), (256, 3), (256, 3)],
        },
    ),
}


def names_of_branch(prefix, layers):
    if len(layers) == 1:
        return [prefix]
    return [f'{prefix}.{index}' for index in range(len(layers))]


def normalisation_shapes(name, width):
    parts = ('weight', 'bias', 'running_mean', 'running_var')
    return {f'{name}.{part}': (width,) for part in parts}


def conv_shapes(name, inputs, outputs, kernel):
    kernel = (kernel, kernel) if isinstance(kernel, int) else kernel
    shapes = {f'{name}.conv.weight': (outputs, inputs, *kernel)}
    return shapes | normalisation_shapes(f'{name}.bn', outputs)


def branch_shapes(prefix, inputs, listed):
    shapes = {}
    for branch, layers in listed.items():
        before = inputs
        names = names_of_branch(f'{prefix}.{branch}', layers)
        for name, (outputs, kernel) in zip(names, layers, strict=True):
            shapes |= conv_shapes(name, before, outputs, kernel)
            before = outputs
    return shapes


def public_shapes():
    """Name -> shape of every tensor of the VGGFace2 file but its classifier."""
    shapes = {}
    for name, (inputs, outputs, kernel, _, _) in STEM.items():
        shapes |= conv_shapes(f'conv2d_{name}', inputs, outputs, kernel)
    for prefix, (inputs, listed) in REDUCTIONS.items():
        shapes |= branch_shapes(prefix, inputs, listed)
    for prefix, (number, channels, listed, _) in BLOCKS.items():
        blocks = [f'{prefix}.{index}' for index in range(number)]
        for block in blocks + ['block8'] * (prefix == 'repeat_3'):
            merged = sum(layers[-1][0] for layers in listed.values())
            shapes |= branch_shapes(block, channels, listed)
            shapes[f'{block}.conv2d.weight'] = (channels, merged, 1, 1)
            shapes[f'{block}.conv2d.bias'] = (channels,)
    shapes['last_linear.weight'] = (512, 1792)
    return shapes | normalisation_shapes('last_bn', 512)


def convolve(state, name, x, *, stride=1, padding=0):
    weight = state[f'{name}.conv.weight']
    x = functional.conv2d(x, weight, stride=stride, padding=padding)
    return batch_norm(state, f'{name}.bn', x, eps=EPS).clamp(min=0)


def run_branch(state, prefix, layers, x, *, shrinks):
    for index, name in enumerate(names_of_branch(prefix, layers)):
        kernel = state[f'{name}.conv.weight'].shape[2:]
        if shrinks and index == len(layers) - 1:
            x = convolve(state, name, x, stride=2)
        else:
            x = convolve(state, name, x, padding=[(size - 1) // 2 for size in kernel])
    return x


def run_block(state, block, listed, scale, x):
    found = [
        run_branch(state, f'{block}.{branch}', layers, x, shrinks=False)
        for branch, layers in listed.items()
    ]
    weight, bias = state[f'{block}.conv2d.weight'], state[f'{block}.conv2d.bias']
    return functional.conv2d(torch.cat(found, 1), weight, bias) * scale + x


def run_reduction(state, prefix, x):
    found = [
        run_branch(state, f'{prefix}.{branch}', layers, x, shrinks=True)
        for branch, layers in REDUCTIONS[prefix][1].items()
    ]
    return torch.cat([*found, functional.max_pool2d(x, 3, 2)], 1)


def public_embeddings(state, frames):
    """(B, 3, H, W) -> (B, 512), before they are scaled to length 1."""
    x = frames
    for name, (_, _, _, stride, padding) in STEM.items():
        if name == '3b':
            x = functional.max_pool2d(x, 3, 2)
        x = convolve(state, f'conv2d_{name}', x, stride=stride, padding=padding)
    for prefix, (number, _, listed, scale) in BLOCKS.items():
        if prefix == 'repeat_2':
            x = run_reduction(state, 'mixed_6a', x)
        if prefix == 'repeat_3':
            x = run_reduction(state, 'mixed_7a', x)
        for index in range(number):
            x = run_block(state, f'{prefix}.{index}', listed, scale, x).clamp(min=0)
    x = run_block(state, 'block8', BLOCKS['repeat_3'][2], 1.0, x)
    embedded = x.mean((2, 3)) @ state['last_linear.weight'].T
    return batch_norm(state, 'last_bn', embedded, eps=EPS)
