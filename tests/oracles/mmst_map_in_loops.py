"""DeepRhythm's map in plain loops over Python numbers; shares no code with ours."""

import cmath
import math


def pass_band(signal, fps, low, high):
    """Sum of the waves of one signal whose frequency lies in the band."""
    length = len(signal)
    kept = [0.0] * length
    for turns in range(1, length // 2 + 1):
        if not low - 1e-6 <= turns * fps / length <= high + 1e-6:
            continue
        wave = [cmath.exp(-2j * math.pi * turns * t / length) for t in range(length)]
        share = sum(s * w for s, w in zip(signal, wave, strict=True)) / length
        # A wave and its mirror image, but for the fastest, which is its own.
        times = 1 if 2 * turns == length else 2
        for t in range(length):
            kept[t] += times * (share * wave[t].conjugate()).real
    return kept


def mean_colours(frame, cells):
    """Colour of each cell of one frame (H, W, 3), row by row."""
    height, width = len(frame) // cells, len(frame[0]) // cells
    found = []
    for row in range(cells):
        for column in range(cells):
            pixels = [
                frame[y][x]
                for y in range(row * height, (row + 1) * height)
                for x in range(column * width, (column + 1) * width)
            ]
            found.append(
                [sum(channel) / len(pixels) for channel in zip(*pixels, strict=True)]
            )
    return found


def align(frames):
    """Points of each frame once its eyes are level, as far apart and where the first's.

    Points are complex numbers, x + iy; those of the eyes are 36 to 41 and 42 to 47.
    """

    def eyes(points):
        return sum(points[36:42]) / 6, sum(points[42:48]) / 6

    first_right, first_left = eyes(frames[0])
    target, distance = (first_right + first_left) / 2, abs(first_left - first_right)
    aligned = []
    for points in frames:
        right, left = eyes(points)
        turn = distance / (left - right)  # a rotation and a scaling in one number
        aligned.append([(p - (right + left) / 2) * turn + target for p in points])
    return aligned
