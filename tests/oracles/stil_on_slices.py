"""STIL's network on slices (H, T) and (T, W), as the public code lays them out.

A function of tensors under the public code's names; `public_shapes` lists them. Nothing
here is shared with the package.
"""

import torch
import torch.nn.functional as F

EPSILON = 1e-5  # of PyTorch's batch norm


def batch_norm(x, state, name):
    return F.batch_norm(
        x,
        state[f'{name}.running_mean'],
        state[f'{name}.running_var'],
        state[f'{name}.weight'],
        state[f'{name}.bias'],
        eps=EPSILON,
    )


def slice_attention(slices, state, name, letters):
    """Attention of (slices, c, H, T) for 'ht', of (slices, c, T, W) for 'tw'."""
    prefix, kernel, time = (
        ('htie', (1, 0), 3) if letters == 'ht' else ('vtie', (0, 1), 2)
    )
    pool = (2, 1) if letters == 'ht' else (1, 2)
    matched = F.conv2d(
        slices,
        state[f'{name}.conv_{letters}.weight'],
        padding=kernel,
        groups=slices.shape[1],
    )
    length = slices.shape[time]
    difference = torch.zeros_like(slices)
    difference.narrow(time, 0, length - 1).copy_(
        matched.narrow(time, 1, length - 1) - slices.narrow(time, 0, length - 1)
    )
    views = [difference]
    for index, seen in enumerate((F.avg_pool2d(difference, pool), difference), 1):
        view = F.conv2d(
            seen, state[f'{name}.{prefix}_conv{index}.0.weight'], padding=kernel
        )
        view = batch_norm(view, state, f'{name}.{prefix}_conv{index}.1')
        views.append(F.interpolate(view, size=difference.shape[2:]))
    mixed = torch.stack(views).mean(0)
    expanded = F.conv2d(mixed, state[f'{name}.{letters}_up_conv.0.weight'])
    return batch_norm(expanded, state, f'{name}.{letters}_up_conv.1').sigmoid() - 0.5


def tim_on_slices(x, state, name, num_segments):
    reduced = F.conv2d(x, state[f'{name}.conv1.weight'])
    reduced = batch_norm(reduced, state, f'{name}.bn1')
    clips = reduced.reshape(-1, num_segments, *reduced.shape[1:])  # n t c h w
    n, _, _, h, w = clips.shape
    standing = clips.permute(0, 4, 2, 3, 1).flatten(0, 1)  # (n w) c h t
    lying = clips.permute(0, 3, 2, 1, 4).flatten(0, 1)  # (n h) c t w
    by_height = slice_attention(standing, state, name, 'ht')
    by_width = slice_attention(lying, state, name, 'tw')
    by_height = by_height.reshape(n, w, *by_height.shape[1:]).permute(0, 4, 2, 3, 1)
    by_width = by_width.reshape(n, h, *by_width.shape[1:]).permute(0, 3, 2, 1, 4)
    return x + x * ((by_height + by_width) / 2).flatten(0, 1)


def shift_over_time(x, weight, num_segments):
    clips = x.reshape(-1, num_segments, *x.shape[1:])
    padded = F.pad(clips, (0, 0, 0, 0, 0, 0, 1, 1))
    out = sum(
        weight[:, 0, tap][:, None, None] * padded[:, tap : tap + num_segments]
        for tap in range(3)
    )
    return out.flatten(0, 1)


def block(x, state, name, num_segments, stride):
    def convolve_and_norm(x, conv, norm, padding=0):
        x = F.conv2d(x, state[f'{name}.{conv}.weight'], padding=padding)
        return batch_norm(x, state, f'{name}.{norm}')

    time = F.relu(convolve_and_norm(x, 'conv1_a', 'bn1_a'))
    space = F.relu(convolve_and_norm(x, 'conv1_b', 'bn1_b'))
    coarse = convolve_and_norm(
        F.avg_pool2d(space, 4), 'scconv.f_w.1', 'scconv.f_w.2', (0, 1)
    )
    coarse = convolve_and_norm(F.relu(coarse), 'scconv.f_h.0', 'scconv.f_h.1', (1, 0))
    gate = torch.sigmoid(space + F.interpolate(coarse, size=space.shape[2:]))
    gated = gate * convolve_and_norm(space, 'scconv.k3.0', 'scconv.k3.1', 1)
    supplement = F.conv1d(
        F.pad(gated.mean((2, 3)), (1, 1)).unsqueeze(1), state[f'{name}.ism.conv.weight']
    )
    supplement = gated * supplement.squeeze(1).sigmoid()[:, :, None, None]
    time = tim_on_slices(time, state, f'{name}.tim', num_segments) + supplement
    time = shift_over_time(time, state[f'{name}.shift.conv.weight'], num_segments)
    time = F.relu(convolve_and_norm(time, 'k1.0', 'k1.1', 1))
    space = F.relu(
        batch_norm(
            F.conv2d(gated, state[f'{name}.scconv.k4.0.weight'], padding=1),
            state,
            f'{name}.scconv.k4.1',
        )
    )
    if stride > 1:
        time, space = (F.avg_pool2d(half, 3, stride, 1) for half in (time, space))
    out = convolve_and_norm(torch.cat([time, space], 1), 'conv3', 'bn3')
    if f'{name}.downsample.1.weight' in state:
        pooled = F.avg_pool2d(
            x, stride, stride, ceil_mode=True, count_include_pad=False
        )
        x = convolve_and_norm(pooled, 'downsample.1', 'downsample.2')
    return F.relu(out + x)


