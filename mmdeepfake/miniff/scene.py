"""What is behind the head: background, neck, shoulders and clothes."""

from __future__ import annotations

import numpy as np

from .appearance import OuterHead, Scene, draw_muted_colour
from .canvas import UNIT_PX
from .shapes import blend, bump, disc, draw_cloud, smoothstep


def paint_background(scene: Scene, size_px: int) -> np.ndarray:
    """Paint a blurred room with blobs of light and edges: (H, W, 3) float32."""
    rng = np.random.default_rng(scene.texture_seed)
    axis = np.linspace(-1, 1, size_px, dtype=np.float32)
    x, y = np.meshgrid(axis, axis)
    first, second = (draw_muted_colour(rng, 0.15, 0.85) for _ in range(2))
    angle = rng.uniform(0, 2 * np.pi)
    ramp = smoothstep(np.cos(angle) * x + np.sin(angle) * y, -1.2, 1.2)
    image = first + (second - first) * ramp[..., None]
    for _ in range(rng.integers(0, 6)):
        spread = rng.uniform(0.08, 0.4, size=2)
        spot = bump(x, y, tuple(rng.uniform(-1, 1, size=2)), tuple(spread))
        image = blend(image, draw_muted_colour(rng, 0.15, 0.95), 0.6 * spot)
    for _ in range(rng.integers(0, 4)):
        edge_x, width = rng.uniform(-1, 1), rng.uniform(0.05, 0.3)
        bar = smoothstep(np.abs(x - edge_x), width + 0.04, width - 0.04)
        image = blend(image, draw_muted_colour(rng, 0.1, 0.8), 0.5 * bar)
    grain = size_px / 128 * rng.uniform(1.5, 6)
    cloud = draw_cloud(rng, image.shape[:2], grain_x=grain, grain_y=grain)
    image = image * (1 + 0.05 * cloud[..., None])
    return (np.clip(image, 0.02, 0.98) * scene.tint).astype(np.float32)


def paint_body(outer: OuterHead, scene: Scene, size_px: int) -> np.ndarray:
    """Paint neck and shoulders for a head in the middle of the frame.

    Returns:
        (H, W, 4) float32, colour times cover, cover.
    """
    rng = np.random.default_rng(scene.texture_seed + 1)
    unit_px = UNIT_PX * size_px / 128
    axis = (np.arange(size_px, dtype=np.float32) - (size_px - 1) / 2) / unit_px
    x, y = np.meshgrid(axis, axis)
    side = 1 + 0.35 * x * scene.light[0]
    neck_width = 0.55 + 0.1 * smoothstep(y, 1.3, 1.9)
    neck = smoothstep(np.abs(x), neck_width + 0.04, neck_width - 0.04) * (y > 0.5)
    # The chin casts a shadow on the neck.
    shade = 0.45 + 0.3 * smoothstep(y, outer.chin_y, outer.chin_y + 0.5)
    neck_colour = outer.skin * (shade * side)[..., None]
    shoulder_y = 1.62 + 0.32 * np.clip(np.abs(x) - 0.5, 0, None) ** 1.5
    collar = disc(x, y, (0, 1.45), (0.62, 0.42), edge=0.05)
    cloth = smoothstep(y, shoulder_y - 0.03, shoulder_y + 0.03) * (1 - collar)
    weave = draw_cloud(rng, x.shape, grain_x=0.08 * unit_px, grain_y=0.3 * unit_px)
    folds = np.clip(side * (0.85 + 0.1 * weave), 0.2, 1.3)
    colour = blend(neck_colour, scene.cloth_colour * folds[..., None], cloth)
    cover = np.maximum(neck, cloth)
    colour = np.clip(colour * scene.tint, 0, 1)
    return np.dstack([colour * cover[..., None], cover]).astype(np.float32)
