"""Maps of forged places."""

import numpy as np
import pytest

from mmdeepfake.datasets import MapForgery
from mmdeepfake.errors import ConfigError
from mmdeepfake.structures import FAKE, REAL


@pytest.mark.parametrize('flip', [False, True])
def test_a_cell_has_the_share_of_its_pixels(flip):
    rng = np.random.default_rng(0)
    masks = rng.random((3, 12, 12), np.float32)
    results = dict(imgs=[None] * 3, label=FAKE, forgery_masks=masks, flip=flip)
    found = MapForgery(side=4)(results)['forgery_map']
    seen = masks[:, :, ::-1] if flip else masks
    expected = [
        [[one[3 * y : 3 * y + 3, 3 * x : 3 * x + 3].mean() for x in range(4)]
         for y in range(4)]
        for one in seen
    ]  # fmt: skip
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(('label', 'value'), [(REAL, 0), (FAKE, np.nan)])
def test_without_masks_a_real_video_has_none_and_a_fake_an_unknown_place(label, value):
    found = MapForgery(side=2)(dict(imgs=[None] * 5, label=label))['forgery_map']
    np.testing.assert_array_equal(found, np.full((5, 2, 2), value))


def test_a_side_that_is_no_count_is_refused():
    with pytest.raises(ConfigError, match='side'):
        MapForgery(side=0)
