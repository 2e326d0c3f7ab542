"""The four forgeries: what each takes from the source, and its traces."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.random import Generator

from .frames import FacePlane, Performance
from .motion import Tracks, forge_surface, hold_indices
from .shapes import smoothstep

SWAPS = ('Deepfakes', 'FaceSwap')
MOUTH_EXPRESSION = ('mouth_open', 'smile')
REGION_THRESHOLD = 0.3  # weight above which a pixel counts as changed; ours


def forge(
    target: Performance, source: Performance, method: str, rng: Generator
) -> Performance:
    """Return the target's clip as manipulated by a method.

    Deepfakes and FaceSwap put the source's inner face onto the target's head; Face2Face
    transfers the source's expression, showing each of its frames twice; NeuralTextures
    transfers the mouth movements only.
    """
    forged = replace(target, surface=forge_surface(target.surface, method, rng))
    if method in SWAPS:
        return replace(forged, inner=source.inner)
    if method == 'Face2Face':
        held = hold_indices(target.num_frames)
        return replace(
            forged, expression={k: v[held] for k, v in source.expression.items()}
        )
    mouth: Tracks = {name: source.expression[name] for name in MOUTH_EXPRESSION}
    return replace(forged, expression=target.expression | mouth)


def weigh_region(plane: FacePlane, method: str) -> np.ndarray:
    """Return the weight of the region that a method changes: (H, W) in [0, 1]."""
    return plane.mouth if method == 'NeuralTextures' else plane.inner


def mask_region(plane: FacePlane, method: str) -> np.ndarray:
    """Return a mask, white where the method changes the frame: (H, W) uint8."""
    changed = weigh_region(plane, method) > REGION_THRESHOLD
    return changed.astype(np.uint8) * 255


@dataclass(frozen=True)
class SpatialTraces:
    """Traces of a forgery in every single frame.

    Attributes:
        colour_gain: (3,) relative colour mismatch within the region.
        softness: strength of the blur within the region, 0 to 1.
        border_gain: relative brightness of the seam.
        noise_loss: share of the camera noise missing in the region.
    """

    colour_gain: np.ndarray
    softness: float
    border_gain: float
    noise_loss: float


def draw_spatial_traces(rng: Generator, strength: float) -> SpatialTraces:
    """Draw traces that grow with the strength; they are faint at 1."""
    return SpatialTraces(
        colour_gain=0.035 * strength * np.clip(rng.standard_normal(3), -2, 2),
        softness=min(1.0, strength * rng.uniform(0.15, 0.6)),
        border_gain=0.08 * strength * float(np.clip(rng.standard_normal(), -2, 2)),
        noise_loss=min(1.0, strength * rng.uniform(0.0, 0.35)),
    )


def leave_traces(
    frame: np.ndarray, noise: np.ndarray, weight: np.ndarray, traces: SpatialTraces
) -> np.ndarray:
    """Add a forgery's traces and the camera noise to a frame: (H, W, 3) float32.

    Args:
        frame: (H, W, 3) before noise.
        noise: (H, W, 3) of the camera.
        weight: (H, W) of the forged region.
        traces: those of this video.
    """
    # The blended patch has a sharper border than the surface's motion.
    patch = smoothstep(weight, 0.15, 0.6)[..., None]
    soft_px = 1.2 * frame.shape[0] / 128
    blurred = cv2.GaussianBlur(frame, (0, 0), soft_px)
    frame = frame + traces.softness * patch * (blurred - frame)
    seam = 4 * patch * (1 - patch)
    gain = traces.colour_gain.astype(np.float32) * patch + traces.border_gain * seam
    return frame * (1 + gain) + noise * (1 - traces.noise_loss * patch)
