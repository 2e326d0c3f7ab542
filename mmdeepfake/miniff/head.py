"""The static parts of a head: skull, skin, nose, brows, ears, beard and light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .appearance import InnerFace, OuterHead, Scene
from .canvas import Canvas
from .hair import paint_back_hair, paint_front_hair
from .shapes import blend, bump, disc, draw_cloud, smoothstep

EDGE = 0.05  # head units; softness of outlines


@dataclass(frozen=True)
class HeadLayers:
    """Layers that are painted once per video.

    Attributes:
        face: (H, W, 3) float32 skin, ears and front hair; the skin extends beyond the
            outline, so that a slipping surface opens no gap at the jaw.
        cover: (H, W) float32 coverage of the face's outline, which does not slip.
        back: (H, W, 4) float32 hair behind neck and shoulders.
        light: (H, W) float32 brightness of the skin, for parts painted later.
        skin: (3,) float32 skin colour in full light.
    """

    face: np.ndarray
    cover: np.ndarray
    back: np.ndarray
    light: np.ndarray
    skin: np.ndarray


def paint_head(
    canvas: Canvas, outer: OuterHead, inner: InnerFace, scene: Scene
) -> HeadLayers:
    """Paint an inner face onto a head in the light of a scene."""
    light = light_relief(canvas, outer, inner, scene)
    skin = paint_skin(canvas, outer, inner)
    colour = skin * light[..., None]
    colour = paint_folds(canvas, colour, inner)
    colour = paint_brows(canvas, colour, inner)
    cover = cover_head(canvas, outer)
    colour, cover = paint_ears(canvas, colour, cover, outer, scene)
    colour = paint_beard(canvas, colour, outer, inner, light)
    colour, cover = paint_front_hair(canvas, colour, cover, outer, scene)
    tint = scene.tint.astype(np.float32)
    back = paint_back_hair(canvas, outer, scene)
    back[..., :3] *= tint
    return HeadLayers(
        face=np.clip(colour * tint, 0, 1).astype(np.float32),
        cover=cover.astype(np.float32),
        back=back.astype(np.float32),
        light=light.astype(np.float32),
        skin=(outer.skin * scene.tint).astype(np.float32),
    )


def half_width(y: np.ndarray, outer: OuterHead) -> np.ndarray:
    """Return half the width of the head at each height; 0 beyond crown and chin."""
    top = np.sqrt(np.clip(1 - (y / outer.crown_y) ** 2, 0, 1))
    drop = np.clip(y / outer.chin_y, 0, 1)
    # An ellipse, widened by the jaw.
    ellipse = np.sqrt(np.clip(1 - drop**2.6, 0, 1))
    jaw = 1 - (1 - outer.jaw_width) * smoothstep(drop, 0.1, 0.9)
    return np.where(y < 0, top, ellipse * jaw)


def cover_head(canvas: Canvas, outer: OuterHead) -> np.ndarray:
    """Return the coverage of the skull's outline."""
    x, y = canvas.x, canvas.y
    inside = smoothstep(np.abs(x) - half_width(y, outer), EDGE / 2, -EDGE / 2)
    # The horizontal distance is steep where the outline is level: trim by height.
    above = smoothstep(y, outer.crown_y, outer.crown_y + EDGE)
    below = smoothstep(y, outer.chin_y, outer.chin_y - EDGE)
    return inside * above * below


def light_relief(
    canvas: Canvas, outer: OuterHead, inner: InnerFace, scene: Scene
) -> np.ndarray:
    """Shade the face's relief by Lambert's law: (H, W), about 1 facing the light."""
    x, y = canvas.x, canvas.y
    height = np.sqrt(np.clip(1.12 - (x / 1.05) ** 2 - (y / 1.55) ** 2, 0.02, None))
    height += face_relief(x, y, inner)
    slope_y, slope_x = np.gradient(height, 1 / canvas.unit_px)
    normal_length = np.sqrt(slope_x**2 + slope_y**2 + 1)
    towards = (
        -slope_x * scene.light[0] - slope_y * scene.light[1] + scene.light[2]
    ) / normal_length
    brightness = scene.ambient + (1 - scene.ambient) * np.clip(towards, 0, None)
    shadow = 0.16 * bump(x, y, (0, inner.nose_y + 0.15), (inner.nose_width, 0.06))
    sockets = 0.2 * _both_sides(x, y, inner.eye_x - 0.05, -0.2, (0.22, 0.12))
    return brightness * 1.05 - shadow - sockets


