import numpy as np
import pytest
from oracles.faces_in_loops import gaussian_mean

from mmdeepfake.faces.smoothing import (
    boxes_to_shapes,
    fill_gaps,
    shapes_to_boxes,
    smooth_over_time,
)


@pytest.mark.parametrize(
    ('length', 'sigma'), [(40, 3.0), (40, 0.7), (5, 3.0), (2, 2.0)]
)
def test_smoothing_matches_the_loop(length, sigma):
    values = np.random.default_rng(1).normal(size=(length, 2, 3))
    smoothed = smooth_over_time(values, sigma_frames=sigma)
    for i in range(2):
        for j in range(3):
            np.testing.assert_allclose(
                smoothed[:, i, j], gaussian_mean(values[:, i, j].tolist(), sigma)
            )


def test_uniform_motion_stays_unchanged_up_to_its_ends():
    values = np.arange(30.0)[:, None] * [[2.0, -0.5]] + 7
    np.testing.assert_allclose(
        smooth_over_time(values, sigma_frames=4), values, atol=1e-9
    )


def test_smoothing_lags_in_neither_direction():
    values = np.random.default_rng(2).normal(size=(50, 1))
    backwards = smooth_over_time(values[::-1], sigma_frames=3)[::-1]
    np.testing.assert_allclose(smooth_over_time(values, sigma_frames=3), backwards)
    step = np.repeat([0.0, 1.0], 30)[:, None]
    smoothed = smooth_over_time(step, sigma_frames=3)[:, 0]
    assert smoothed[29] + smoothed[30] == pytest.approx(1)  # the step stays in place


def test_smoothing_can_be_turned_off():
    values = np.random.default_rng(3).normal(size=(9, 4))
    np.testing.assert_array_equal(smooth_over_time(values, sigma_frames=0), values)
    np.testing.assert_array_equal(
        smooth_over_time(values[:1], sigma_frames=3), values[:1]
    )


def test_gaps_are_filled_linearly():
    filled = fill_gaps(np.array([3, 5, 9]), np.array([[0.0, 8], [2, 8], [-2, 0]]))
    expected = [[0, 8], [1, 8], [2, 8], [1, 6], [0, 4], [-1, 2], [-2, 0]]
    np.testing.assert_allclose(filled, expected)


def test_points_of_any_rank_are_filled():
    filled = fill_gaps(np.array([0, 2]), np.array([np.zeros((5, 2)), np.ones((5, 2))]))
    np.testing.assert_allclose(filled[1], np.full((5, 2), 0.5))


def test_boxes_survive_the_way_to_shapes_and_back():
    boxes = np.array([[10.0, 20, 30, 60], [0, 0, 5, 7]])
    shapes = boxes_to_shapes(boxes)
    np.testing.assert_allclose(shapes[0], [20, 40, np.log(20), np.log(40)])
    np.testing.assert_allclose(
        shapes_to_boxes(shapes, height=90, width=80), boxes, atol=1e-9
    )


def test_boxes_end_at_the_frame_and_never_vanish():
    shapes = boxes_to_shapes([[-30, 10, -10, 30], [75, 80, 95, 100]])
    boxes = shapes_to_boxes(shapes, height=90, width=80)
    np.testing.assert_allclose(boxes, [[0, 10, 10, 30], [70, 80, 80, 90]], atol=9)
    assert ((boxes >= 0) & (boxes <= [80, 90, 80, 90])).all()
    assert (boxes[:, :2] < boxes[:, 2:]).all()
