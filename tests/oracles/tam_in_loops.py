"""TAM written out in plain loops, from its paper; shares no code with MMAction2.

Evaluation mode: batch normalisation with its running statistics. `state` holds the
module's tensors as arrays, by the names of the public code.
"""

import math

import numpy as np


def normalise(value, state, name, k):
    """Batch normalisation of channel k."""
    deviation = math.sqrt(state[f'{name}.running_var'][k] + 1e-5)
    scaled = (value - state[f'{name}.running_mean'][k]) / deviation
    return scaled * state[f'{name}.weight'][k] + state[f'{name}.bias'][k]


def global_kernel(means, state):
    """The kernel of one channel from its T means: softmax over three taps."""
    hidden = []
    for k, row in enumerate(state['G.0.weight']):
        total = sum(w * v for w, v in zip(row, means, strict=True))
        hidden.append(max(0.0, normalise(total, state, 'G.1', k)))
    logits = [
        sum(w * v for w, v in zip(row, hidden, strict=True))
        for row in state['G.3.weight']
    ]
    powers = [math.exp(logit) for logit in logits]
    return [power / sum(powers) for power in powers]


def local_gates(means, state):
    """The gates (C, T) of the local branch from the means (C, T)."""
    num_channels, num_frames = means.shape
    first, second = state['L.0.weight'], state['L.3.weight']
    hidden = np.zeros((len(first), num_frames))
    for k in range(len(first)):
        for t in range(num_frames):
            total = 0.0
            for c in range(num_channels):
                for d in range(3):
                    if 0 <= t + d - 1 < num_frames:
                        total += first[k, c, d] * means[c, t + d - 1]
            hidden[k, t] = max(0.0, normalise(total, state, 'L.1', k))
    gates = np.zeros((num_channels, num_frames))
    for c in range(num_channels):
        for t in range(num_frames):
            total = sum(second[c, k, 0] * hidden[k, t] for k in range(len(first)))
            gates[c, t] = 1 / (1 + math.exp(-total))
    return gates


def adapt(clip, state):
    """TAM of one clip, (T, C, H, W) to the same."""
    num_frames, num_channels = clip.shape[:2]
    means = np.array(
        [[clip[t, c].mean() for t in range(num_frames)] for c in range(num_channels)]
    )
    gates = local_gates(means, state)
    out = np.zeros_like(clip)
    for c in range(num_channels):
        kernel = global_kernel(means[c], state)
        for t in range(num_frames):
            for d in range(3):
                if 0 <= t + d - 1 < num_frames:
                    out[t, c] += kernel[d] * gates[c, t + d - 1] * clip[t + d - 1, c]
    return out