def face_relief(x: np.ndarray, y: np.ndarray, inner: InnerFace) -> np.ndarray:
    """Return the height of the features above the skull, in head units."""
    nose_y, width = inner.nose_y, inner.nose_width
    relief = 0.55 * inner.nose_height * bump(x, y, (0, 0.02), (0.08, 0.24))
    relief += inner.nose_height * bump(x, y, (0, nose_y), (0.75 * width, 0.11))
    relief += 0.07 * _both_sides(x, y, width, nose_y + 0.05, (0.06, 0.06))
    relief -= 0.09 * _both_sides(x, y, inner.eye_x - 0.05, -0.15, (0.19, 0.12))
    relief += 0.05 * _both_sides(x, y, inner.eye_x, inner.brow_y, (0.28, 0.08))
    relief += inner.cheek_height * _both_sides(x, y, 0.5, 0.28, (0.22, 0.2))
    relief += 0.06 * bump(x, y, (0, inner.mouth_y), (0.3, 0.16))
    relief -= 0.05 * bump(x, y, (0, inner.mouth_y + 0.2), (0.2, 0.05))
    return relief + 0.07 * bump(x, y, (0, 1.1), (0.2, 0.12))


def _both_sides(
    x: np.ndarray,
    y: np.ndarray,
    side_x: float,
    centre_y: float,
    spread: tuple[float, float],
) -> np.ndarray:
    """Return one bump on each side of the nose, mirrored by |x|."""
    return bump(np.abs(x), y, (side_x, centre_y), spread)


def paint_skin(canvas: Canvas, outer: OuterHead, inner: InnerFace) -> np.ndarray:
    """Return the skin colour without light: (H, W, 3)."""
    x, y = canvas.x, canvas.y
    patch_px, pore_px = 0.2 * canvas.unit_px, 0.03 * canvas.unit_px
    outer_rng = np.random.default_rng(outer.texture_seed)
    inner_rng = np.random.default_rng(inner.texture_seed)
    blotches = draw_cloud(outer_rng, canvas.shape, grain_x=patch_px, grain_y=patch_px)
    pores = draw_cloud(inner_rng, canvas.shape, grain_x=pore_px, grain_y=pore_px)
    skin = outer.skin * (1 + 0.02 * blotches + 0.012 * pores)[..., None]
    red = inner.blush * _both_sides(x, y, 0.55, 0.32, (0.2, 0.16))
    red += 0.35 * bump(x, y, (0, inner.nose_y), (0.12, 0.1))
    skin = skin * (1 - red[..., None] * np.array([0.02, 0.12, 0.1]))
    if inner.freckles:
        spots = draw_cloud(
            inner_rng, canvas.shape, grain_x=0.7 * pore_px, grain_y=0.7 * pore_px
        )
        area = bump(x, y, (0, 0.15), (0.5, 0.2))
        skin = skin * (
            1 - 0.3 * inner.freckles * (area * smoothstep(spots, 1.0, 2.0))[..., None]
        )
    return skin


