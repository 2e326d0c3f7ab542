"""The moving parts of a face: eyes, lids and mouth, painted frame by frame."""

from __future__ import annotations

import numpy as np

from .appearance import InnerFace
from .canvas import Canvas
from .head import HeadLayers
from .shapes import blend, disc, smoothstep

SCLERA = np.array([0.80, 0.77, 0.74], np.float32)
TEETH = np.array([0.88, 0.85, 0.80], np.float32)
MOUTH_HOLLOW = np.array([0.22, 0.07, 0.07], np.float32)
MAX_GAP = 0.2  # head units between the lips of an open mouth


class FacePainter:
    """Paints the expression of one frame onto the layers of a head."""

    def __init__(self, canvas: Canvas, layers: HeadLayers, inner: InnerFace) -> None:
        self.layers = layers
        self.inner = inner
        self.eye_window = canvas.window((-0.85, 0.85), (-0.42, 0.14))
        self.mouth_window = canvas.window(
            (-0.56, 0.56), (inner.mouth_y - 0.22, inner.mouth_y + 0.42)
        )
        self.eye_xy = canvas.x[self.eye_window], canvas.y[self.eye_window]
        self.mouth_xy = canvas.x[self.mouth_window], canvas.y[self.mouth_window]
        self.eye_light = layers.light[self.eye_window][..., None]
        self.mouth_light = layers.light[self.mouth_window][..., None]
        self.glasses = (
            _cover_glasses(*self.eye_xy, inner) if inner.has_glasses else None
        )

    def paint(self, expression: dict[str, float]) -> np.ndarray:
        """Return the face layer with eyes and mouth: (H, W, 3)."""
        face = self.layers.face.copy()
        face[self.eye_window] = self._paint_eyes(face[self.eye_window], expression)
        face[self.mouth_window] = self._paint_mouth(face[self.mouth_window], expression)
        return face

    def _paint_eyes(
        self, colour: np.ndarray, expression: dict[str, float]
    ) -> np.ndarray:
        inner, (x, y) = self.inner, self.eye_xy
        opening = expression['eye_open']
        side = np.sign(x)
        local_x, local_y = np.abs(x) - inner.eye_x, y + 0.15
        bow = 1 - np.clip(local_x / inner.eye_width, -1.3, 1.3) ** 2
        upper = -inner.eye_height * bow * (1.9 * opening - 0.9) * 1.1
        lower = 0.85 * inner.eye_height * bow
        soft = 0.03
        inside = smoothstep(local_y, upper - soft, upper + soft) * smoothstep(
            local_y, lower + soft, lower - soft
        )
        inside = inside * (bow > -0.2)
        gaze_x = local_x * side - 0.07 * expression['gaze_x']
        gaze_y = local_y + 0.01 - 0.03 * expression['gaze_y']
        iris = disc(gaze_x, gaze_y, (0, 0), (0.1, 0.1), edge=0.05)
        pupil = disc(gaze_x, gaze_y, (0, 0), (0.05, 0.05), edge=0.03)
        glint = disc(gaze_x, gaze_y, (-0.035, -0.035), (0.028, 0.028), edge=0.03)
        # The upper lid shades the eyeball.
        shade = 1 - 0.5 * smoothstep(local_y, upper + 0.1, upper)
        ball = blend(np.broadcast_to(SCLERA, colour.shape), inner.eye_colour, iris)
        ball = blend(ball, np.zeros(3), 0.9 * pupil) * shade[..., None]
        ball = blend(ball * np.clip(self.eye_light, 0.5, 1.1), np.ones(3), 0.6 * glint)
        colour = blend(colour, ball, inside)
        lash = smoothstep(np.abs(local_y - upper), 0.045, 0.01) * smoothstep(
            bow, -0.1, 0.2
        )
        crease = np.exp(-0.5 * ((local_y - upper + 0.075) / 0.02) ** 2)
        rim = smoothstep(np.abs(local_y - lower), 0.03, 0.005) * smoothstep(bow, 0, 0.3)
        dark = np.clip(0.85 * lash + 0.25 * crease * (bow > 0) + 0.25 * rim, 0, 1)
        colour = blend(colour, colour * 0.18, dark)
        if self.glasses is not None:
            colour = blend(colour, inner.glasses_colour, self.glasses)
        return colour

    def _paint_mouth(
        self, colour: np.ndarray, expression: dict[str, float]
    ) -> np.ndarray:
        inner, (x, y) = self.inner, self.mouth_xy
        opening, smile = expression['mouth_open'], expression['smile']
        width = inner.mouth_width * (1 + 0.12 * smile - 0.15 * opening)
        along = np.clip(np.abs(x) / width, 0, 1.4)
        bow = np.clip(1 - along**2, 0, None)
        local_y = y - inner.mouth_y + 0.09 * smile * (along**2 - 0.4)
        gap_top, gap_bottom = -0.25 * MAX_GAP * opening * bow, MAX_GAP * opening * bow
        # Cupid's bow: the upper lip dips in the middle.
        dip = 1 - 0.25 * np.exp(-0.5 * (x / 0.05) ** 2)
        full = inner.lip_fullness * np.sqrt(bow)
        top, bottom = gap_top - 0.85 * full * dip, gap_bottom + 1.15 * full
        soft = 0.025
        lips = smoothstep(local_y, top - soft, top + soft) * smoothstep(
            local_y, bottom + soft, bottom - soft
        )
        lips = lips * smoothstep(along, 1.06, 0.96)
        red = np.array([0.92, 0.62, 0.62], np.float32) ** (0.4 + inner.lip_redness)
        # The upper lip faces down, the lower one up towards the light.
        slope = 0.86 + 0.2 * smoothstep(
            local_y, gap_top, gap_bottom + 0.5 * full + 0.01
        )
        lip_colour = self.layers.skin * red * slope[..., None] * self.mouth_light
        colour = blend(colour, lip_colour, 0.9 * lips)
        colour, hollow = _open_mouth(colour, local_y, along, gap_top, gap_bottom)
        seam = np.exp(-0.5 * ((local_y - gap_top) / 0.014) ** 2)
        seam = seam * smoothstep(along, 1.08, 0.95) * (1 - 0.6 * hollow)
        return blend(colour, colour * 0.3, 0.75 * seam)


