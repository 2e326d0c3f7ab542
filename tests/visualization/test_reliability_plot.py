import math

import numpy as np
import pytest
from PIL import Image

from mmdeepfake.visualization.reliability_plot import (
    Reliability,
    plot_reliability,
    share_intervals,
)


def wilson(num_fakes, num_videos, z=1.959963984540054):
    """Wilson's interval, as its formula is printed."""
    p, n = num_fakes / num_videos, num_videos
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return middle - half, middle + half


def make(shares=(0.0, 0.25, 1.0), counts=(3, 8, 5), scores=(0.1, 0.4, 0.95)):
    return Reliability(scores, shares, counts, 0.1, 0.05)


def test_interval_of_each_bin_is_wilsons():
    found = share_intervals(make())
    expected = [wilson(0, 3), wilson(2, 8), wilson(5, 5)]
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize('bins', [([0.5], [1], [0.5]), ([1 / 3], [3], [0.2])])
def test_one_bin_is_drawn(tmp_path, bins):
    plot_reliability(make(*bins), tmp_path / 'x.png')
    assert Image.open(tmp_path / 'x.png').size[0] > 300


def test_shares_move_the_picture(tmp_path):
    plot_reliability(make(), tmp_path / 'a.png')
    plot_reliability(make(shares=(0.0, 0.5, 1.0)), tmp_path / 'b.png')
    one, other = (np.asarray(Image.open(tmp_path / f'{n}.png')) for n in 'ab')
    assert one.shape == other.shape
    assert (one != other).any()
