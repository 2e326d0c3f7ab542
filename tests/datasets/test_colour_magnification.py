import numpy as np
import pytest
from oracles.mmst_map_in_loops import pass_band as pass_band_in_loops

from mmdeepfake.datasets.transforms.colour_magnification import (
    magnify_colour,
    pass_band,
)
from mmdeepfake.errors import DataError

PULSE = dict(low_hertz=0.833, high_hertz=2.0)


def oscillating(hertz, *, amplitude=2.0, num_frames=300, fps=30.0, size=(16, 20)):
    """Return one oscillating colour: (T, H, W, 3) about 100, 120 and 140."""
    swing = amplitude * np.sin(2 * np.pi * hertz * np.arange(num_frames) / fps)
    colour = np.array([100.0, 120.0, 140.0]) + swing[:, None]
    return np.broadcast_to(colour[:, None, None], (num_frames, *size, 3))


def magnify(frames, *, fps=30.0, **options):
    options = dict(amplification=10, **PULSE) | options
    return magnify_colour(np.ascontiguousarray(frames), fps=fps, **options)


def swing_of(frames):
    """Half of the way between the extremes over time, at every place."""
    return (frames.max(axis=0) - frames.min(axis=0)) / 2


@pytest.mark.parametrize(('length', 'fps'), [(24, 24.0), (25, 25.0), (31, 12.5)])
@pytest.mark.parametrize('band', [(0.833, 2.0), (1.0, 3.0), (2.5, 99.0)])
def test_band_matches_the_sums_written_out(length, fps, band):
    signals = np.random.default_rng(0).normal(size=(length, 2))
    found = pass_band(signals, fps=fps, low_hertz=band[0], high_hertz=band[1])
    for column in range(2):
        expected = pass_band_in_loops(signals[:, column].tolist(), fps, *band)
        np.testing.assert_allclose(found[:, column], expected, atol=1e-12)
    assert np.abs(expected).max() > 0.05


@pytest.mark.parametrize('hertz', [0.9, 1.2, 2.0])
def test_a_pulse_grows_by_one_and_the_amplification(hertz):
    frames = oscillating(hertz)
    magnified = magnify(frames)
    np.testing.assert_allclose(swing_of(magnified), 11 * swing_of(frames), rtol=1e-3)
    np.testing.assert_allclose(magnified.mean(axis=0), frames.mean(axis=0), rtol=1e-4)


@pytest.mark.parametrize('hertz', [0.5, 5.0, 12.0])
def test_other_frequencies_stay_as_they_are(hertz):
    frames = oscillating(hertz)
    np.testing.assert_allclose(magnify(frames), frames, atol=1e-3)


def test_a_still_video_stays_still():
    still = np.random.default_rng(0).integers(0, 256, (1, 12, 14, 3))
    magnified = magnify(still.repeat(60, axis=0).astype(np.uint8))
    np.testing.assert_allclose(magnified, still.repeat(60, axis=0), atol=1e-3)


@pytest.mark.parametrize('num_levels', [0, 1, 2])
@pytest.mark.parametrize('size', [(16, 20), (17, 23)])
def test_levels_change_nothing_where_colour_is_even(num_levels, size):
    frames = oscillating(1.2, size=size, num_frames=50, fps=10.0)
    magnified = magnify(frames, fps=10.0, num_levels=num_levels)
    assert magnified.shape == frames.shape
    np.testing.assert_allclose(swing_of(magnified), 11 * swing_of(frames), rtol=1e-3)


def test_a_level_blurs_what_is_added_and_not_the_picture():
    """A checkerboard swings against itself: its mean over places is still."""
    frames = oscillating(1.2, num_frames=50, fps=10.0).copy()
    board = np.indices(frames.shape[1:3]).sum(axis=0) % 2 == 1
    frames[:, board] = 2 * frames.mean(axis=0)[board] - frames[:, board]
    plain = swing_of(magnify(frames, fps=10.0, num_levels=0))
    blurred = swing_of(magnify(frames, fps=10.0, num_levels=1))
    inside = (slice(4, -4), slice(4, -4))
    np.testing.assert_allclose(plain, 11 * swing_of(frames), rtol=1e-3)
    np.testing.assert_allclose(blurred[inside], swing_of(frames)[inside], rtol=0.01)


def test_colours_stay_within_a_byte():
    magnified = magnify(oscillating(1.2, amplitude=60.0))
    assert magnified.min() == 0
    assert magnified.max() == 255


def test_frames_are_not_changed_in_place():
    frames = oscillating(1.2, num_frames=30).astype(np.float32)
    before = frames.copy()
    magnify(frames)
    np.testing.assert_array_equal(frames, before)


@pytest.mark.parametrize(('num_frames', 'fps'), [(10, 30.0), (40, 1.0)])
def test_too_few_frames_for_the_band_are_rejected(num_frames, fps):
    frames = oscillating(1.2, num_frames=num_frames, fps=fps)
    message = rf'^{num_frames} frames at {fps:g} fps .* 0\.833 to 2 Hz'
    with pytest.raises(DataError, match=message):
        magnify(frames, fps=fps)
