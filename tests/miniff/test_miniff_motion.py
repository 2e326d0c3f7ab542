import functools

import numpy as np
import pytest
from scipy.stats import ks_2samp, kstest

from mmdeepfake.miniff.motion import (
    METHOD_PATTERNS,
    SQUASH_LIMIT,
    SURFACE_TRACKS,
    draw_alternating,
    draw_drift,
    draw_expression,
    draw_held,
    draw_real_surface,
    draw_smooth,
    draw_white,
    forge_surface,
    hold_indices,
    squash,
)

PATTERNS = [draw_drift, draw_white, draw_held, draw_alternating]


@functools.cache
def draw_many(draw, num_draws=3000, num_frames=4):
    rng = np.random.default_rng(0)
    return np.stack([draw(rng, num_frames) for _ in range(num_draws)])


@pytest.mark.parametrize('draw', PATTERNS)
@pytest.mark.parametrize('frame_index', [0, 3])
def test_every_pattern_is_standard_normal_at_a_frame(draw, frame_index):
    assert kstest(draw_many(draw)[:, frame_index], 'norm').pvalue > 1e-3


@pytest.fixture(scope='module')
def real_surfaces():
    rng = np.random.default_rng(1)
    return [draw_real_surface(rng, 3) for _ in range(1500)]


def stack_frame(surfaces, frame_index=2):
    """(draws, tracks) of one frame."""
    return np.array([[s[n][frame_index] for n in SURFACE_TRACKS] for s in surfaces])


@pytest.mark.parametrize('method', METHOD_PATTERNS)
def test_single_frames_are_distributed_alike_and_independent(real_surfaces, method):
    rng = np.random.default_rng(2)
    forged = [forge_surface(real, method, rng) for real in real_surfaces]
    # Forged tracks are compared with other real ones than those they came from.
    real, fake = stack_frame(real_surfaces[:750]), stack_frame(forged[750:])
    for name, *track in zip(SURFACE_TRACKS, real.T, fake.T, strict=True):
        assert ks_2samp(*track).pvalue > 1e-3, name
    correlation = np.corrcoef(stack_frame(forged).T) - np.eye(len(SURFACE_TRACKS))
    assert np.abs(correlation).max() < 0.12


def test_patterns_differ_in_their_step_from_frame_to_frame():
    steps = {draw: np.diff(draw_many(draw), axis=1).std(axis=0) for draw in PATTERNS}
    assert (steps[draw_drift] < 0.2).all()
    np.testing.assert_allclose(steps[draw_white], np.sqrt(2), rtol=0.1)
    np.testing.assert_allclose(steps[draw_held], [0, np.sqrt(2), 0], rtol=0.1)
    np.testing.assert_allclose(steps[draw_alternating], 2, rtol=0.1)


def test_each_method_disturbs_the_surface_in_its_own_way():
    assert len({(draw, names) for draw, names in METHOD_PATTERNS.values()}) == 4


@pytest.mark.parametrize('method', METHOD_PATTERNS)
def test_forgery_leaves_the_other_tracks_of_the_target(method):
    rng = np.random.default_rng(3)
    target = draw_real_surface(rng, 8)
    forged = forge_surface(target, method, rng)
    disturbed = METHOD_PATTERNS[method][1]
    for name in SURFACE_TRACKS:
        same = np.array_equal(target[name], forged[name])
        assert same != (name in disturbed), name


def test_smoothing_is_the_sum_written_out():
    num_frames, spread, radius = 5, 1.0, 3
    noise = np.random.default_rng(4).standard_normal(num_frames + 2 * radius)
    weights = [np.exp(-0.5 * (k / spread) ** 2) for k in range(-radius, radius + 1)]
    energy = np.sqrt(sum(w * w for w in weights))
    expected = [
        sum(w * noise[t + k] for k, w in enumerate(weights)) / energy
        for t in range(num_frames)
    ]
    smooth = draw_smooth(
        np.random.default_rng(4), num_frames, correlation_frames=spread
    )
    np.testing.assert_allclose(smooth, expected)


def test_hold_shows_each_second_frame_twice():
    assert hold_indices(5).tolist() == [0, 0, 2, 2, 4]


def test_squash_is_bounded_and_keeps_small_slips():
    assert np.abs(squash(np.array([-50.0, 50.0]))).max() <= SQUASH_LIMIT
    np.testing.assert_allclose(squash(np.array([0.1])), 0.1, rtol=0.01)


def test_mouth_and_lids_move_evenly():
    rng = np.random.default_rng(5)
    for _ in range(50):
        tracks = draw_expression(rng, 48)
        for name in ('mouth_open', 'eye_open'):
            assert tracks[name].min() >= 0
            assert tracks[name].max() <= 1
        # A mouth takes more than two frames from shut to wide open.
        assert np.abs(np.diff(tracks['mouth_open'])).max() < 0.5


def test_eyes_blink_now_and_then():
    rng = np.random.default_rng(6)
    shut = [draw_expression(rng, 75)['eye_open'].min() < 0.5 for _ in range(200)]
    assert 0.4 < np.mean(shut) < 0.9
