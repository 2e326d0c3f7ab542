"""Soft shapes and textures for painting faces, as functions of (x, y)."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator


def smoothstep(value: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return 0 below `low`, 1 above `high`, smooth between; reversed if low > high."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def bump(
    x: np.ndarray,
    y: np.ndarray,
    centre: tuple[float, float],
    spread: tuple[float, float],
) -> np.ndarray:
    """Return a Gaussian bump of height 1."""
    u, v = (x - centre[0]) / spread[0], (y - centre[1]) / spread[1]
    return np.exp(-0.5 * (u * u + v * v))


def disc(
    x: np.ndarray,
    y: np.ndarray,
    centre: tuple[float, float],
    radii: tuple[float, float],
    *,
    edge: float,
) -> np.ndarray:
    """Return the coverage of an ellipse whose rim is blurred over `edge`."""
    u, v = (x - centre[0]) / radii[0], (y - centre[1]) / radii[1]
    distance = (np.sqrt(u * u + v * v) - 1) * min(radii)
    return smoothstep(distance, edge / 2, -edge / 2)


def blend(base: np.ndarray, colour: np.ndarray, cover: np.ndarray) -> np.ndarray:
    """Paint a colour, (3,) or (H, W, 3), over (H, W, 3) where `cover` (H, W) is 1."""
    return base + cover[..., None] * (colour - base)


def draw_cloud(
    rng: Generator, shape: tuple[int, int], *, grain_x: float, grain_y: float
) -> np.ndarray:
    """Draw smooth noise of mean 0 and deviation 1; grains in pixels: (H, W) float32."""
    noise = rng.standard_normal(shape, dtype=np.float32)
    cloud = cv2.GaussianBlur(noise, (0, 0), sigmaX=grain_x, sigmaY=grain_y)
    return (cloud - cloud.mean()) / max(float(cloud.std()), 1e-6)
