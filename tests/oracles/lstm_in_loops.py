"""CNN + LSTM's head in plain loops over Python numbers; shares no code with ours."""

import math


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def weighted_sums(matrix, vector, offsets):
    return [
        sum(w * v for w, v in zip(row, vector, strict=True)) + offset
        for row, offset in zip(matrix, offsets, strict=True)
    ]


def run_lstm(frames, weights):
    """States of an LSTM after each frame.

    `weights` holds input (4h x C), recurrent (4h x h) and their biases, the rows of the
    input, forget, candidate and output gates below each other.
    """
    size = len(weights['recurrent'][0])
    state, cell, states = [0.0] * size, [0.0] * size, []
    for frame in frames:
        sums = [
            a + b
            for a, b in zip(
                weighted_sums(weights['input'], frame, weights['input_bias']),
                weighted_sums(weights['recurrent'], state, weights['recurrent_bias']),
                strict=True,
            )
        ]
        for k in range(size):
            enter, keep = sigmoid(sums[k]), sigmoid(sums[size + k])
            candidate = math.tanh(sums[2 * size + k])
            cell[k] = keep * cell[k] + enter * candidate
        # All gates read the old state, so it changes only now.
        state = [sigmoid(sums[3 * size + k]) * math.tanh(cell[k]) for k in range(size)]
        states.append(state)
    return states


def classify_video(maps, weights, *, length):
    """Logits of one video; maps (F, C, h, w) nested lists, sequences of `length`."""
    frames = [
        [
            sum(sum(row) for row in channel) / (len(channel) * len(channel[0]))
            for channel in frame
        ]
        for frame in maps
    ]
    starts = range(0, len(frames), length)
    totals = [0.0] * len(weights['classifier'])
    for start in starts:
        states = run_lstm(frames[start : start + length], weights)
        logits = weighted_sums(weights['classifier'], states[-1], weights['offsets'])
        totals = [t + x / len(starts) for t, x in zip(totals, logits, strict=True)]
    return totals
