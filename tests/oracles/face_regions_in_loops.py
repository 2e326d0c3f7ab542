"""Regions of the face point by point; shares no code with the product."""


def is_left_of(a, b, point):
    """Twice the signed area of the triangle a, b, point."""
    return (b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0])


def hull_of(points):
    """Convex hull by gift wrapping, as a list of points."""
    start = current = min(points)
    hull = []
    while True:
        hull.append(current)
        following = points[0] if points[0] != current else points[1]
        for point in points:
            side = is_left_of(current, following, point)
            far = sum((p - c) ** 2 for p, c in zip(point, current, strict=True))
            near = sum((p - c) ** 2 for p, c in zip(following, current, strict=True))
            if side < 0 or (side == 0 and far > near):
                following = point
        current = following
        if current == start:
            return hull


def distance_outside(hull, point):
    """How far a point lies outside a convex hull, negative inside (to its lines)."""
    worst = float('-inf')
    for a, b in zip(hull, hull[1:] + hull[:1], strict=True):
        length = ((b[0] - a[0]) ** 2 + (b[1] - a[1]) ** 2) ** 0.5
        worst = max(worst, -is_left_of(a, b, point) / length)
    return worst


def grow(points, factor):
    """Points moved away from their mean."""
    middle = [sum(p[i] for p in points) / len(points) for i in (0, 1)]
    return [
        tuple(m + factor * (v - m) for m, v in zip(middle, p, strict=True))
        for p in points
    ]
