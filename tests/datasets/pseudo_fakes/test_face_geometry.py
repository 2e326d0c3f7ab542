import numpy as np
import pytest

from mmdeepfake.datasets.pseudo_fakes import face_geometry
from mmdeepfake.datasets.pseudo_fakes.face_geometry import (
    AVERAGE_POINTS,
    MIN_WIDTH_RATIO,
    REGIONS,
    bend_faces,
    check_face_size,
    draw_region,
    fit_faces,
    measure_eye_distances,
    place_mask,
)
from mmdeepfake.errors import DataError


def turn(degrees, scale, shift):
    angle = np.deg2rad(degrees)
    rotation = np.array(
        [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    )
    return scale * rotation, np.array(shift)


@pytest.mark.parametrize('width', [1.0, 0.8])
def test_fit_finds_the_map_of_the_points(width):
    rotation, shift = turn(20, 30, (50, 40))
    linear = rotation @ np.diag([width, 1])
    (found,) = fit_faces((AVERAGE_POINTS @ linear.T + shift)[None])
    np.testing.assert_allclose(found, np.column_stack([linear, shift]), atol=1e-4)


@pytest.mark.parametrize('width', [0.02, -0.1])
def test_profile_keeps_its_width_and_is_not_mirrored(width):
    points = AVERAGE_POINTS * (30 * width, 30) + (50, 40)
    (found,) = fit_faces(points[None])
    across, down = np.linalg.svd(found[:, :2])[1][::-1]
    assert across == pytest.approx(MIN_WIDTH_RATIO * down, rel=1e-3)
    assert np.linalg.det(found[:, :2]) > 0


def test_size_of_a_turned_head_is_that_of_a_frontal_one():
    points = np.stack([AVERAGE_POINTS * (30 * w, 30) for w in (1.0, 0.4)])
    np.testing.assert_allclose(measure_eye_distances(points), [30, 30], rtol=1e-5)


@pytest.mark.parametrize('region', REGIONS)
def test_region_lies_where_it_belongs(region):
    canvas = draw_region(region, np.random.default_rng(1))
    points = AVERAGE_POINTS * 40 + (80, 70)
    mask = place_mask(canvas, fit_faces(points[None]), height=200, width=160)[0]
    assert 0 <= mask.min() and mask.max() <= 1
    middle = np.average(np.argwhere(mask > 0.5), axis=0)[::-1]
    eyes, nose, mouth = points[:2].mean(axis=0), points[2], points[3:].mean(axis=0)
    expected = dict(eyes=eyes, nose=nose, mouth=mouth, face=nose, inner=nose)
    at = expected.get(region, mouth)
    assert np.linalg.norm(middle - at) < 16  # 0.4 of the eyes' distance
    assert mask[5, 5] == 0  # far from the face


def test_mask_follows_the_points():
    canvas = draw_region('mouth', np.random.default_rng(0))
    points = AVERAGE_POINTS * 30 + (60, 50)
    faces = fit_faces(np.stack([points, points + np.array([7, -4])]))
    first, second = place_mask(canvas, faces, height=120, width=120)
    np.testing.assert_allclose(second[:-4, 7:], first[4:, :-7], atol=2e-2)


def test_features_move_by_the_field_times_the_eyes_distance(monkeypatch):
    monkeypatch.setattr(
        face_geometry, '_draw_field', lambda _: np.ones((136, 128, 2), np.float32)
    )
    points = np.stack([AVERAGE_POINTS * size + (40, 40) for size in (20, 10)])
    frames = np.random.default_rng(0).integers(0, 255, (2, 96, 80, 3)).astype(np.uint8)
    bent = bend_faces(frames, points, np.random.default_rng(0), spread=0.2)
    for frame, moved, pixels in zip(frames, bent, (4, 2), strict=True):
        inside = frame[35 + pixels : 55 + pixels, 30 + pixels : 50 + pixels]
        np.testing.assert_array_equal(moved[35:55, 30:50], inside)
    # Far from the face nothing moves.
    np.testing.assert_array_equal(bent[1, :10], frames[1, :10])


def test_small_face_is_refused():
    with pytest.raises(DataError, match=r'video v1: .* 6\.0 pixels apart, needs 8'):
        check_face_size(AVERAGE_POINTS[None] * 6, 'v1')
    check_face_size(AVERAGE_POINTS[None] * 9, 'v1')
