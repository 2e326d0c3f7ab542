"""Motion of heads, and of the surface of real and forged faces on them.

Every track of the facial surface (`SURFACE_TRACKS`) has the same normal distribution
at any single frame, real or forged. Only its course over time differs: a real face
drifts, a forged one follows the pattern of its method (`METHOD_PATTERNS`). By
construction, a single frame cannot distinguish them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

Tracks = dict[str, np.ndarray]  # name -> (T,) float32

# Slip of the inner face against the head, then of the mouth against the face.
INNER_TRACKS = (
    *('shift_x', 'shift_y', 'rotation', 'scale'),
    *('bend_x', 'bend_y', 'gain'),
)
MOUTH_TRACKS = ('mouth_x', 'mouth_y', 'mouth_width', 'mouth_height', 'mouth_gain')
SURFACE_TRACKS = INNER_TRACKS + MOUTH_TRACKS
SURFACE_CORRELATION_FRAMES = 5.0  # ours; many frames, but less than a clip
SQUASH_LIMIT = 1.6  # standard deviations; keeps eyes and mouth on the face


def draw_smooth(
    rng: Generator, num_frames: int, *, correlation_frames: float
) -> np.ndarray:
    """Draw normal noise smoothed by a Gaussian kernel: (T,), N(0, 1) at every frame.

    The kernel has unit energy, so the variance is exactly 1 without standardising each
    clip, which would change the distribution for short clips.
    """
    radius = int(np.ceil(3 * correlation_frames))
    offsets = np.arange(-radius, radius + 1)
    kernel = np.exp(-0.5 * (offsets / correlation_frames) ** 2)
    kernel /= np.sqrt((kernel**2).sum())
    noise = rng.standard_normal(num_frames + 2 * radius)
    return np.convolve(noise, kernel, mode='valid')


def draw_drift(rng: Generator, num_frames: int) -> np.ndarray:
    """Draw a slow course, as of real skin: (T,), N(0, 1) at every frame."""
    return draw_smooth(rng, num_frames, correlation_frames=SURFACE_CORRELATION_FRAMES)


def draw_white(rng: Generator, num_frames: int) -> np.ndarray:
    """Draw a new value for each frame: (T,), N(0, 1) at every frame."""
    return rng.standard_normal(num_frames)


def draw_held(rng: Generator, num_frames: int) -> np.ndarray:
    """Draw a new value every second frame, `a a b b c c`: (T,), N(0, 1) at each."""
    return rng.standard_normal(num_frames)[hold_indices(num_frames)]


def draw_alternating(rng: Generator, num_frames: int) -> np.ndarray:
    """Draw a slow course whose sign flips each frame: (T,), N(0, 1) at every frame."""
    return draw_drift(rng, num_frames) * (-1.0) ** np.arange(num_frames)


def hold_indices(num_frames: int) -> np.ndarray:
    """Return the frame shown at each time if every frame is held: 0 0 2 2 4 4 ..."""
    return np.arange(num_frames) // 2 * 2


METHOD_PATTERNS: dict[
    str, tuple[Callable[[Generator, int], np.ndarray], tuple[str, ...]]
] = {
    'Deepfakes': (draw_white, ('shift_x', 'shift_y', 'bend_x', 'bend_y', 'gain')),
    'FaceSwap': (draw_white, ('shift_x', 'shift_y', 'rotation', 'scale', 'gain')),
    'Face2Face': (draw_held, ('shift_x', 'shift_y', 'bend_x', 'bend_y', 'gain')),
    'NeuralTextures': (draw_alternating, MOUTH_TRACKS),
}


def draw_real_surface(rng: Generator, num_frames: int) -> Tracks:
    """Draw the drifting tracks of a real face's surface, in standard deviations."""
    return {name: draw_drift(rng, num_frames) for name in SURFACE_TRACKS}


def forge_surface(target: Tracks, method: str, rng: Generator) -> Tracks:
    """Return the target's tracks with those that the method disturbs redrawn."""
    draw, names = METHOD_PATTERNS[method]
    num_frames = len(next(iter(target.values())))
    return target | {name: draw(rng, num_frames) for name in names}


def squash(track: np.ndarray) -> np.ndarray:
    """Bound a track to +-SQUASH_LIMIT, frame by frame."""
    return SQUASH_LIMIT * np.tanh(track / SQUASH_LIMIT)


def draw_pose(rng: Generator, num_frames: int) -> Tracks:
    """Draw the smooth motion of the head in the frame.

    Returns:
        'x', 'y' in pixels of a 128 px frame, 'roll' in degrees, 'zoom' as log scale.
    """
    spreads = {'x': 1.8, 'y': 1.2, 'roll': 2.5, 'zoom': 0.015}
    return {
        name: spread * draw_smooth(rng, num_frames, correlation_frames=11)
        for name, spread in spreads.items()
    }


def draw_expression(rng: Generator, num_frames: int) -> Tracks:
    """Draw speech, smiles, brows, blinks and gaze.

    Returns:
        'mouth_open', 'eye_open' in [0, 1]; 'smile', 'brow_raise', 'gaze_x', 'gaze_y'
        roughly in [-1, 1].
    """
    syllables = draw_smooth(rng, num_frames, correlation_frames=3.0)
    phrase = draw_smooth(rng, num_frames, correlation_frames=10) + 0.4
    mouth_open = np.clip(0.35 + 0.45 * syllables, 0, 1) * np.clip(phrase, 0, 1)
    return {
        'mouth_open': mouth_open,
        'smile': 0.6 * draw_smooth(rng, num_frames, correlation_frames=12),
        'brow_raise': 0.6 * draw_smooth(rng, num_frames, correlation_frames=8),
        'eye_open': 1.0 - _draw_blinks(rng, num_frames),
        'gaze_x': 0.5 * draw_smooth(rng, num_frames, correlation_frames=6),
        'gaze_y': 0.3 * draw_smooth(rng, num_frames, correlation_frames=6),
    }


def _draw_blinks(rng: Generator, num_frames: int) -> np.ndarray:
    """Draw how far the lids are closed, (T,) in [0, 1]; a blink every 3 s at 25 fps."""
    shut = np.array([0.3, 0.8, 1.0, 0.9, 0.6, 0.25])
    starts = np.flatnonzero(rng.random(num_frames + len(shut)) < 1 / 75) - len(shut)
    blinks = np.zeros(num_frames)
    for start in starts:
        for offset, value in enumerate(shut):
            if 0 <= start + offset < num_frames:
                blinks[start + offset] = max(blinks[start + offset], value)
    return blinks
