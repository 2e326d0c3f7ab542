import cv2
import numpy as np
import pytest
from landmark_builders import draw_landmarks, make_results, write_landmarks
from mmaction.datasets.transforms import Flip
from oracles.co_motion_in_loops import gaussian_mean, upper_triangle

from mmdeepfake.datasets.transforms import (
    CoMotionPattern,
    ComputeLandmarkFlow,
    LoadFaceLandmarks,
)
from mmdeepfake.datasets.transforms.co_motion_pattern import (
    average_around,
    correlate_series,
)
from mmdeepfake.errors import ConfigError

SIDE = 96


def draw_texture(side=2 * SIDE, seed=0):
    """Smooth noise, on which a flow has something to hold on to."""
    noise = np.random.default_rng(seed).normal(0, 1, (side, side))
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.5)
    smooth = (smooth - smooth.min()) / np.ptp(smooth)
    return (255 * smooth).astype(np.uint8)


def film_shifts(shifts, num_clips=1):
    """Return frames of a moving texture, and landmarks that move with it."""
    texture, corner = draw_texture(), SIDE // 2
    frames, points = [], []
    face = draw_landmarks(1, side=SIDE, moving=0)[0]
    for x, y in np.cumsum(((0, 0), *shifts), axis=0):
        window = texture[corner - y : corner - y + SIDE, corner - x : corner - x + SIDE]
        frames.append(np.repeat(window[..., None], 3, axis=2))
        points.append(face + np.array((x, y)))
    return frames, np.array(points, np.float32)


def measure(frames, points, tmp_path, *, flip_ratio=0.0, **options):
    results = make_results(frames, write_landmarks(tmp_path / 'p.npz', points))
    steps = (Flip(flip_ratio=flip_ratio), LoadFaceLandmarks())
    for step in (*steps, ComputeLandmarkFlow(**options)):
        results = step(results)
    return results['landmark_motions']


SHIFTS = ((2, 1), (-1, 2), (0, -2), (3, 0))


def test_global_motion_is_measured(tmp_path):
    frames, points = film_shifts(SHIFTS)
    motions = measure(frames, points, tmp_path, remove_median=False)
    assert motions.shape == (1, 4, 51, 2) and motions.dtype == np.float32
    expected = np.broadcast_to(np.array(SHIFTS)[:, None], (4, 51, 2))
    np.testing.assert_allclose(motions[0], expected, atol=0.15)


def test_global_motion_is_removed(tmp_path):
    frames, points = film_shifts(SHIFTS)
    motions = measure(frames, points, tmp_path)
    assert np.abs(motions).max() < 0.1
    assert np.abs(motions).mean() < 0.02


def test_flipped_frames_give_mirrored_motions(tmp_path):
    frames, points = film_shifts(SHIFTS)
    plain = measure(frames, points, tmp_path, remove_median=False)
    flipped = measure(frames, points, tmp_path, flip_ratio=1.0, remove_median=False)
    np.testing.assert_allclose(
        flipped[..., 0].mean(2), -plain[..., 0].mean(2), atol=0.1
    )
    np.testing.assert_allclose(flipped[..., 1].mean(2), plain[..., 1].mean(2), atol=0.1)


def test_a_mouth_that_moves_alone_is_found(tmp_path):
    frames, points = film_shifts(((0, 0),))
    mouth_x, mouth_y = points[0, 48:].mean(axis=0)
    columns, rows = np.meshgrid(*2 * (np.arange(SIDE, dtype=np.float32),))
    distance = (columns - mouth_x) ** 2 + (rows - mouth_y) ** 2
    down = 2 * np.exp(-distance / (2 * 12**2)).astype(np.float32)
    frames[1] = cv2.remap(frames[0], columns, rows - down, cv2.INTER_LINEAR)
    motions = measure(frames, points, tmp_path, remove_median=False)[0, 0]
    mouth, eyes = motions[48 - 17 :], motions[36 - 17 : 48 - 17]
    assert mouth[:, 1].mean() > 1
    assert np.abs(eyes).max() < 0.4


def test_motion_around_a_point_matches_the_loops():
    flow = np.random.default_rng(0).normal(0, 1, (9, 12, 2))
    points = np.array([(0, 0), (5.3, 4.1), (11, 8)])
    expected = [gaussian_mean(flow.tolist(), point, 1.7) for point in points]
    np.testing.assert_allclose(average_around(flow, points, sigma_px=1.7), expected)
    outside = average_around(flow, np.array([(-40.0, 4.0)]), sigma_px=1.7)
    np.testing.assert_allclose(
        outside, average_around(flow, np.array([(0.0, 4.0)]), sigma_px=1.7)
    )


def test_correlations_match_the_loops():
    series = np.random.default_rng(0).normal(0, 1, (7, 5))
    series[:, 3] = 4.2  # does not vary
    matrix = correlate_series(series)
    np.testing.assert_allclose(
        matrix[np.triu_indices(5, k=1)], upper_triangle(series.T.tolist()), atol=1e-12
    )
    np.testing.assert_array_equal(matrix, matrix.T)
    np.testing.assert_array_equal(matrix.diagonal(), 1)
    assert (matrix[3, [0, 1, 2, 4]] == 0).all()


def test_pattern_is_the_upper_triangle_of_what_landmarks_do():
    motions = np.random.default_rng(0).normal(0, 1, (2, 6, 51, 2)).astype(np.float32)
    step = CoMotionPattern()
    results = step(dict(landmark_motions=motions))
    pattern = results['imgs']
    assert pattern.dtype == np.float32
    assert pattern.shape == step.packed_shape(2, 7) == results['input_shape']
    assert step.num_features == 5151
    for one, snippet in zip(pattern, motions.astype(float), strict=True):
        # Three series are enough for the loops: u and v of landmark 0, u of 1.
        series = [snippet[:, 0, 0], snippet[:, 0, 1], snippet[:, 1, 0]]
        expected = upper_triangle([s.tolist() for s in series])
        found = [one[0], one[1], one[101]]  # (0, 1), (0, 2), (1, 2) of 102
        np.testing.assert_allclose(np.ravel(found), expected, atol=1e-5)


def test_still_video_gives_a_pattern_of_zeros(tmp_path):
    frames, points = film_shifts(((0, 0), (0, 0)))
    motions = measure(frames, points, tmp_path)
    assert not CoMotionPattern()(dict(landmark_motions=motions))['imgs'].any()


def test_invalid_argument_is_rejected():
    with pytest.raises(ConfigError, match='ComputeLandmarkFlow: sigma_ratio=0'):
        ComputeLandmarkFlow(sigma_ratio=0)


@pytest.mark.parametrize('num_frames', [1, 3])
def test_missing_frames_or_landmarks_are_named(num_frames):
    results = make_results(np.zeros((num_frames, 8, 8, 3), np.uint8), None)
    if num_frames == 1:
        results['face_landmarks'] = draw_landmarks(1, side=8)
    with pytest.raises(ConfigError, match=f'snippets of {num_frames} frames'):
        ComputeLandmarkFlow()(results)
    with pytest.raises(ConfigError, match='ComputeLandmarkFlow'):
        CoMotionPattern()(results)
