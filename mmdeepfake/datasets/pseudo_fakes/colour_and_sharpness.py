"""What a forger's tool does to all frames alike: colour and sharpness."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.uint8]  # (F, H, W, 3)

# Ours: a mismatch that an eye finds when told where to look.
GAIN_SPREAD, OFFSET_SPREAD, GAMMA_SPREAD, SATURATION_SPREAD = 0.07, 6.0, 0.12, 0.15
_GREY = np.full((3, 3), 1 / 3)


def change_colours(
    frames: Frames,
    rng: np.random.Generator,
    *,
    strength: float = 1.0,
    brightness: NDArray[np.floating] | None = None,
) -> Frames:
    """Apply one drawn change of colour to all frames, and brightness to each.

    Args:
        frames: (F, H, W, 3) uint8.
        rng: draws gain, offset, gamma and saturation.
        strength: factor on all spreads; 0 changes nothing.
        brightness: (F,) factors, one a frame.
    """
    gains = 1 + strength * rng.normal(0, GAIN_SPREAD) * np.ones(3)
    gains += strength * rng.normal(0, GAIN_SPREAD / 2, 3)
    offsets = strength * rng.normal(0, OFFSET_SPREAD, 3)
    gamma = np.exp(strength * rng.normal(0, GAMMA_SPREAD))
    saturation = np.exp(strength * rng.normal(0, SATURATION_SPREAD))
    curve = 255 * (np.arange(256) / 255)[:, None] ** gamma * gains + offsets
    if brightness is None:
        brightness = np.ones(len(frames))
    mixing = saturation * np.eye(3) + (1 - saturation) * _GREY
    changed = []
    for frame, factor in zip(frames, brightness, strict=True):
        table = np.rint(curve * factor).clip(0, 255).astype(np.uint8)
        recoloured = cv2.LUT(frame, table[None])
        changed.append(cv2.transform(recoloured, mixing) if strength else recoloured)
    return np.stack(changed)


def match_colours(
    source: Frames, target: Frames, weights: NDArray[np.float32]
) -> Frames:
    """Match mean and spread of each channel inside a mask to the target's.

    One change for all frames, as in the usual tools for face swaps.

    Args:
        source: (F, H, W, 3) uint8.
        target: likewise.
        weights: (F, H, W) mask, 0 to 1.
    """
    inside = weights[:, ::2, ::2] > 0.5
    if not inside.any():
        return source
    ours, theirs = source[:, ::2, ::2][inside], target[:, ::2, ::2][inside]
    gain = (theirs.std(axis=0) / (ours.std(axis=0) + 1)).clip(0.7, 1.4)
    curve = (np.arange(256)[:, None] - ours.mean(axis=0)) * gain + theirs.mean(axis=0)
    table = np.rint(curve).clip(0, 255).astype(np.uint8)[None]
    return np.stack([cv2.LUT(frame, table) for frame in source])


def change_sharpness(frames: Frames, rng: np.random.Generator) -> Frames:
    """Blur, sharpen, or reduce and enlarge all frames alike; sometimes none of it."""
    kind = rng.choice(['none', 'reduce', 'blur', 'sharpen'], p=[0.2, 0.3, 0.15, 0.35])
    if kind == 'none':
        return frames
    if kind == 'reduce':
        height, width = frames.shape[1:3]
        ratio = rng.uniform(0.4, 0.9)
        small = (max(8, round(width * ratio)), max(8, round(height * ratio)))
        return np.stack(
            [
                cv2.resize(
                    cv2.resize(frame, small, interpolation=cv2.INTER_AREA),
                    (width, height),
                    interpolation=cv2.INTER_CUBIC,
                )
                for frame in frames
            ]
        )
    if kind == 'blur':
        sigma_px = rng.uniform(0.4, 1.2)
        return np.stack([cv2.GaussianBlur(frame, (0, 0), sigma_px) for frame in frames])
    amount, sigma_px = rng.uniform(0.2, 0.9), rng.uniform(0.6, 1.5)
    return np.stack([sharpen(frame, amount, sigma_px) for frame in frames])


def sharpen(
    frame: NDArray[np.uint8], amount: float, sigma_px: float
) -> NDArray[np.uint8]:
    """Apply an unsharp mask to one frame."""
    blurred = cv2.GaussianBlur(frame, (0, 0), sigma_px)
    return cv2.addWeighted(frame, 1 + amount, blurred, -amount, 0)