def paint_folds(canvas: Canvas, colour: np.ndarray, inner: InnerFace) -> np.ndarray:
    """Paint nostrils, nasolabial folds, and the dent above the lip."""
    x, y = np.abs(canvas.x), canvas.y
    nose_y, width = inner.nose_y, inner.nose_width
    nostrils = 0.6 * bump(x, y, (0.5 * width, nose_y + 0.1), (0.045, 0.025))
    wings = 0.25 * bump(x, y, (1.25 * width, nose_y + 0.05), (0.025, 0.07))
    line_x = 1.3 * width + 0.45 * (y - nose_y)
    within = smoothstep(y, nose_y, nose_y + 0.12) * smoothstep(
        y, inner.mouth_y, inner.mouth_y - 0.12
    )
    lines = 0.12 * np.exp(-0.5 * ((x - line_x) / 0.035) ** 2) * within
    dent = 0.08 * bump(x, y, (0, inner.mouth_y - 0.15), (0.03, 0.05))
    dark = np.clip(nostrils + wings + lines + dent, 0, 1)
    return blend(colour, colour * np.array([0.4, 0.28, 0.25]), dark)


def paint_brows(canvas: Canvas, colour: np.ndarray, inner: InnerFace) -> np.ndarray:
    """Paint arched brows, thick at the nose and thin at the temple."""
    x, y = np.abs(canvas.x), canvas.y
    start, end = inner.eye_x - 0.27, inner.eye_x + 0.27
    along = (x - start) / (end - start)
    arch = inner.brow_y - inner.brow_arch * (1 - (2 * along - 1.2) ** 2)
    thickness = inner.brow_thickness * (1.1 - 0.65 * np.clip(along, 0, 1))
    cover = smoothstep(np.abs(y - arch), thickness * 1.5, thickness * 0.5)
    cover *= smoothstep(along, -0.06, 0.1) * smoothstep(along, 1.05, 0.8)
    return blend(colour, inner.brow_colour, 0.85 * cover)


def paint_ears(
    canvas: Canvas,
    colour: np.ndarray,
    cover: np.ndarray,
    outer: OuterHead,
    scene: Scene,
) -> tuple[np.ndarray, np.ndarray]:
    """Paint ears behind the head's outline."""
    x, y = np.abs(canvas.x), canvas.y
    size = outer.ear_size
    ear = disc(x, y, (1.0, 0.05), (0.6 * size, 1.25 * size), edge=EDGE)
    hollow = disc(x, y, (1.03, 0.03), (0.3 * size, 0.8 * size), edge=0.12)
    side = np.sign(canvas.x) * scene.light[0]
    brightness = (0.72 + 0.3 * side) * (1 - 0.3 * hollow)
    ears = outer.skin * np.array([1.0, 0.9, 0.88]) * brightness[..., None]
    return blend(colour, ears, ear * (1 - cover)), np.maximum(cover, ear)


def paint_beard(
    canvas: Canvas,
    colour: np.ndarray,
    outer: OuterHead,
    inner: InnerFace,
    light: np.ndarray,
) -> np.ndarray:
    """Paint a beard on jaw, chin and upper lip; it is part of the head."""
    if not outer.beard:
        return colour
    x, y = np.abs(canvas.x), canvas.y
    rng = np.random.default_rng(outer.texture_seed + 1)
    unit = canvas.unit_px
    strands = draw_cloud(rng, canvas.shape, grain_x=0.02 * unit, grain_y=0.04 * unit)
    cheek_line = 0.62 - 0.75 * np.clip(x - 0.45, 0, None)
    jaw = smoothstep(y, cheek_line, cheek_line + 0.25) * smoothstep(
        x + 0.4 * (y - 0.6), 0.22, 0.42
    )
    chin = smoothstep(y, 0.92, 1.02)
    lip_y = inner.mouth_y - 0.14
    moustache = smoothstep(np.abs(y - lip_y - 0.2 * x), 0.09, 0.04) * smoothstep(
        x, 0.42, 0.3
    )
    area = np.clip(np.maximum(np.maximum(jaw, chin), moustache), 0, 1)
    hair = outer.hair_colour * 0.9 * (1 + 0.25 * strands[..., None])
    hair = hair * np.clip(light, 0.4, 1.2)[..., None]
    return blend(colour, hair, outer.beard * area * np.clip(0.85 + 0.2 * strands, 0, 1))
