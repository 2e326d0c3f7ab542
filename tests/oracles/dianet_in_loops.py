"""DIANet's comparisons cell by cell; shares no code with the product."""

import math


def cosine(one, other):
    """Of two lists of numbers."""
    product = sum(a * b for a, b in zip(one, other, strict=True))
    sizes = [math.sqrt(sum(v * v for v in vector)) for vector in (one, other)]
    return product / (sizes[0] * sizes[1])


def cells(feature_map):
    """The cells of a nested list [C][h][w], row by row, each a list of C numbers."""
    return [
        [channel[y][x] for channel in feature_map]
        for y in range(len(feature_map[0]))
        for x in range(len(feature_map[0][0]))
    ]


def correlate(first, second):
    """[h*w][h*w], rows the cells of `first`."""
    return [[cosine(a, b) for b in cells(second)] for a in cells(first)]


def value_at(rows, x, y):
    """Bilinear between the middles of cells, those at the border going on outside."""
    height, width = len(rows), len(rows[0])
    x = min(max(x - 0.5, 0), width - 1)
    y = min(max(y - 0.5, 0), height - 1)
    left, top = min(int(x), width - 2), min(int(y), height - 2)
    across, down = x - left, y - top
    upper = rows[top][left] * (1 - across) + rows[top][left + 1] * across
    lower = rows[top + 1][left] * (1 - across) + rows[top + 1][left + 1] * across
    return upper * (1 - down) + lower * down


def crop(rows, box, side):
    """Sample a box, in cells, at the middles of side x side parts."""
    x1, y1, x2, y2 = box
    return [
        [
            value_at(
                rows,
                x1 + (column + 0.5) / side * (x2 - x1),
                y1 + (row + 0.5) / side * (y2 - y1),
            )
            for column in range(side)
        ]
        for row in range(side)
    ]