def _open_mouth(
    colour: np.ndarray,
    local_y: np.ndarray,
    along: np.ndarray,
    gap_top: np.ndarray,
    gap_bottom: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Paint the opening of the mouth with the upper teeth; return its coverage too."""
    hollow = smoothstep(local_y, gap_top - 0.01, gap_top + 0.02)
    hollow = hollow * smoothstep(local_y, gap_bottom + 0.01, gap_bottom - 0.02)
    hollow = hollow * smoothstep(gap_bottom - gap_top, 0.0, 0.03)
    teeth = smoothstep(local_y, gap_top + 0.085, gap_top + 0.05)
    teeth = teeth * smoothstep(along, 0.9, 0.45)
    inside = blend(np.broadcast_to(MOUTH_HOLLOW, colour.shape), TEETH * 0.8, teeth)
    return blend(colour, inside, hollow), hollow


def _cover_glasses(x: np.ndarray, y: np.ndarray, inner: InnerFace) -> np.ndarray:
    """Return the coverage of a pair of glasses: rings, bridge and arms."""
    side_x = np.abs(x)
    radius = np.sqrt(((side_x - inner.eye_x) / 0.27) ** 2 + ((y + 0.13) / 0.22) ** 2)
    rings = smoothstep(np.abs(radius - 1), 0.11, 0.03)
    bridge = smoothstep(np.abs(y + 0.2), 0.035, 0.01) * (side_x < inner.eye_x - 0.25)
    arms = smoothstep(np.abs(y + 0.18), 0.035, 0.01) * (side_x > inner.eye_x + 0.25)
    return 0.75 * np.clip(rings + bridge + arms, 0, 1)
