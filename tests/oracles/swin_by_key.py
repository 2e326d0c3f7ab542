"""TALL-Swin from a public state dict and its key names, token by token.

Shares no code with ours. No feature is rolled: a token looks for the others of its
window by where they lie, and across the border of the picture it sees none.
"""

import torch
from oracles.by_key import linear, norm_rows
from torch.nn import functional


def tall_shapes(*, embed, depths, heads, windows, num_frames=4, num_classes=2):
    """Name -> shape of every learned tensor; buffers are in `public_buffers`."""
    shapes = {
        'frame_pos_embed': (1, num_frames, embed),
        'patch_embed.proj.weight': (embed, 3, 4, 4),
        'patch_embed.proj.bias': (embed,),
        'patch_embed.norm.weight': (embed,),
        'patch_embed.norm.bias': (embed,),
    }
    for stage, depth in enumerate(depths):
        width = embed * 2**stage
        for index in range(depth):
            block = f'layers.{stage}.blocks.{index}'
            shapes |= {
                f'{block}.norm1.weight': (width,),
                f'{block}.norm1.bias': (width,),
                f'{block}.attn.relative_position_bias_table': (
                    (2 * windows[stage] - 1) ** 2,
                    heads[stage],
                ),
                f'{block}.attn.qkv.weight': (3 * width, width),
                f'{block}.attn.qkv.bias': (3 * width,),
                f'{block}.attn.proj.weight': (width, width),
                f'{block}.attn.proj.bias': (width,),
                f'{block}.norm2.weight': (width,),
                f'{block}.norm2.bias': (width,),
                f'{block}.mlp.fc1.weight': (4 * width, width),
                f'{block}.mlp.fc1.bias': (4 * width,),
                f'{block}.mlp.fc2.weight': (width, 4 * width),
                f'{block}.mlp.fc2.bias': (width,),
            }
        if stage < len(depths) - 1:
            shapes |= {
                f'layers.{stage}.downsample.reduction.weight': (2 * width, 4 * width),
                f'layers.{stage}.downsample.norm.weight': (4 * width,),
                f'layers.{stage}.downsample.norm.bias': (4 * width,),
            }
    width = embed * 2 ** (len(depths) - 1)
    shapes |= {'norm.weight': (width,), 'norm.bias': (width,)}
    return shapes | {'head.weight': (num_classes, width), 'head.bias': (num_classes,)}


def public_buffers(*, depths, windows, sides):
    """Name -> shape of what the public code keeps beside what it learns."""
    shapes = {}
    for stage, depth in enumerate(depths):
        tokens = windows[stage] ** 2
        for index in range(depth):
            block = f'layers.{stage}.blocks.{index}'
            shapes[f'{block}.attn.relative_position_index'] = (tokens, tokens)
            if index % 2 and sides[stage] > windows[stage]:
                num_windows = (sides[stage] // windows[stage]) ** 2
                shapes[f'{block}.attn_mask'] = (num_windows, tokens, tokens)
    return shapes


def attend(state, name, grid, *, heads, window, shift):
    """(h, w, C) -> (h, w, C): each token over those that it may see."""
    side, width = grid.shape[0], grid.shape[2] // heads
    query, key, value = linear(state, f'{name}.qkv', grid).chunk(3, dim=2)
    table = state[f'{name}.relative_position_bias_table']
    places = [(r, c) for r in range(side) for c in range(side)]

    def lies_in(place):
        """The window, and whether it is one that hangs over a border, on which side."""
        moved = [(x - shift) % side for x in place]
        return [x // window for x in moved] + [x < shift for x in place]

    mixed = torch.zeros_like(grid)
    for r, c in places:
        seen = [p for p in places if lies_in(p) == lies_in((r, c))]
        rows, columns = zip(*seen, strict=True)
        entries = torch.tensor(
            [
                (r - y + window - 1) * (2 * window - 1) + (c - x + window - 1)
                for y, x in seen
            ]
        )
        for head in range(heads):
            channels = slice(head * width, (head + 1) * width)
            keys, values = (t[rows, columns, channels] for t in (key, value))
            affinity = keys @ query[r, c, channels] / width**0.5
            weights = (affinity + table[entries, head]).softmax(dim=0)
            mixed[r, c, channels] = weights @ values
    return linear(state, f'{name}.proj', mixed)


def merge(state, name, grid):
    """Four neighbours become one: down first, then right, as the public order is."""
    side = grid.shape[0]
    four = torch.stack(
        [
            torch.stack(
                [
                    torch.cat([grid[r + y, c + x] for x in (0, 1) for y in (0, 1)])
                    for c in range(0, side, 2)
                ]
            )
            for r in range(0, side, 2)
        ]
    )
    return norm_rows(state, f'{name}.norm', four) @ state[f'{name}.reduction.weight'].T


def features(state, picture, *, depths, heads, windows):
    """(3, H, W) -> (h, w, C), the four frames in a 2 x 2 grid."""
    side = picture.shape[1] // 4
    kernel = state['patch_embed.proj.weight']
    grid = torch.stack(
        [
            torch.stack(
                [
                    (picture[:, 4 * r : 4 * r + 4, 4 * c : 4 * c + 4] * kernel).sum(
                        dim=(1, 2, 3)
                    )
                    for c in range(side)
                ]
            )
            for r in range(side)
        ]
    )
    grid = norm_rows(state, 'patch_embed.norm', grid + state['patch_embed.proj.bias'])
    for r in range(side):
        for c in range(side):
            frame = 2 * (r >= side // 2) + (c >= side // 2)
            grid[r, c] += state['frame_pos_embed'][0, frame]
    for stage, depth in enumerate(depths):
        for index in range(depth):
            block = f'layers.{stage}.blocks.{index}'
            shifted = index % 2 and grid.shape[0] > windows[stage]
            grid = grid + attend(
                state,
                f'{block}.attn',
                norm_rows(state, f'{block}.norm1', grid),
                heads=heads[stage],
                window=windows[stage],
                shift=windows[stage] // 2 if shifted else 0,
            )
            hidden = linear(
                state, f'{block}.mlp.fc1', norm_rows(state, f'{block}.norm2', grid)
            )
            grid = grid + linear(state, f'{block}.mlp.fc2', functional.gelu(hidden))
        if stage < len(depths) - 1:
            grid = merge(state, f'layers.{stage}.downsample', grid)
    return norm_rows(state, 'norm', grid)
