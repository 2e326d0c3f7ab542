"""Hair in several styles, in front of the face and behind the shoulders."""

from __future__ import annotations

import numpy as np

from .appearance import OuterHead, Scene
from .canvas import Canvas
from .shapes import blend, draw_cloud, smoothstep

# Length of the hair beside the face, in head units below the temples.
SIDE_LENGTHS = {'short': 0.0, 'side': 0.15, 'fringe': 0.3, 'long': 0.9, 'curly': 0.35}


def paint_front_hair(
    canvas: Canvas,
    colour: np.ndarray,
    cover: np.ndarray,
    outer: OuterHead,
    scene: Scene,
) -> tuple[np.ndarray, np.ndarray]:
    """Paint hair over crown, temples and, for some styles, the forehead."""
    if outer.hair_style == 'bald':
        return colour, cover
    strands = _draw_strands(canvas, outer)
    area = _cover_front(canvas, outer, strands)
    hair = _shade(canvas, outer, scene, strands)
    # Hair casts a soft shadow on the skin below it.
    shadow = np.roll(area, round(0.06 * canvas.unit_px), axis=0)
    colour = colour * (1 - 0.25 * shadow[..., None] * (1 - area[..., None]))
    cover = np.maximum(cover, area)
    # Where hair forms the outline, its rim shows no skin.
    return blend(colour, hair, area / np.maximum(cover, 1e-6)), cover


def paint_back_hair(canvas: Canvas, outer: OuterHead, scene: Scene) -> np.ndarray:
    """Paint hair behind the neck: (H, W, 4), colour times cover, cover."""
    if outer.hair_style not in ('long', 'curly'):
        return np.zeros((*canvas.shape, 4), np.float32)
    strands = _draw_strands(canvas, outer)
    length = 1.75 if outer.hair_style == 'long' else 0.9
    width = 1.08 + outer.hair_thickness + 0.06 * strands
    x, y = np.abs(canvas.x), canvas.y
    narrowing = 0.12 * np.clip(y, 0, None)
    area = smoothstep(x - width + narrowing, 0.06, -0.06)
    area *= smoothstep(y + 0.08 * strands, length, length - 0.15)
    area *= smoothstep(y, outer.crown_y * 0.6, outer.crown_y * 0.3)
    hair = 0.62 * _shade(canvas, outer, scene, strands)
    return np.dstack([np.clip(hair, 0, 1) * area[..., None], area])


def _draw_strands(canvas: Canvas, outer: OuterHead) -> np.ndarray:
    rng = np.random.default_rng(outer.texture_seed + 2)
    unit = canvas.unit_px
    if outer.hair_style == 'curly':
        return draw_cloud(rng, canvas.shape, grain_x=0.07 * unit, grain_y=0.07 * unit)
    fine = draw_cloud(rng, canvas.shape, grain_x=0.02 * unit, grain_y=0.25 * unit)
    broad = draw_cloud(rng, canvas.shape, grain_x=0.08 * unit, grain_y=0.4 * unit)
    return 0.7 * fine + 0.5 * broad


def _cover_front(canvas: Canvas, outer: OuterHead, strands: np.ndarray) -> np.ndarray:
    """Return the skull plus the hair's thickness, minus the face."""
    x, y = canvas.x, canvas.y
    rough = 0.045 if outer.hair_style == 'curly' else 0.015
    thickness = outer.hair_thickness * (1.6 if outer.hair_style == 'curly' else 1.0)
    radius_x, radius_y = 1.0 + 0.6 * thickness, -outer.crown_y + thickness
    # Below the temples hair hangs straight down.
    above = np.clip(y, None, 0) / radius_y
    outline = np.sqrt((x / radius_x) ** 2 + above**2) - 1 - rough * strands
    inside = smoothstep(outline, 0.03, -0.03)
    side_y = -0.25 + SIDE_LENGTHS[outer.hair_style] + 0.05 * strands
    return (
        inside
        * smoothstep(_face_opening(x, y, outer), -0.04, 0.04)
        * smoothstep(y, side_y + 0.1, side_y - 0.1)
    )


def _face_opening(x: np.ndarray, y: np.ndarray, outer: OuterHead) -> np.ndarray:
    """Return the outward distance from the opening for the face, in head units."""
    hairline = outer.hairline_y
    if outer.hair_style == 'fringe':
        hairline = -0.56
    if outer.hair_style == 'side':
        # Combed away from the parting, so lower on one side.
        hairline = hairline + 0.22 * np.abs(x - outer.parting_x)
    width = 0.86 if outer.hair_style in ('fringe', 'long') else 0.93
    # A rounded rectangle whose top is the hairline and whose sides are the temples.
    rise = np.clip((0.1 - y) / (0.1 - hairline), 0, None)
    return (np.abs(x / width) ** 3.2 + rise**3.2) ** (1 / 3.2) - 1


def _shade(
    canvas: Canvas, outer: OuterHead, scene: Scene, strands: np.ndarray
) -> np.ndarray:
    """Return the hair colour with strands, highlight and shading: (H, W, 3)."""
    x, y = canvas.x, canvas.y
    lean = x - 0.8 * scene.light[0]
    gleam = np.exp(-0.5 * ((y + 1.15) / 0.16) ** 2 - 0.5 * (lean / 0.5) ** 2)
    brightness = 0.9 + 0.22 * strands + 0.25 * x * scene.light[0] + 0.45 * gleam
    return outer.hair_colour * np.clip(brightness, 0.3, 2.2)[..., None]
