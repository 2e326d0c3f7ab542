"""FTCN and AltFreezing from a public state dict and its key names, as SlowFast's I3D.

Shares no code with ours. Both public networks are one I3D; FTCN's has its 3 x 3 kernels
cut to 1 x 1, its spatial strides done by pooling after the normalisation, which then
stands first in a list, and no last stage.
"""

import torch
from torch.nn import functional

BLOCKS = (3, 4, 6, 3)
TAPS = ((3, 3, 3), (3, 1, 3, 1), (3, 1, 3, 1, 3, 1), (1, 3, 1))
NORM_PARTS = ('weight', 'bias', 'running_mean', 'running_var')


def i3d_shapes(*, num_stages, side, base=64):
    """Name -> shape of the backbone; `side` is that of spatial kernels: 3, or 1."""
    pooled = side == 1
    stem = 7 if side == 3 else 1
    shapes = {'s1.pathway0_stem.conv.weight': (base, 3, 5, stem, stem)}

    def normalisation(name, width, *, before_pool):
        for part in NORM_PARTS:
            shapes[f'{name}.{"0." if before_pool and pooled else ""}{part}'] = (width,)

    normalisation('s1.pathway0_stem.bn', base, before_pool=True)
    width = base
    for stage in range(num_stages):
        planes = base * 2**stage
        for index in range(BLOCKS[stage]):
            block = f's{stage + 2}.pathway0_res{index}'
            halves = stage > 0 and index == 0
            if index == 0:
                shapes[f'{block}.branch1.weight'] = (4 * planes, width, 1, 1, 1)
                normalisation(f'{block}.branch1_bn', 4 * planes, before_pool=halves)
            taps = TAPS[stage][index]
            shapes[f'{block}.branch2.a.weight'] = (planes, width, taps, 1, 1)
            shapes[f'{block}.branch2.b.weight'] = (planes, planes, 1, side, side)
            shapes[f'{block}.branch2.c.weight'] = (4 * planes, planes, 1, 1, 1)
            normalisation(f'{block}.branch2.a_bn', planes, before_pool=False)
            normalisation(f'{block}.branch2.b_bn', planes, before_pool=halves)
            normalisation(f'{block}.branch2.c_bn', 4 * planes, before_pool=False)
            width = 4 * planes
    return shapes


def ftcn_shapes(base=64, num_tokens=16, heads=16, hidden=2048):
    width, inner = base * 16, heads * 64
    shapes = i3d_shapes(num_stages=3, side=1, base=base)
    layer = 'head.time_T.transformer.layers.0'
    shapes |= {
        'head.time_T.pos_embedding': (1, num_tokens + 1, width),
        'head.time_T.cls_token': (1, 1, width),
        f'{layer}.0.fn.norm.weight': (width,),
        f'{layer}.0.fn.norm.bias': (width,),
        f'{layer}.0.fn.fn.to_qkv.weight': (3 * inner, width),
        f'{layer}.0.fn.fn.to_out.0.weight': (width, inner),
        f'{layer}.0.fn.fn.to_out.0.bias': (width,),
        f'{layer}.1.fn.norm.weight': (width,),
        f'{layer}.1.fn.norm.bias': (width,),
        f'{layer}.1.fn.fn.net.0.weight': (hidden, width),
        f'{layer}.1.fn.fn.net.0.bias': (hidden,),
        f'{layer}.1.fn.fn.net.3.weight': (width, hidden),
        f'{layer}.1.fn.fn.net.3.bias': (width,),
        'head.time_T.mlp_head.0.weight': (width,),
        'head.time_T.mlp_head.0.bias': (width,),
        'head.time_T.mlp_head.1.weight': (1, width),
        'head.time_T.mlp_head.1.bias': (1,),
    }
    return {f'resnet.{name}': shape for name, shape in shapes.items()}


def altfreezing_shapes(base=64):
    shapes = i3d_shapes(num_stages=4, side=3, base=base)
    shapes |= {'head.projection.weight': (1, base * 32), 'head.projection.bias': (1,)}
    return {f'resnet.{name}': shape for name, shape in shapes.items()}


def normalise(state, name, x):
    prefix = f'{name}.0' if f'{name}.0.weight' in state else name
    weight, bias, mean, variance = (state[f'{prefix}.{part}'] for part in NORM_PARTS)
    shown = functional.batch_norm(x, mean, variance, weight, bias)
    # In FTCN the pooling stands behind the normalisation, wherever there was a stride.
    return functional.max_pool3d(shown, (1, 2, 2)) if prefix != name else shown


