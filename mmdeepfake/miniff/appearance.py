"""Random parameters of persons and scenes.

The inner face is drawn independently of the outer head, so a swapped face is as likely
as a real person and no evidence by itself. Lengths are in head units: the head is about
2 wide and 2.7 high, (0, 0) is between eyes and nose, x points right and y down.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

SKIN_TONES = np.array(
    [
        [0.97, 0.83, 0.74],
        [0.93, 0.75, 0.62],
        [0.87, 0.66, 0.50],
        [0.76, 0.54, 0.39],
        [0.58, 0.38, 0.26],
        [0.42, 0.27, 0.19],
    ]
)
HAIR_COLOURS = np.array(
    [
        [0.07, 0.06, 0.06],
        [0.16, 0.10, 0.07],
        [0.28, 0.17, 0.10],
        [0.45, 0.30, 0.17],
        [0.68, 0.53, 0.32],
        [0.50, 0.22, 0.10],
        [0.58, 0.57, 0.56],
    ]
)
EYE_COLOURS = np.array(
    [[0.22, 0.13, 0.07], [0.33, 0.22, 0.12], [0.30, 0.38, 0.25], [0.32, 0.45, 0.58]]
)
BROW_COLOURS = HAIR_COLOURS[:4]
HAIR_STYLES = ('short', 'side', 'fringe', 'long', 'curly', 'bald')


@dataclass(frozen=True)
class OuterHead:
    """Skin, skull, hair and beard, which a swap keeps."""

    skin: np.ndarray
    jaw_width: float
    chin_y: float
    crown_y: float
    ear_size: float
    hair_style: str
    hair_colour: np.ndarray
    hair_thickness: float
    hairline_y: float
    parting_x: float
    beard: float
    texture_seed: int


@dataclass(frozen=True)
class InnerFace:
    """Eyes, brows, nose, mouth and marks, which a swap takes from the source."""

    eye_x: float
    eye_width: float
    eye_height: float
    eye_colour: np.ndarray
    brow_y: float
    brow_thickness: float
    brow_arch: float
    brow_colour: np.ndarray
    nose_width: float
    nose_y: float
    nose_height: float
    mouth_y: float
    mouth_width: float
    lip_fullness: float
    lip_redness: float
    cheek_height: float
    blush: float
    freckles: float
    has_glasses: bool
    glasses_colour: np.ndarray
    texture_seed: int


@dataclass(frozen=True)
class Scene:
    """Light, framing, clothes and background of one clip."""

    light: np.ndarray
    ambient: float
    tint: np.ndarray
    centre_x: float
    centre_y: float
    zoom: float
    cloth_colour: np.ndarray
    texture_seed: int


def _pick(rng: Generator, table: np.ndarray) -> np.ndarray:
    """Return a colour of the table with random shade and hue."""
    shade = rng.uniform(0.85, 1.15) * rng.uniform(0.96, 1.04, size=3)
    return table[rng.integers(len(table))] * shade


def draw_muted_colour(rng: Generator, low: float, high: float) -> np.ndarray:
    """Return a greyish colour with a cast, for rooms and clothes."""
    grey, cast = rng.uniform(low, high), rng.uniform(-1, 1, size=3)
    return np.clip(grey * (1 + 0.35 * (cast - cast.mean())), 0.02, 0.98)


def _draw_seed(rng: Generator) -> int:
    return int(rng.integers(2**31))


def draw_outer_head(rng: Generator) -> OuterHead:
    """Draw a random head."""
    tone = rng.uniform(0, len(SKIN_TONES) - 1)
    lower = int(tone)
    skin = SKIN_TONES[lower] + (tone - lower) * (
        SKIN_TONES[lower + 1] - SKIN_TONES[lower]
    )
    has_beard = rng.random() < 0.25
    return OuterHead(
        skin=skin * rng.uniform(0.96, 1.04, size=3),
        jaw_width=rng.uniform(0.64, 0.82),
        chin_y=rng.uniform(1.22, 1.4),
        crown_y=rng.uniform(-1.4, -1.25),
        ear_size=rng.uniform(0.2, 0.27),
        hair_style=HAIR_STYLES[rng.integers(len(HAIR_STYLES))],
        hair_colour=_pick(rng, HAIR_COLOURS),
        hair_thickness=rng.uniform(0.1, 0.22),
        hairline_y=rng.uniform(-0.95, -0.75),
        parting_x=rng.uniform(-0.5, 0.5),
        beard=rng.uniform(0.35, 0.8) if has_beard else 0.0,
        texture_seed=_draw_seed(rng),
    )


def draw_inner_face(rng: Generator) -> InnerFace:
    """Draw a random inner face, independent of the head."""
    return InnerFace(
        eye_x=rng.uniform(0.37, 0.44),
        eye_width=rng.uniform(0.18, 0.21),
        eye_height=rng.uniform(0.07, 0.1),
        eye_colour=_pick(rng, EYE_COLOURS),
        brow_y=rng.uniform(-0.46, -0.38),
        brow_thickness=rng.uniform(0.035, 0.07),
        brow_arch=rng.uniform(0.03, 0.1),
        brow_colour=_pick(rng, BROW_COLOURS),
        nose_width=rng.uniform(0.15, 0.21),
        nose_y=rng.uniform(0.3, 0.38),
        nose_height=rng.uniform(0.18, 0.27),
        mouth_y=rng.uniform(0.68, 0.76),
        mouth_width=rng.uniform(0.3, 0.38),
        lip_fullness=rng.uniform(0.07, 0.12),
        lip_redness=rng.uniform(0.3, 1.0),
        cheek_height=rng.uniform(0.03, 0.09),
        blush=rng.uniform(0.0, 0.6),
        freckles=rng.uniform(0.2, 1.0) if rng.random() < 0.3 else 0.0,
        has_glasses=bool(rng.random() < 0.15),
        glasses_colour=rng.uniform(0.05, 0.3, size=3),
        texture_seed=_draw_seed(rng),
    )


def draw_scene(rng: Generator) -> Scene:
    """Draw a random scene, lit from above, left or right."""
    light = np.array([rng.uniform(-0.6, 0.6), rng.uniform(-0.55, -0.1), 1.0])
    return Scene(
        light=light / np.linalg.norm(light),
        ambient=rng.uniform(0.25, 0.5),
        tint=rng.uniform(0.94, 1.06, size=3),
        centre_x=rng.uniform(-2.5, 2.5),
        centre_y=rng.uniform(-2.0, 2.0),
        zoom=rng.uniform(0.96, 1.06),
        cloth_colour=draw_muted_colour(rng, 0.08, 0.75),
        texture_seed=_draw_seed(rng),
    )