def network(frames, state, *, num_segments, stage_blocks):
    """Mean logits of each video; (B, S, 3, H, W) and keys of the public network."""
    x = frames.flatten(0, 1)
    x = F.conv2d(x, state['conv1.0.weight'], stride=2, padding=1)
    x = F.relu(batch_norm(x, state, 'conv1.1'))
    x = F.conv2d(x, state['conv1.3.weight'], padding=1)
    x = F.relu(batch_norm(x, state, 'conv1.4'))
    x = F.conv2d(x, state['conv1.6.weight'], padding=1)
    x = F.max_pool2d(F.relu(batch_norm(x, state, 'bn1')), 3, 2, 1)
    for stage, num_blocks in enumerate(stage_blocks, 1):
        for index in range(num_blocks):
            stride = 2 if stage > 1 and index == 0 else 1
            x = block(x, state, f'layer{stage}.{index}', num_segments, stride)
    logits = F.linear(x.mean((2, 3)), state['fc.weight'], state['fc.bias'])
    return logits.reshape(*frames.shape[:2], -1).mean(1)


def public_shapes(stage_blocks, num_classes=2):
    """Every tensor of the public network: name -> shape."""
    shapes = {}

    def add_norm(name, channels):
        for part in ('weight', 'bias', 'running_mean', 'running_var'):
            shapes[f'{name}.{part}'] = (channels,)
        shapes[f'{name}.num_batches_tracked'] = ()

    def add_conv(name, norm, *shape):
        shapes[f'{name}.weight'] = shape
        add_norm(norm, shape[0])

    add_conv('conv1.0', 'conv1.1', 32, 3, 3, 3)
    add_conv('conv1.3', 'conv1.4', 32, 32, 3, 3)
    add_conv('conv1.6', 'bn1', 64, 32, 3, 3)
    before = 64
    for stage, num_blocks in enumerate(stage_blocks, 1):
        planes = 32 * 2**stage
        c, r = planes // 2, planes // 32
        for index in range(num_blocks):
            b = f'layer{stage}.{index}'
            add_conv(f'{b}.conv1_a', f'{b}.bn1_a', c, before, 1, 1)
            add_conv(f'{b}.conv1_b', f'{b}.bn1_b', c, before, 1, 1)
            add_conv(f'{b}.tim.conv1', f'{b}.tim.bn1', r, c, 1, 1)
            shapes[f'{b}.tim.conv_ht.weight'] = (r, 1, 3, 1)
            shapes[f'{b}.tim.conv_tw.weight'] = (r, 1, 1, 3)
            for which in (1, 2):
                for letter, kernel in (('h', (3, 1)), ('v', (1, 3))):
                    name = f'{b}.tim.{letter}tie_conv{which}'
                    add_conv(f'{name}.0', f'{name}.1', r, r, *kernel)
            for letters in ('ht', 'tw'):
                name = f'{b}.tim.{letters}_up_conv'
                add_conv(f'{name}.0', f'{name}.1', c, r, 1, 1)
            shapes[f'{b}.shift.conv.weight'] = (c, 1, 3)
            shapes[f'{b}.ism.conv.weight'] = (1, 1, 3)
            add_conv(f'{b}.k1.0', f'{b}.k1.1', c, c, 3, 3)
            add_conv(f'{b}.scconv.f_w.1', f'{b}.scconv.f_w.2', c, c, 1, 3)
            add_conv(f'{b}.scconv.f_h.0', f'{b}.scconv.f_h.1', c, c, 3, 1)
            add_conv(f'{b}.scconv.k3.0', f'{b}.scconv.k3.1', c, c, 3, 3)
            add_conv(f'{b}.scconv.k4.0', f'{b}.scconv.k4.1', c, c, 3, 3)
            add_conv(f'{b}.conv3', f'{b}.bn3', 4 * planes, 2 * c, 1, 1)
            if index == 0:
                name = f'{b}.downsample'
                add_conv(f'{name}.1', f'{name}.2', 4 * planes, before, 1, 1)
            before = 4 * planes
    shapes['fc.weight'], shapes['fc.bias'] = (num_classes, before), (num_classes,)
    return shapes
