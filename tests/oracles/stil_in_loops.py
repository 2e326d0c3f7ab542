"""STIL's modules, written out position by position.

Weights come under the names of the public code, so that what is tested is converted
first. Nothing here is shared with the package.
"""

import math

import numpy as np

EPSILON = 1e-5  # of PyTorch's batch norm


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def convolve_at(maps, weight, i, y, x):
    """Convolve frame i's zero-padded maps at one position; one value a filter."""
    _, channels, height, width = maps.shape
    filters, per_group, rows, columns = weight.shape
    values = np.zeros(filters)
    for f in range(filters):
        first = 0 if per_group == channels else f * per_group
        for c in range(per_group):
            for dy in range(rows):
                for dx in range(columns):
                    yy, xx = y + dy - rows // 2, x + dx - columns // 2
                    if 0 <= yy < height and 0 <= xx < width:
                        values[f] += weight[f, c, dy, dx] * maps[i, first + c, yy, xx]
    return values


def convolve(maps, weight):
    frames, _, height, width = maps.shape
    out = np.zeros((frames, len(weight), height, width))
    for i in range(frames):
        for y in range(height):
            for x in range(width):
                out[i, :, y, x] = convolve_at(maps, weight, i, y, x)
    return out


def normalise(maps, state, name):
    """Batch norm at test."""
    out = np.zeros_like(maps)
    for c in range(maps.shape[1]):
        deviation = math.sqrt(state[f'{name}.running_var'][c] + EPSILON)
        centred = maps[:, c] - state[f'{name}.running_mean'][c]
        out[:, c] = (
            centred / deviation * state[f'{name}.weight'][c] + state[f'{name}.bias'][c]
        )
    return out


def average_blocks(maps, rows, columns):
    """Means of blocks of rows x columns; what does not fill a block is left out."""
    frames, channels, height, width = maps.shape
    out = np.zeros((frames, channels, height // rows, width // columns))
    for y in range(height // rows):
        for x in range(width // columns):
            for dy in range(rows):
                for dx in range(columns):
                    out[:, :, y, x] += maps[:, :, y * rows + dy, x * columns + dx]
    return out / (rows * columns)


def enlarge(maps, height, width):
    """Nearest neighbour: position y takes floor(y * small / large)."""
    out = np.zeros((*maps.shape[:2], height, width))
    for y in range(height):
        for x in range(width):
            out[:, :, y, x] = maps[
                :, :, y * maps.shape[2] // height, x * maps.shape[3] // width
            ]
    return out


def inconsistency_attention(reduced, state, num_segments, letters):
    """One branch of the TIM for every frame; letters 'ht' or 'tw'."""
    prefix, rows, columns = ('htie', 2, 1) if letters == 'ht' else ('vtie', 1, 2)
    matched = convolve(reduced, state[f'conv_{letters}.weight'])
    difference = np.zeros_like(reduced)
    for i in range(len(reduced)):
        if i % num_segments < num_segments - 1:
            difference[i] = matched[i + 1] - reduced[i]
    coarse = convolve(
        average_blocks(difference, rows, columns), state[f'{prefix}_conv1.0.weight']
    )
    coarse = enlarge(normalise(coarse, state, f'{prefix}_conv1.1'), *reduced.shape[2:])
    fine = convolve(difference, state[f'{prefix}_conv2.0.weight'])
    fine = normalise(fine, state, f'{prefix}_conv2.1')
    expanded = convolve(
        (difference + coarse + fine) / 3, state[f'{letters}_up_conv.0.weight']
    )
    expanded = normalise(expanded, state, f'{letters}_up_conv.1')
    return np.vectorize(sigmoid)(expanded) - 0.5


def temporal_inconsistency(maps, state, num_segments):
    """TIM; (B*T, C, H, W) arrays, and the keys of the module alone."""
    reduced = normalise(convolve(maps, state['conv1.weight']), state, 'bn1')
    attentions = [
        inconsistency_attention(reduced, state, num_segments, letters)
        for letters in ('ht', 'tw')
    ]
    return maps + maps * sum(attentions) / 2


def information_supplement(maps, taps):
    """ISM: three taps over the channels' means."""
    out = np.zeros_like(maps)
    frames, channels = maps.shape[:2]
    for i in range(frames):
        for c in range(channels):
            total = 0.0
            for k in range(3):
                if 0 <= c + k - 1 < channels:
                    total += taps[k] * maps[i, c + k - 1].mean()
            out[i, c] = maps[i, c] * sigmoid(total)
    return out


def spatial_inconsistency(maps, state):
    """SIM: its output, and what the ISM reads."""
    coarse = convolve(average_blocks(maps, 4, 4), state['f_w.1.weight'])
    coarse = np.maximum(normalise(coarse, state, 'f_w.2'), 0)
    coarse = normalise(convolve(coarse, state['f_h.0.weight']), state, 'f_h.1')
    gate = np.vectorize(sigmoid)(maps + enlarge(coarse, *maps.shape[2:]))
    gated = gate * normalise(convolve(maps, state['k3.0.weight']), state, 'k3.1')
    return normalise(convolve(gated, state['k4.0.weight']), state, 'k4.1'), gated
