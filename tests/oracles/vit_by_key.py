"""VideoMAE's transformer from a public state dict and its key names, clip by clip.

Shares no code with ours or MMAction2's.
"""

import math

import torch
from oracles.by_key import linear, norm_rows
from torch.nn import functional


def vit_shapes(*, width, depth, num_classes=400, patch=16, tubelet=2):
    """Name -> shape of every tensor of a fine-tuned checkpoint."""
    shapes = {
        'patch_embed.proj.weight': (width, 3, tubelet, patch, patch),
        'patch_embed.proj.bias': (width,),
        'fc_norm.weight': (width,),
        'fc_norm.bias': (width,),
        'head.weight': (num_classes, width),
        'head.bias': (num_classes,),
    }
    for index in range(depth):
        block = f'blocks.{index}'
        shapes |= {
            f'{block}.norm1.weight': (width,),
            f'{block}.norm1.bias': (width,),
            f'{block}.attn.q_bias': (width,),
            f'{block}.attn.v_bias': (width,),
            f'{block}.attn.qkv.weight': (3 * width, width),
            f'{block}.attn.proj.weight': (width, width),
            f'{block}.attn.proj.bias': (width,),
            f'{block}.norm2.weight': (width,),
            f'{block}.norm2.bias': (width,),
            f'{block}.mlp.fc1.weight': (4 * width, width),
            f'{block}.mlp.fc1.bias': (4 * width,),
            f'{block}.mlp.fc2.weight': (width, 4 * width),
            f'{block}.mlp.fc2.bias': (width,),
        }
    return shapes


def pretraining_shapes(*, width, depth):
    """Name -> shape of a self-supervised checkpoint: an encoder, and a decoder."""
    tuned = vit_shapes(width=width, depth=depth)
    encoder = {
        f'encoder.{name}': shape
        for name, shape in tuned.items()
        if not name.startswith(('fc_norm', 'head'))
    }
    return encoder | {
        'encoder.norm.weight': (width,),
        'encoder.norm.bias': (width,),
        'encoder_to_decoder.weight': (width // 2, width),
        'mask_token': (1, 1, width // 2),
        'decoder.blocks.0.attn.qkv.weight': (3 * width // 2, width // 2),
        'decoder.head.bias': (1536,),
    }


def sine_position(token, channel, width):
    angle = token / 10_000 ** (2 * (channel // 2) / width)
    return math.sin(angle) if channel % 2 == 0 else math.cos(angle)


def features(state, clip, *, depth, heads):
    """(3, T, H, W) -> (C,): the mean of all tokens, normalised."""
    kernel = state['patch_embed.proj.weight']
    width, _, tubelet, patch, _ = kernel.shape
    tokens = []
    for t in range(0, clip.shape[1], tubelet):
        for y in range(0, clip.shape[2], patch):
            for x in range(0, clip.shape[3], patch):
                cube = clip[:, t : t + tubelet, y : y + patch, x : x + patch]
                tokens.append((cube * kernel).sum(dim=(1, 2, 3, 4)))
    rows = torch.stack(tokens) + state['patch_embed.proj.bias']
    rows = rows + torch.tensor(
        [
            [sine_position(token, channel, width) for channel in range(width)]
            for token in range(len(rows))
        ],
        dtype=rows.dtype,
    )
    for index in range(depth):
        block = f'blocks.{index}'
        normal = norm_rows(state, f'{block}.norm1', rows, eps=1e-6)
        query, key, value = (normal @ state[f'{block}.attn.qkv.weight'].T).chunk(3, 1)
        query = query + state[f'{block}.attn.q_bias']  # keys have no bias
        value = value + state[f'{block}.attn.v_bias']
        mixed = []
        for q, k, v in zip(
            *(part.chunk(heads, dim=1) for part in (query, key, value)), strict=True
        ):
            mixed.append((q @ k.T / q.shape[1] ** 0.5).softmax(dim=1) @ v)
        rows = rows + linear(state, f'{block}.attn.proj', torch.cat(mixed, dim=1))
        hidden = linear(
            state,
            f'{block}.mlp.fc1',
            norm_rows(state, f'{block}.norm2', rows, eps=1e-6),
        )
        rows = rows + linear(state, f'{block}.mlp.fc2', functional.gelu(hidden))
    return norm_rows(state, 'fc_norm', rows.mean(dim=0), eps=1e-6)
