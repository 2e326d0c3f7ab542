import numpy as np
import pytest
from landmark_builders import draw_landmarks, make_results, write_landmarks
from mmaction.datasets.transforms import Flip
from oracles.face_regions_in_loops import distance_outside, grow, hull_of

from mmdeepfake.datasets.transforms import (
    FaceAttentionMask,
    LoadFaceLandmarks,
    MarkFacialParts,
)
from mmdeepfake.datasets.transforms.face_regions import box_parts, draw_attention
from mmdeepfake.errors import ConfigError, DataError

SIDE = 64
STEPS = (FaceAttentionMask, MarkFacialParts)
every_step = pytest.mark.parametrize('step', STEPS)


def draw(step, tmp_path, *, flip_ratio=0.0, num_frames=2):
    """The fourth channel of each frame, (F, H, W)."""
    points = draw_landmarks(num_frames, moving=2)
    path = write_landmarks(tmp_path / 'points.npz', points)
    frames = np.random.default_rng(0).integers(
        0, 256, (num_frames, SIDE, SIDE, 3), dtype=np.uint8
    )
    results = make_results(frames, path)
    for one in (Flip(flip_ratio=flip_ratio), LoadFaceLandmarks(), step()):
        results = one(results)
    stacked = np.stack(results['imgs'])
    assert stacked.dtype == np.uint8
    expected = frames[:, :, ::-1] if flip_ratio else frames
    np.testing.assert_array_equal(stacked[..., :3], expected)
    return stacked[..., 3]


def test_mask_before_its_blur_is_that_of_the_hulls():
    points = draw_landmarks(1)[0]
    mask = draw_attention(points, height=SIDE, width=SIDE, blur_ratio=1e-4)
    listed = [tuple(map(float, p)) for p in points]
    face = hull_of(listed)
    bright = [
        hull_of(grow(listed[36:42], 1.6)),
        hull_of(grow(listed[42:48], 1.6)),
        hull_of(listed[27:36] + listed[48:68]),
    ]
    num_compared = 0
    for y in range(SIDE):
        for x in range(SIDE):
            outside_face = distance_outside(face, (x, y))
            outside_bright = min(distance_outside(hull, (x, y)) for hull in bright)
            # A pixel that a border goes through may be counted either way.
            if min(abs(outside_face), abs(outside_bright)) > 1:
                expected = ((outside_face < 0) + (outside_bright < 0)) / 2
                assert mask[y, x] == expected, (x, y)
                num_compared += 1
    assert num_compared > 0.7 * SIDE**2


def test_mask_is_blurred_and_stays_a_share():
    points = draw_landmarks(1)[0]
    size = dict(height=SIDE, width=SIDE)
    sharp = draw_attention(points, blur_ratio=1e-4, **size)
    mask = draw_attention(points, blur_ratio=0.04, **size)
    assert mask.shape == (SIDE, SIDE) and 0 <= mask.min() and mask.max() <= 1
    assert set(np.unique(sharp)) == {0, 0.5, 1}
    assert len(np.unique(mask)) > 100
    assert np.abs(np.diff(mask)).max() < 0.25  # of a share a pixel, at sigma 2.6
    np.testing.assert_allclose(mask.mean(), sharp.mean(), rtol=0.02)


def test_flip_of_frame_and_landmarks_flips_the_mask(tmp_path):
    plain = draw(FaceAttentionMask, tmp_path).astype(int)
    flipped = draw(FaceAttentionMask, tmp_path, flip_ratio=1.0).astype(int)
    assert np.abs(flipped[:, :, ::-1] - plain).max() <= 6  # of 255; how edges are drawn
    assert np.abs(flipped - plain).max() > 50


def test_flip_keeps_what_is_the_right_eye(tmp_path):
    plain = draw(MarkFacialParts, tmp_path)
    flipped = draw(MarkFacialParts, tmp_path, flip_ratio=1.0)[:, :, ::-1]
    for bit, mirror in ((0, 1), (1, 0), (2, 2), (3, 3)):
        ours, theirs = plain & (1 << bit) > 0, flipped & (1 << mirror) > 0
        assert ours.any()
        # Half pixels are rounded to the even one.
        assert (ours != theirs).mean() < 0.02


def test_boxes_are_the_extent_grown_around_its_middle():
    points = np.full((68, 2), 30.0)
    points[36:42] = [(10, 20), (20, 20), (12, 16), (18, 16), (15, 24), (15, 20)]
    boxes = box_parts(points, height=SIDE, width=SIDE, growth=1.5)
    # 10 to 20 grow to 7.5 to 22.5, 16 to 24 to 14 to 26.
    assert boxes[0].tolist() == [8, 14, 23, 27]
    assert boxes[1].tolist() == [30, 30, 31, 31]  # all points in one place: a pixel


@pytest.mark.parametrize('where', [(-50, 10), (10, -50), (200, 10), (63.4, 80)])
def test_boxes_outside_the_frame_become_a_pixel_at_its_border(where):
    points = np.full((68, 2), where, float)
    for x1, y1, x2, y2 in box_parts(points, height=SIDE, width=SIDE, growth=1.4):
        assert 0 <= x1 < x2 <= SIDE and 0 <= y1 < y2 <= SIDE
        assert (x2 - x1, y2 - y1) == (1, 1)


def test_each_part_has_its_bit(tmp_path):
    marks = draw(MarkFacialParts, tmp_path)
    points = draw_landmarks(2, moving=2)
    for frame, at in zip(marks, points, strict=True):
        for bit, part in enumerate(((36, 42), (42, 48), (27, 36), (48, 68))):
            for x, y in np.rint(at[slice(*part)]).astype(int):
                assert frame[y, x] & (1 << bit)
        assert frame[0, 0] == 0


@every_step
def test_landmarks_must_have_been_loaded(step):
    results = make_results(np.zeros((1, 8, 8, 3), np.uint8), None)
    with pytest.raises(ConfigError, match=f'^{step.__name__}: no landmarks'):
        step()(results)


@every_step
def test_it_is_done_once(step):
    results = make_results(np.zeros((1, 8, 8, 4), np.uint8), None)
    results['face_landmarks'] = draw_landmarks(1, side=8)
    with pytest.raises(DataError, match=r'\(8, 8, 4\)'):
        step()(results)


@pytest.mark.parametrize(
    ('step', 'options'),
    [(FaceAttentionMask, dict(blur_ratio=0)), (MarkFacialParts, dict(growth=-1))],
)
def test_invalid_argument_is_rejected(step, options):
    with pytest.raises(ConfigError, match=f'^{step.__name__}: '):
        step(**options)
