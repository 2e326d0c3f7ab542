import numpy as np
import pytest

from mmdeepfake.errors import DataError
from mmdeepfake.evaluation.localisation import (
    average_over_videos,
    centre_map,
    iou_of_hottest,
    points_inside,
    score_heat,
    score_region,
)


def make_masks(rng, num_frames=3, side=12):
    masks = np.zeros((num_frames, side, side), bool)
    for mask in masks:
        top, left = rng.integers(0, 5, 2)
        mask[top : top + 5, left : left + 6] = True
    return masks


def test_iou_matches_the_loops():
    rng = np.random.default_rng(0)
    masks, heat = make_masks(rng), rng.random((3, 12, 12))
    for mask, one in zip(masks, heat, strict=True):
        places = [(one[r, c], r, c) for r in range(12) for c in range(12)]
        chosen = {(r, c) for _, r, c in sorted(places, reverse=True)[:30]}
        forged = {(r, c) for r in range(12) for c in range(12) if mask[r, c]}
        expected = len(chosen & forged) / len(chosen | forged)
        assert iou_of_hottest(one, mask) == pytest.approx(expected)


def test_perfect_heat_scores_one_and_its_opposite_zero():
    masks = make_masks(np.random.default_rng(1))
    perfect = score_heat(masks.astype(float), masks)
    assert perfect['pointing'] == perfect['iou'] == 1
    opposite = score_heat((~masks).astype(float), masks)
    assert opposite['pointing'] == opposite['iou'] == 0


def test_random_heat_scores_as_chance_says():
    rng = np.random.default_rng(2)
    mask = np.zeros((40, 40), bool)
    mask[5:25, 10:40] = True
    masks = mask[None].repeat(400, axis=0)
    scores = score_heat(rng.random(masks.shape), masks)
    assert scores['chance_pointing'] == pytest.approx(600 / 1600)
    assert scores['pointing'] == pytest.approx(scores['chance_pointing'], abs=0.08)
    assert scores['iou'] == pytest.approx(scores['chance_iou'], abs=0.005)


def test_frame_without_heat_is_a_miss_and_finds_nothing():
    mask = np.eye(4, dtype=bool)
    assert points_inside(np.zeros((4, 4)), mask) == 0
    assert iou_of_hottest(np.zeros((4, 4)), mask) == 0


def test_equal_peaks_count_by_their_share_inside():
    heat = np.array([[1.0, 1.0], [0.5, 1.0]])
    assert points_inside(heat, np.array([[True, False], [True, False]])) == 1 / 3


def test_only_frames_with_a_mask_count():
    masks = np.zeros((3, 4, 4), bool)
    masks[1, :2] = True
    masks[2] = True
    heat = np.zeros((3, 4, 4))
    heat[1, 0, 0] = 1
    assert score_heat(heat, masks)['pointing'] == 1
    assert score_heat(heat[:1], masks[:1]) == {}


def test_centre_map_is_hottest_in_the_middle():
    heat = centre_map((5, 7))
    assert np.unravel_index(heat.argmax(), heat.shape) == (2, 3)
    mask = np.zeros((5, 7), bool)
    mask[2, 3] = True
    assert score_heat(np.ones((1, 5, 7)), mask[None])['centre_iou'] == 1


def test_region_is_scored_by_its_positions():
    region = np.zeros((1, 4, 4), bool)
    region[0, :2] = True  # 8 positions
    mask = np.zeros((1, 4, 4), bool)
    mask[0, 1:] = True  # 12 positions, 4 of them in the region
    scores = score_region(region, mask)
    assert scores['pointing'] == 4 / 8
    assert scores['iou'] == 4 / 16
    assert scores['chance_pointing'] == 12 / 16
    assert scores['chance_iou'] == pytest.approx(0.375 / (0.5 + 0.75 - 0.375))


def test_region_of_the_whole_frame_scores_exactly_chance():
    masks = make_masks(np.random.default_rng(3))
    scores = score_region(np.ones_like(masks), masks)
    assert scores['pointing'] == scores['chance_pointing']
    assert scores['iou'] == pytest.approx(scores['chance_iou'])


def test_empty_region_is_a_miss():
    masks = make_masks(np.random.default_rng(4))
    scores = score_region(np.zeros_like(masks), masks)
    assert scores['pointing'] == scores['iou'] == 0


def test_interval_is_that_of_resampled_videos():
    values = np.random.default_rng(5).random(20)
    found = average_over_videos([{'iou': v} for v in values], num_resamples=4000)['iou']
    assert found.mean == pytest.approx(values.mean())
    standard_error = values.std() / np.sqrt(20)
    assert found.low == pytest.approx(found.mean - 1.96 * standard_error, abs=0.02)
    assert found.high == pytest.approx(found.mean + 1.96 * standard_error, abs=0.02)


def test_unequal_shapes_and_nothing_at_all_are_refused():
    with pytest.raises(DataError, match=r'maps of shape \(1, 2, 2\) and masks'):
        score_heat(np.zeros((1, 2, 2)), np.zeros((1, 3, 3), bool))
    with pytest.raises(DataError, match='nothing to average'):
        average_over_videos([])
