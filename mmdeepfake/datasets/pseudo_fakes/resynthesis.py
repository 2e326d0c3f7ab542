"""Resynthesis: pictures through the resampling of a generator.

A generator enlarges coarse maps, which leaves a lattice in its pictures. Their
sharpness is no evidence, since any video may be soft: it is brought back to that of the
original as far as an unsharp mask can, and its noise is replaced.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mmdeepfake.datasets.transforms.blending import blend
from mmdeepfake.registry import TRANSFORMS

from .colour_and_sharpness import Frames, sharpen
from .face_geometry import draw_masks
from .pseudo_fake import PseudoFake, Snippets

RATIOS = (0.5, 0.9)  # of the sides
PHASE_MISMATCH = 0.004  # of the sums of a transposed convolution's phases
TILE_SIDES = (2, 4, 8)
TILE_SHARES = (0.2, 0.8)  # standard deviation over that of the video's noise
MAX_SHARPENING = 2.0
MAX_NOISE_RATIO = 1.25  # of a sharpened picture's noise to the original's
NOISE_SHARES = (0.5, 1.2)  # of the noise that is missing
SHARPENING_SIGMA_PX = 1.0
WHOLE_SHARE = 0.6  # of videos of which the whole picture is generated
_DOWN = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC)
_UP = (cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)


def draw_transposed_kernel(rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw the kernel of a transposed convolution of stride 2: (4, 4).

    A bilinear kernel, disturbed: its four phases no longer sum up alike, which shows as
    a lattice of two pixels.
    """
    smooth = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 16
    return smooth * (1 + rng.normal(0, 2 * PHASE_MISMATCH, (4, 4)))


def enlarge_twofold(
    picture: NDArray[np.uint8], kernel: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """Apply a transposed convolution of stride 2: (h, w, 3) -> (2h, 2w, 3)."""
    height, width = picture.shape[:2]
    spread = np.zeros((2 * height, 2 * width, 3), np.uint8)
    spread[::2, ::2] = picture
    return cv2.filter2D(spread, -1, kernel, borderType=cv2.BORDER_REFLECT_101)


def find_sharpening(picture: NDArray[np.uint8], original: NDArray[np.uint8]) -> float:
    """Return the amount of unsharp mask that restores the original's sharpness.

    Sharpness is the variance of the Laplacian, a quadratic function of the amount.
    """
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    soft = cv2.GaussianBlur(grey, (0, 0), SHARPENING_SIGMA_PX)
    sharp, fine = cv2.Laplacian(grey, -1), cv2.Laplacian(grey - soft, -1)
    wanted = cv2.Laplacian(
        cv2.cvtColor(original, cv2.COLOR_RGB2GRAY).astype(np.float32), -1
    ).var()
    # var(sharp + a * fine) = wanted
    a, b = fine.var() + 1e-6, 2 * float(((sharp - sharp.mean()) * fine).mean())
    missing = float(wanted - sharp.var())
    if missing <= 0:
        return 0.0
    amount = (-b + np.sqrt(b * b + 4 * a * missing)) / (2 * a)
    return float(min(amount, MAX_SHARPENING))


def resynthesise(frames: Frames, rng: np.random.Generator) -> Frames:
    """Pass all frames of a video through one generator-like resampling.

    Args:
        frames: (F, H, W, 3) uint8.
        rng: draws ratio, kernels and lattice, the same for all frames.
    """
    height, width = frames.shape[1:3]
    down, up = int(rng.choice(_DOWN)), int(rng.choice(_UP))
    kernel = draw_transposed_kernel(rng) if rng.random() < 0.5 else None
    ratio = 0.5 if kernel is not None else rng.uniform(*RATIOS)
    small = (max(8, round(width * ratio)), max(8, round(height * ratio)))
    side = int(rng.choice(TILE_SIDES))
    wanted = measure_noise(frames[0])
    strength = rng.uniform(*TILE_SHARES) * wanted
    tile = rng.normal(0, strength, (side, side, 3))
    tile -= tile.mean(axis=(0, 1))
    repeats = (-(-height // side), -(-width // side), 1)
    lattice = np.tile(tile, repeats)[:height, :width].astype(np.float32)
    made = []
    for frame in frames:
        coarse = cv2.resize(frame, small, interpolation=down)
        if kernel is not None:
            coarse = enlarge_twofold(coarse, kernel)
        large = cv2.resize(coarse, (width, height), interpolation=up)
        made.append(cv2.add(large, lattice, dtype=cv2.CV_8U))
    amount = find_sharpening(made[0], frames[0])
    while measure_noise(sharpen(made[0], amount, SHARPENING_SIGMA_PX)) > (
        MAX_NOISE_RATIO * wanted
    ):
        if amount < 0.1:
            break
        amount /= 2
    made = [sharpen(one, amount, SHARPENING_SIGMA_PX) for one in made]
    missing = wanted**2 - measure_noise(made[0]) ** 2
    deviation = rng.uniform(*NOISE_SHARES) * max(0.0, missing) ** 0.5
    if not deviation:
        return np.stack(made)
    noisy = []
    for one in made:
        noise = rng.standard_normal((height, width), np.float32) * deviation
        grain = cv2.merge([noise, noise, noise])
        noisy.append(cv2.add(one, grain, dtype=cv2.CV_8U))
    return np.stack(noisy)


def measure_noise(picture: NDArray[np.uint8]) -> float:
    """Return the standard deviation of a picture's noise, in grey levels.

    By the median of the absolute Laplacian, to which edges, which take few pixels, do
    not count: for normal noise it is 0.6745 sqrt(20) standard deviations.
    """
    fine = cv2.Laplacian(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.CV_32F)
    return float(np.median(np.abs(fine))) / (0.6745 * 20**0.5)


@TRANSFORMS.register_module()
class Resynthesise(PseudoFake):
    """Pass the whole picture, or the face, through a generator's resampling."""

    def forge(
        self, snippets: Snippets, rng: np.random.Generator
    ) -> tuple[Frames, NDArray[np.float32]]:
        """See `PseudoFake`."""
        made = resynthesise(snippets.frames, rng)
        height, width = made.shape[1:3]
        if rng.random() < WHOLE_SHARE:
            return made, np.ones(made.shape[:3], np.float32)
        region = str(rng.choice(['face', 'inner']))
        masks = draw_masks(region, snippets.points, rng, height=height, width=width)
        return blend(snippets.frames, made, masks), masks
