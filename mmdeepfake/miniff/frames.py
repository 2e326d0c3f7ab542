"""Rendering of one clip: pose, surface motion, composition and camera noise.

A frame is composed back to front: background, back hair, neck and shoulders, face. The
face layer is sampled once per frame through a map of the head's pose and the slip of
its surface, so real and forged faces undergo the same operation.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from .appearance import InnerFace, OuterHead, Scene
from .canvas import OVERSAMPLING, UNIT_PX, Canvas
from .features import FacePainter
from .head import paint_head
from .motion import Tracks, squash
from .scene import paint_background, paint_body
from .shapes import smoothstep

INNER_CENTRE_Y = 0.2  # head units
MOUTH_CENTRE_Y = 0.72
LENS_BLUR_PX = 0.6  # in a 128 px frame; hides the canvas's hard edges. Ours
NOISE_LEVEL = 0.010  # standard deviation of the sensor noise; white is 1
# Motion of each surface track at one standard deviation and temporal_strength = 1 px,
# in pixels of a 128 px frame unless noted. Ours.
SURFACE_UNITS = {
    'shift_x': 1.0,
    'shift_y': 0.8,
    'rotation': 0.015,  # radians
    'scale': 0.015,  # relative
    'bend_x': 0.45,
    'bend_y': 0.35,
    'gain': 0.03,  # relative brightness
    'mouth_x': 0.9,
    'mouth_y': 0.75,
    'mouth_width': 0.04,  # relative
    'mouth_height': 0.04,  # relative
    'mouth_gain': 0.05,  # relative brightness
}


@dataclass(frozen=True)
class Performance:
    """All that defines a clip except the camera noise.

    Attributes:
        outer: head, hair and skin.
        inner: inner face; that of another person in a swap.
        scene: light, clothes and background.
        pose: tracks of `motion.draw_pose`.
        expression: tracks of `motion.draw_expression`.
        surface: tracks of `motion.draw_real_surface` or `motion.forge_surface`.
    """

    outer: OuterHead
    inner: InnerFace
    scene: Scene
    pose: Tracks
    expression: Tracks
    surface: Tracks

    @property
    def num_frames(self) -> int:
        """Number of frames of the clip."""
        return len(self.pose['x'])


@dataclass(frozen=True)
class FacePlane:
    """Position of each pixel of a frame on the head, before its surface slips.

    Attributes:
        x: (H, W) float32 in head units.
        y: (H, W) float32 in head units.
        inner: (H, W) float32 in [0, 1], weight of the inner face.
        mouth: (H, W) float32 in [0, 1], weight of the mouth region.
    """

    x: np.ndarray
    y: np.ndarray
    inner: np.ndarray
    mouth: np.ndarray


class ClipRenderer:
    """Renders the frames of one performance."""

    def __init__(
        self, performance: Performance, *, size_px: int, temporal_strength: float
    ) -> None:
        self.performance = performance
        self.size_px = size_px
        self.canvas = Canvas(UNIT_PX * size_px / 128 * OVERSAMPLING)
        self.layers = paint_head(
            self.canvas, performance.outer, performance.inner, performance.scene
        )
        self.painter = FacePainter(self.canvas, self.layers, performance.inner)
        self.background = paint_background(performance.scene, size_px)
        self.body = paint_body(performance.outer, performance.scene, size_px)
        self.surface = {
            name: squash(track) * SURFACE_UNITS[name] * temporal_strength
            for name, track in performance.surface.items()
        }
        axis = np.arange(size_px, dtype=np.float32) - (size_px - 1) / 2
        self.grid_x, self.grid_y = np.meshgrid(axis, axis)

    def locate_face(self, frame_index: int) -> FacePlane:
        """Return the plane of the head at a frame."""
        pose, scene = self.performance.pose, self.performance.scene
        frame_unit = self.size_px / 128
        offset_x, offset_y = self._head_offset_px(frame_index)
        roll = np.deg2rad(pose['roll'][frame_index])
        unit_px = UNIT_PX * frame_unit * scene.zoom * np.exp(pose['zoom'][frame_index])
        cos, sin = float(np.cos(roll) / unit_px), float(np.sin(roll) / unit_px)
        from_x, from_y = self.grid_x - offset_x, self.grid_y - offset_y
        x, y = cos * from_x + sin * from_y, cos * from_y - sin * from_x
        inner_radius = np.sqrt((x / 0.85) ** 2 + ((y - INNER_CENTRE_Y) / 0.9) ** 2)
        mouth_radius = np.sqrt((x / 0.6) ** 2 + ((y - MOUTH_CENTRE_Y) / 0.42) ** 2)
        return FacePlane(
            x=x,
            y=y,
            inner=smoothstep(inner_radius, 1.2, 0.6),
            mouth=smoothstep(mouth_radius, 1.15, 0.5),
        )

    def render_frame(self, frame_index: int, plane: FacePlane) -> np.ndarray:
        """Render a frame without camera noise: (H, W, 3) float32, 0 to 1."""
        expression = {
            name: float(track[frame_index])
            for name, track in self.performance.expression.items()
        }
        surface = {
            name: float(track[frame_index]) for name, track in self.surface.items()
        }
        # Python floats keep the arrays in float32.
        jaw = 0.1 * expression['mouth_open'] * smoothstep(plane.y, 0.7, 1.2)
        cover = self._sample(self.layers.cover, plane.x, plane.y - jaw)[..., None]
        source_x, source_y = _slip(plane, surface, expression['brow_raise'])
        face = self._sample(self.painter.paint(expression), source_x, source_y - jaw)
        gain = surface['gain'] * plane.inner + surface['mouth_gain'] * plane.mouth
        face *= (1 + gain)[..., None]
        behind = self._behind_face(frame_index, plane)
        frame = behind + cover * (face - behind)
        return cv2.GaussianBlur(frame, (0, 0), LENS_BLUR_PX * self.size_px / 128)

    def _head_offset_px(self, frame_index: int) -> tuple[float, float]:
        pose, scene = self.performance.pose, self.performance.scene
        frame_unit = self.size_px / 128
        return (
            float(frame_unit * (scene.centre_x + pose['x'][frame_index])),
            float(frame_unit * (scene.centre_y + 2 + pose['y'][frame_index])),
        )

    def _sample(self, layer: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Sample a painted layer at positions given in head units."""
        return cv2.remap(
            layer,
            self.canvas.to_px(x),
            self.canvas.to_px(y),
            interpolation=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )

    def _behind_face(self, frame_index: int, plane: FacePlane) -> np.ndarray:
        offset_x, offset_y = self._head_offset_px(frame_index)
        back = self._sample(self.layers.back, plane.x, plane.y)
        # Shoulders follow half of the head's motion.
        shift = np.array([[1, 0, 0.5 * offset_x], [0, 1, 0.5 * offset_y]], np.float32)
        body = cv2.warpAffine(
            self.body,
            shift,
            (self.size_px, self.size_px),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        frame = back[..., :3] + (1 - back[..., 3:]) * self.background
        return body[..., :3] + (1 - body[..., 3:]) * frame


def _slip(
    plane: FacePlane, surface: dict[str, float], brow_raise: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the position on the painted head for each pixel, in head units."""
    x, y = plane.x, plane.y
    dx, dy = _inner_slip(x, y, surface)
    mouth_dx = surface['mouth_x'] / UNIT_PX + surface['mouth_width'] * x
    mouth_dy = surface['mouth_y'] / UNIT_PX
    mouth_dy = mouth_dy + surface['mouth_height'] * (y - MOUTH_CENTRE_Y)
    source_x = x - plane.inner * dx - plane.mouth * mouth_dx
    source_y = y - plane.inner * dy - plane.mouth * mouth_dy
    # The brows move with the skin of the forehead.
    forehead = smoothstep(np.abs(y + 0.45), 0.32, 0.1) * plane.inner
    return source_x, source_y + 0.06 * brow_raise * forehead


def _inner_slip(
    x: np.ndarray, y: np.ndarray, surface: dict[str, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the displacement of the inner face: shift, rotation, zoom, soft warp."""
    local_y = y - INNER_CENTRE_Y
    shift_x, shift_y = surface['shift_x'] / UNIT_PX, surface['shift_y'] / UNIT_PX
    bend_x, bend_y = surface['bend_x'] / UNIT_PX, surface['bend_y'] / UNIT_PX
    turn, zoom = surface['rotation'], surface['scale']
    dx = shift_x + zoom * x - turn * local_y + bend_x * np.sin(2.6 * local_y)
    dy = shift_y + zoom * local_y + turn * x + bend_y * np.sin(2.6 * x)
    return dx, dy


def draw_sensor_noise(rng: Generator, size_px: int) -> np.ndarray:
    """Draw the camera noise of one frame: (H, W, 3) float32."""
    noise = rng.standard_normal((size_px, size_px, 3), dtype=np.float32)
    return NOISE_LEVEL * noise


def quantise(frame: np.ndarray) -> np.ndarray:
    """Convert from [0, 1] to uint8."""
    return np.clip(frame * 255 + 0.5, 0, 255).astype(np.uint8)
