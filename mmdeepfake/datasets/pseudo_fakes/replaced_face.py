"""Faces and mouths from elsewhere: what lip-sync and face swaps share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mmdeepfake.datasets.transforms.blending import blend

from .colour_and_sharpness import (
    Frames,
    change_colours,
    change_sharpness,
    match_colours,
)
from .donors import align_faces
from .face_geometry import draw_masks, measure_eye_distances
from .jitter import draw_jitter
from .pseudo_fake import Snippets

# Standard deviation of a detector's error, over the eyes' distance; a video draws its
# share of it.
POINT_JITTER = 0.02
JITTER_SHARE = (0.0, 1.5)
COLOUR_MISMATCH = 0.4  # of `change_colours`, left after matching


def lay_over(
    snippets: Snippets,
    source: Sequence[NDArray[np.uint8]],
    source_points: NDArray[np.float32],
    rng: np.random.Generator,
    *,
    region: str,
) -> tuple[Frames, NDArray[np.float32]]:
    """Lay a region of other frames over the same region of a video's face.

    Colours are matched up to a residue, sharpness changes, and the place errs from
    frame to frame.

    Args:
        snippets: the video.
        source: F frames of any size.
        source_points: (F, 5, 2) pixels of them.
        rng: draws everything else.
        region: see `face_geometry.REGIONS`.

    Returns:
        Frames, and masks (F, H, W), 0 to 1.
    """
    frames, points = snippets.frames, snippets.points
    num_frames, height, width = frames.shape[:3]
    jitter = draw_jitter(
        rng, num_frames=num_frames, clip_len=snippets.clip_len, num_quantities=2
    )
    jitter *= rng.uniform(*JITTER_SHARE) * POINT_JITTER
    sizes = measure_eye_distances(points)[:, None, None]
    placed = points + jitter[:, None] * sizes
    aligned = align_faces(source, source_points, placed, height=height, width=width)
    masks = draw_masks(region, points, rng, height=height, width=width)
    aligned = match_colours(aligned, frames, masks)
    aligned = change_colours(aligned, rng, strength=COLOUR_MISMATCH)
    aligned = change_sharpness(aligned, rng)
    return blend(frames, aligned, masks), masks
