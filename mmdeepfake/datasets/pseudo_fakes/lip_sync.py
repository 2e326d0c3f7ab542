"""Lip-sync: a mouth from another moment of the same video."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmdeepfake.datasets.transforms.cropping import source_indices_of_samples
from mmdeepfake.errors import DataError
from mmdeepfake.registry import TRANSFORMS

from .colour_and_sharpness import Frames
from .donors import measure_poses, read_frames
from .face_points import read_face_points
from .pseudo_fake import PseudoFake, Snippets
from .replaced_face import lay_over

MIN_GAP_FRAMES = 6  # between two moments
NUM_MOMENTS = 4  # of which the one with the most similar pose is taken
REGIONS = ('mouth', 'lower')


def choose_moments(
    starts: NDArray[np.integer],
    points: NDArray[np.float32],
    rng: np.random.Generator,
    *,
    clip_len: int,
) -> NDArray[np.int64] | None:
    """Choose another moment for every snippet.

    Args:
        starts: (N,) first frames of the snippets.
        points: (F, 5, 2) of the video.
        rng: draws the candidates.
        clip_len: T, frames of consecutive moments.

    Returns:
        (N,) first frames, or None if the video is too short.
    """
    poses = measure_poses(points)
    possible = np.arange(max(1, len(points) - clip_len + 1))
    chosen = []
    for start in starts:
        others = possible[np.abs(possible - start) >= MIN_GAP_FRAMES]
        if not len(others):
            return None
        drawn = rng.choice(others, NUM_MOMENTS)
        gaps = np.abs(poses[drawn] - poses[start]).sum(axis=1)
        chosen.append(drawn[gaps.argmin()])
    return np.array(chosen, np.int64)


@TRANSFORMS.register_module()
class LipSync(PseudoFake):
    """Replace the mouth, or the lower half of the face, by that of another moment.

    Needs as well the keys of the dataset's item, to read the other frames.
    """

    min_frames = 2 * MIN_GAP_FRAMES + 4

    def forge(
        self, snippets: Snippets, rng: np.random.Generator
    ) -> tuple[Frames, NDArray[np.float32]]:
        """See `PseudoFake`."""
        item = dict(snippets.item)
        length = snippets.clip_len
        points = read_face_points(item)
        indices = source_indices_of_samples(item).reshape(-1, length)
        moments = choose_moments(indices[:, 0], points, rng, clip_len=length)
        if moments is None:
            raise DataError(
                f'video {item.get("video_key")} is too short for LipSync: '
                f'{len(points)} frames; a snippet of {length} needs another one '
                f'{MIN_GAP_FRAMES} frames away'
            )
        others = moments[:, None] + (indices - indices[:, :1])
        others = others.clip(0, len(points) - 1).reshape(-1)
        source, source_points = read_frames(item, points, others)
        region = str(rng.choice(REGIONS))
        return lay_over(snippets, source, source_points, rng, region=region)