def convolve(state, name, x, stride=1):
    kernel = state[f'{name}.weight']
    padding = tuple(side // 2 for side in kernel.shape[2:])
    return functional.conv3d(x, kernel, stride=(1, stride, stride), padding=padding)


def features(state, x, *, num_stages, time_pool=True):
    """(B, 3, T, H, W) -> (B, C, T / 2, h, w)."""
    state = {name.removeprefix('resnet.'): tensor for name, tensor in state.items()}
    strides = 's1.pathway0_stem.bn.weight' in state  # I3D strides, FTCN pools
    x = convolve(state, 's1.pathway0_stem.conv', x, stride=2 if strides else 1)
    x = normalise(state, 's1.pathway0_stem.bn', x).relu()
    x = functional.max_pool3d(x, (1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1))
    for stage in range(num_stages):
        if stage == 1 and time_pool:
            x = functional.max_pool3d(x, (2, 1, 1))
        for index in range(BLOCKS[stage]):
            block = f's{stage + 2}.pathway0_res{index}'
            stride = 2 if strides and stage > 0 and index == 0 else 1
            shortcut = x
            if index == 0:
                shortcut = convolve(state, f'{block}.branch1', x, stride)
                shortcut = normalise(state, f'{block}.branch1_bn', shortcut)
            for letter, step in (('a', 1), ('b', stride), ('c', 1)):
                x = convolve(state, f'{block}.branch2.{letter}', x, step)
                x = normalise(state, f'{block}.branch2.{letter}_bn', x)
                x = x if letter == 'c' else x.relu()
            x = (x + shortcut).relu()
    return x


def altfreezing_logit(state, x):
    pooled = features(state, x, num_stages=4).mean(dim=(2, 3, 4))
    return (
        pooled @ state['resnet.head.projection.weight'].T
        + state['resnet.head.projection.bias']
    )


def layer_norm_in_loops(rows, weight, bias):
    normalised = []
    for row in rows:
        mean = sum(row) / len(row)
        variance = sum((value - mean) ** 2 for value in row) / len(row)
        normalised.append((row - mean) / (variance + 1e-5) ** 0.5 * weight + bias)
    return torch.stack(normalised)


def time_transformer_logit(state, tokens, *, heads):
    """One clip, token by token and head by head: (T, C) -> (1,)."""
    get = {n.removeprefix('resnet.head.time_T.'): t for n, t in state.items()}
    x = torch.cat([get['cls_token'][0], tokens]) + get['pos_embedding'][0]
    layer = 'transformer.layers.0'
    normal = layer_norm_in_loops(
        x, get[f'{layer}.0.fn.norm.weight'], get[f'{layer}.0.fn.norm.bias']
    )
    query, key, value = (normal @ get[f'{layer}.0.fn.fn.to_qkv.weight'].T).chunk(3, 1)
    width = query.shape[1] // heads
    mixed = torch.zeros_like(value)
    for head in range(heads):
        channels = slice(head * width, (head + 1) * width)
        for i in range(len(x)):
            affinity = torch.stack(
                [query[i, channels] @ key[j, channels] for j in range(len(x))]
            )
            weights = (affinity / width**0.5).exp()
            for j in range(len(x)):
                share = weights[j] / weights.sum()
                mixed[i, channels] += share * value[j, channels]
    out = f'{layer}.0.fn.fn.to_out.0'
    x = x + mixed @ get[f'{out}.weight'].T + get[f'{out}.bias']
    normal = layer_norm_in_loops(
        x, get[f'{layer}.1.fn.norm.weight'], get[f'{layer}.1.fn.norm.bias']
    )
    net = f'{layer}.1.fn.fn.net'
    hidden = normal @ get[f'{net}.0.weight'].T + get[f'{net}.0.bias']
    hidden = hidden * 0.5 * (1 + torch.erf(hidden / 2**0.5))
    x = x + hidden @ get[f'{net}.3.weight'].T + get[f'{net}.3.bias']
    last = layer_norm_in_loops(x[:1], get['mlp_head.0.weight'], get['mlp_head.0.bias'])
    return (last @ get['mlp_head.1.weight'].T)[0] + get['mlp_head.1.bias']
