"""Small sets of labels and scores that figures must agree on with their oracles."""

import numpy as np
import pytest


def draw_videos(seed, num_videos, num_levels):
    """Draw labels of both classes, and scores of which many are equal."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(2, size=num_videos)
    labels[:2] = 0, 1
    scores = rng.integers(num_levels, size=num_videos) / num_levels
    return labels, np.clip(scores + 0.1 * labels, 0, 1)


SETS = {
    'ties': draw_videos(0, 60, 5),
    'no ties': draw_videos(1, 60, 10**9),
    'large': draw_videos(2, 300, 40),
    'two videos': (np.array([0, 1]), np.array([0.3, 0.7])),
    'two videos, wrong way': (np.array([0, 1]), np.array([0.7, 0.3])),
    'all equal': (np.array([0, 1, 1]), np.full(3, 0.4)),
    'perfect': (np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.8, 0.9])),
    'perfectly calibrated': (np.array([0, 0, 1, 1]), np.array([0.0, 0, 1, 1])),
    'one fake': (np.array([0, 0, 0, 1]), np.array([0.1, 0.5, 0.9, 0.5])),
}
videos = pytest.mark.parametrize(('labels', 'scores'), SETS.values(), ids=list(SETS))
