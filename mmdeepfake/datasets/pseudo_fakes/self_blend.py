"""Self-blended clips: a face over itself, changed a little.

K. Shiohara and T. Yamasaki, "Detecting Deepfakes with Self-Blended Images", CVPR 2022,
https://arxiv.org/abs/2204.08376, blends an image with a changed copy of itself. Here
the frames of a video are changed together, or from frame to frame, or both; regions,
ranges and patterns are our choices.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from mmdeepfake.datasets.argument_checks import check_argument, check_choice
from mmdeepfake.datasets.transforms.blending import blend
from mmdeepfake.registry import TRANSFORMS

from .colour_and_sharpness import Frames, change_colours, change_sharpness
from .face_geometry import REGIONS, bend_faces, draw_masks, measure_eye_distances
from .jitter import draw_jitter, similarity_about
from .pseudo_fake import PseudoFake, Snippets

EVIDENCE = ('spatial', 'temporal', 'both')
# Fixed for a video: standard deviations, lengths over the eyes' distance.
SHIFT, DEGREES, SCALE = 0.04, 1.5, 0.025
# The same from frame to frame; a video draws its share of them.
JITTER_SHIFT, JITTER_DEGREES, JITTER_SCALE, JITTER_BRIGHTNESS = 0.03, 1.0, 0.015, 0.03
JITTER_SHARE = (0.4, 1.3)
BLEND_RATIOS = (0.5, 0.75, 1.0, 1.0, 1.0)
# From hardly to clearly visible. A forger matches colours better than edges, and real
# faces differ in colour from what is around them.
STRENGTHS, COLOUR_STRENGTHS = (0.5, 2.5), (0.25, 1.0)
# Share of the videos whose features are displaced too, and by how much.
BENT_SHARE, BENDS = 0.6, (0.02, 0.12)


def blend_with_itself(
    snippets: Snippets,
    rng: np.random.Generator,
    *,
    region: str,
    evidence: str,
    strengths: tuple[float, float] = STRENGTHS,
    colour_strengths: tuple[float, float] = COLOUR_STRENGTHS,
) -> tuple[Frames, NDArray[np.float32]]:
    """Blend the frames of a video with a changed copy of themselves.

    Args:
        snippets: frames and points.
        rng: draws everything else.
        region: see `face_geometry.REGIONS`.
        evidence: 'spatial' (a change of place, features, colour and sharpness that all
            frames share), 'temporal' (one that differs from frame to frame, around
            none) or 'both'.
        strengths: range of a factor on the place that is fixed for the video.
        colour_strengths: the same of its colours.

    Returns:
        Frames, and masks (F, H, W), 0 to 1.
    """
    frames, points = snippets.frames, snippets.points
    num_frames, height, width = frames.shape[:3]
    fixed = float(evidence != 'temporal') * rng.uniform(*strengths)
    moving = float(evidence != 'spatial') * rng.uniform(*JITTER_SHARE)
    jitter = moving * draw_jitter(
        rng, num_frames=num_frames, clip_len=snippets.clip_len, num_quantities=5
    )
    sizes = measure_eye_distances(points)
    maps = similarity_about(
        points.mean(axis=1),
        shifts_px=sizes[:, None]
        * (fixed * SHIFT * rng.normal(size=2) + JITTER_SHIFT * jitter[:, :2]),
        degrees=fixed * DEGREES * rng.normal() + JITTER_DEGREES * jitter[:, 2],
        scales=np.exp(fixed * SCALE * rng.normal() + JITTER_SCALE * jitter[:, 3]),
    )
    source = np.stack(
        [
            cv2.warpAffine(
                frame,
                one,
                (width, height),
                flags=cv2.INTER_CUBIC,
                borderMode=cv2.BORDER_REFLECT_101,
            )
            for frame, one in zip(frames, maps, strict=True)
        ]
    )
    if fixed and rng.random() < BENT_SHARE:
        source = bend_faces(source, points, rng, spread=rng.uniform(*BENDS))
    source = change_colours(
        source,
        rng,
        strength=(evidence != 'temporal') * rng.uniform(*colour_strengths),
        brightness=np.exp(JITTER_BRIGHTNESS * jitter[:, 4]),
    )
    if fixed:
        source = change_sharpness(source, rng)
    masks = draw_masks(region, points, rng, height=height, width=width)
    masks *= np.float32(rng.choice(BLEND_RATIOS) if fixed else 1)
    return blend(frames, source, masks), masks


@TRANSFORMS.register_module()
class SelfBlend(PseudoFake):
    """Blend a face, or a part of it, with a changed copy of itself.

    Args:
        regions: regions to draw from.
        evidence: kinds of evidence to draw from, see `blend_with_itself`.
        strengths: range of a factor on place, angle and scale. Where a training stays
            at a loss of 0.69, forgeries that an eye finds, (1.5, 3), are learnt first.
        colour_strengths: the same of the colours.
    """

    def __init__(
        self,
        regions: Sequence[str] = REGIONS,
        evidence: Sequence[str] = EVIDENCE,
        strengths: tuple[float, float] = STRENGTHS,
        colour_strengths: tuple[float, float] = COLOUR_STRENGTHS,
    ) -> None:
        for region in regions:
            check_choice(self, REGIONS, regions=region)
        for one in evidence:
            check_choice(self, EVIDENCE, evidence=one)
        self.regions = tuple(regions)
        self.evidence = tuple(evidence)
        ranges = dict(strengths=strengths, colour_strengths=colour_strengths)
        for name, (low, high) in ranges.items():
            check_argument(
                self, 0 < low <= high, '0 < low <= high', **{name: ranges[name]}
            )
        self.ranges = ranges

    def forge(
        self, snippets: Snippets, rng: np.random.Generator
    ) -> tuple[Frames, NDArray[np.float32]]:
        """See `PseudoFake`."""
        return blend_with_itself(
            snippets,
            rng,
            region=str(rng.choice(self.regions)),
            evidence=str(rng.choice(self.evidence)),
            **self.ranges,
        )
