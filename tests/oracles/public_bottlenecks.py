"""Public ResNets of bottlenecks, as functions of the tensors of their checkpoints.

They share no code with the product: each layer is one functional call on tensors that
are looked up by name. Evaluation mode; `state` is what `draw_state` gives.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F


@dataclass(frozen=True)
class PublicCode:
    """How a public code names and shapes its network.

    `wrapped` are the (stage, index) of blocks that hold a module beside the block of
    their own, which is then called `infix`; `inflated` are the stages, from 1, whose
    first convolution spans three frames.
    """

    dims: int
    backbone: str
    classifier: str
    infix: str
    module: str
    wrapped: frozenset
    inflated: frozenset = frozenset()
    num_blocks: tuple = (3, 4, 6, 3)
    width: int = 64
    num_classes: int = 2

    def block_name(self, stage, index):
        name = f'{self.backbone}.layer{stage}.{index}'
        return f'{name}.{self.infix}' if (stage, index) in self.wrapped else name


TAM = PublicCode(
    dims=2,
    backbone='base_model',
    classifier='new_fc',
    infix='net',
    module='tam',
    wrapped=frozenset((s, i) for s, n in enumerate((3, 4, 6, 3), 1) for i in range(n)),
)
DSANET = PublicCode(
    dims=3,
    backbone='backbone',
    classifier='cls_head.fc_cls',
    infix='block',
    module='dsa',
    wrapped=frozenset([(2, 1), (2, 3), (3, 1), (3, 3), (3, 5)]),
    inflated=frozenset([3, 4]),
    width=16,
)


def norm_shapes(name, channels):
    parts = ('weight', 'bias', 'running_mean', 'running_var')
    return {f'{name}.{part}': (channels,) for part in parts} | {
        f'{name}.num_batches_tracked': ()
    }


def conv_shapes(code, name, channels, kernel):
    return {f'{name}.weight': (*channels, *kernel[3 - code.dims :])}


def tam_shapes(channels, num_frames):
    return {
        'G.0.weight': (2 * num_frames, num_frames),
        **norm_shapes('G.1', 2 * num_frames),
        'G.3.weight': (3, 2 * num_frames),
        'L.0.weight': (channels // 4, channels, 3),
        **norm_shapes('L.1', channels // 4),
        'L.3.weight': (channels, channels // 4, 1),
    }


def dsa_shapes(channels, num_snippets):
    return {
        'generate.0.weight': (2 * num_snippets, num_snippets),
        **norm_shapes('generate.1', 2 * num_snippets),
        'generate.3.weight': (3, 2 * num_snippets),
    }


MODULE_SHAPES = {'tam': tam_shapes, 'dsa': dsa_shapes}


def public_shapes(code, module_length):
    """Name -> shape of every tensor of the public checkpoint."""
    width = code.width
    stem = f'{code.backbone}.conv1'
    shapes = conv_shapes(code, stem, (width, 3), (1, 7, 7))
    shapes |= norm_shapes(f'{code.backbone}.bn1', width)
    inside = width
    for stage, count in enumerate(code.num_blocks, start=1):
        planes = width * 2 ** (stage - 1)
        span = 3 if stage in code.inflated else 1
        for index in range(count):
            name = code.block_name(stage, index)
            layers = (
                (1, (planes, inside), (span, 1, 1)),
                (2, (planes, planes), (1, 3, 3)),
                (3, (4 * planes, planes), (1, 1, 1)),
            )
            for k, channels, kernel in layers:
                shapes |= conv_shapes(code, f'{name}.conv{k}', channels, kernel)
                shapes |= norm_shapes(f'{name}.bn{k}', channels[0])
            if index == 0:
                channels = (4 * planes, inside)
                shapes |= conv_shapes(code, f'{name}.downsample.0', channels, (1, 1, 1))
                shapes |= norm_shapes(f'{name}.downsample.1', 4 * planes)
            if (stage, index) in code.wrapped:
                module = f'{code.backbone}.layer{stage}.{index}.{code.module}'
                own = MODULE_SHAPES[code.module](planes, module_length)
                shapes |= {f'{module}.{part}': shape for part, shape in own.items()}
            inside = 4 * planes
    shapes[f'{code.classifier}.weight'] = (code.num_classes, inside)
    shapes[f'{code.classifier}.bias'] = (code.num_classes,)
    return shapes


def convolve(x, state, name, stride=1):
    weight = state[f'{name}.weight']
    three_dims = weight.dim() == 5
    strides = (1, stride, stride) if three_dims else stride
    padding = [size // 2 for size in weight.shape[2:]]
    convolution = F.conv3d if three_dims else F.conv2d
    return convolution(x, weight, stride=strides, padding=padding)


def normalise(x, state, name):
    mean, variance = state[f'{name}.running_mean'], state[f'{name}.running_var']
    return F.batch_norm(
        x, mean, variance, state[f'{name}.weight'], state[f'{name}.bias']
    )


def make_kernels(means, state, name):
    """Rows of means to rows of three taps."""
    hidden = normalise(means @ state[f'{name}.0.weight'].T, state, f'{name}.1').relu()
    return (hidden @ state[f'{name}.3.weight'].T).softmax(dim=1)


def blend_neighbours(x, kernels):
    """Sum of the one before, itself and the one after along axis 1; (B, T, C, ...).

    `kernels` are (B, C, 3).
    """
    out = torch.zeros_like(x)
    for b in range(x.shape[0]):
        for t in range(x.shape[1]):
            for d in range(3):
                if 0 <= t + d - 1 < x.shape[1]:
                    taps = kernels[b, :, d].view(-1, *[1] * (x.dim() - 3))
                    out[b, t] += taps * x[b, t + d - 1]
    return out


def apply_tam(x, state, name, num_frames):
    clips = x.reshape(-1, num_frames, *x.shape[1:])
    means = clips.mean(dim=(3, 4)).transpose(1, 2)  # (B, C, T)
    rows = means.reshape(-1, num_frames)
    kernels = make_kernels(rows, state, f'{name}.G').view(*means.shape[:2], 3)
    hidden = F.conv1d(means, state[f'{name}.L.0.weight'], padding=1)
    hidden = normalise(hidden, state, f'{name}.L.1').relu()
    gates = F.conv1d(hidden, state[f'{name}.L.3.weight']).sigmoid().transpose(1, 2)
    return blend_neighbours(clips * gates[..., None, None], kernels).flatten(0, 1)


def apply_dsa(x, state, name, num_snippets):
    channels = x.shape[1] // 8
    videos = x[:, :channels].reshape(-1, num_snippets, channels, *x.shape[2:])
    means = videos.mean(dim=(3, 4, 5)).transpose(1, 2)
    rows = means.reshape(-1, num_snippets)
    kernels = make_kernels(rows, state, f'{name}.generate').view(*means.shape[:2], 3)
    out = x.clone()
    out[:, :channels] = blend_neighbours(videos, kernels).flatten(0, 1)
    return out


APPLY = {'tam': apply_tam, 'dsa': apply_dsa}


def network(x, code, state, module_length):
    """Logits of rows (B*L, 3, [T,] H, W), before any averaging: (B*L, num_classes)."""
    x = convolve(x, state, f'{code.backbone}.conv1', stride=2)
    x = normalise(x, state, f'{code.backbone}.bn1').relu()
    if code.dims == 3:
        x = F.max_pool3d(x, (1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1))
    else:
        x = F.max_pool2d(x, 3, stride=2, padding=1)
    for stage, count in enumerate(code.num_blocks, start=1):
        for index in range(count):
            name = code.block_name(stage, index)
            stride = 2 if stage > 1 and index == 0 else 1
            shortcut = x
            if index == 0:
                shortcut = convolve(x, state, f'{name}.downsample.0', stride)
                shortcut = normalise(shortcut, state, f'{name}.downsample.1')
            x = normalise(convolve(x, state, f'{name}.conv1'), state, f'{name}.bn1')
            x = x.relu()
            if (stage, index) in code.wrapped:
                module = f'{code.backbone}.layer{stage}.{index}.{code.module}'
                x = APPLY[code.module](x, state, module, module_length)
            x = convolve(x, state, f'{name}.conv2', stride)
            x = normalise(x, state, f'{name}.bn2').relu()
            x = normalise(convolve(x, state, f'{name}.conv3'), state, f'{name}.bn3')
            x = (x + shortcut).relu()
    pooled = x.flatten(2).mean(dim=2)
    return F.linear(
        pooled, state[f'{code.classifier}.weight'], state[f'{code.classifier}.bias']
    )
