"""Animated portrait: one frame, moved along the points of the others.

So do generators of talking heads from a photo: texture sticks to the face, and what
lies around it stands still or is dragged along. Fields and ranges are our choices.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mmdeepfake.registry import TRANSFORMS

from .colour_and_sharpness import Frames
from .donors import measure_poses
from .face_geometry import AVERAGE_POINTS, fit_faces, measure_eye_distances
from .jitter import draw_jitter
from .pseudo_fake import PseudoFake, Snippets
from .resynthesis import resynthesise

HEAD_CENTRE = (0.0, 0.5)  # in face coordinates
HEAD_REACH = (1.6, 2.6)  # standard deviation of the moving part, in eye distances
POINT_REACH = 0.45  # of a point's own displacement
MOUTH_OPENING = 0.07  # in eye distances, standard deviation
BLINK_DEPTH = 0.08
POINT_JITTER = 0.008
MAX_TURN = 0.2  # of the pose from a photo for all snippets, see `measure_poses`
# Shares of videos: one photo for all snippets, a background that follows the head,
# and pictures that come out of a generator's resampling.
ONE_PHOTO_SHARE, DRAGGED_SHARE, RESYNTHESIS_SHARE = 0.5, 0.5, 0.5


def animate(
    photo: NDArray[np.uint8],
    photo_points: NDArray[np.floating],
    points: NDArray[np.floating],
    *,
    head_reach: float,
    background_share: float,
    mouth_opening: NDArray[np.floating],
    blinks: NDArray[np.floating],
) -> Frames:
    """Move a photo so that its face follows points.

    Args:
        photo: (H, W, 3) uint8.
        photo_points: (5, 2) pixels of it.
        points: (F, 5, 2) pixels, of the frames to make.
        head_reach: how far from the face its motion is felt, in eye distances.
        background_share: share of the motion far from the head, 0 to 1.
        mouth_opening: (F,) in eye distances; the lower lip moves down by as much.
        blinks: (F,) likewise, of the eyelids.

    Returns:
        (F, H, W, 3) uint8.
    """
    height, width = photo.shape[:2]
    columns, rows = np.meshgrid(
        np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    )
    (photo_face,) = fit_faces(photo_points[None])
    made = []
    for own, face, opening, blink in zip(
        points, fit_faces(points), mouth_opening, blinks, strict=True
    ):
        inverse = cv2.invertAffineTransform(face)
        x = inverse[0, 0] * columns + inverse[0, 1] * rows + inverse[0, 2]
        y = inverse[1, 0] * columns + inverse[1, 1] * rows + inverse[1, 2]
        # From face coordinates of this frame to those of the photo.
        residues = _to_face(own, inverse) - _to_face(
            photo_points, cv2.invertAffineTransform(photo_face)
        )
        share = background_share + (1 - background_share) * _bump(
            x, y, HEAD_CENTRE, head_reach
        )
        moved_x, moved_y = x.copy(), y.copy()
        for place, (dx, dy) in zip(AVERAGE_POINTS, residues, strict=True):
            weight = _bump(x, y, place, POINT_REACH)
            moved_x -= dx * weight
            moved_y -= dy * weight
        moved_y -= opening * _bump(x, y, (0.0, 1.42), 0.3)
        for eye in AVERAGE_POINTS[:2]:
            moved_y -= blink * _bump(x, y, (eye[0], eye[1] - 0.08), 0.12)
        photo_x = photo_face[0, 0] * moved_x + photo_face[0, 1] * moved_y
        photo_y = photo_face[1, 0] * moved_x + photo_face[1, 1] * moved_y
        map_x = columns + share * (photo_x + photo_face[0, 2] - columns)
        map_y = rows + share * (photo_y + photo_face[1, 2] - rows)
        made.append(
            cv2.remap(
                photo,
                map_x.astype(np.float32),
                map_y.astype(np.float32),
                cv2.INTER_CUBIC,
                borderMode=cv2.BORDER_REFLECT_101,
            )
        )
    return np.stack(made)


def _to_face(
    points: NDArray[np.floating], inverse: NDArray[np.floating]
) -> NDArray[np.floating]:
    return points @ inverse[:, :2].T + inverse[:, 2]


def _bump(
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    centre: NDArray[np.floating] | tuple[float, float],
    reach: float,
) -> NDArray[np.float32]:
    """Return a Gaussian about a centre, without its norm."""
    squares = (x - np.float32(centre[0])) ** 2 + (y - np.float32(centre[1])) ** 2
    return cv2.exp(squares * np.float32(-0.5 / reach**2))


@TRANSFORMS.register_module()
class AnimatePortrait(PseudoFake):
    """Replace all frames by one of them, moved along the points of the others."""

    def forge(
        self, snippets: Snippets, rng: np.random.Generator
    ) -> tuple[Frames, NDArray[np.float32]]:
        """See `PseudoFake`."""
        frames, length = snippets.frames, snippets.clip_len
        num_frames = len(frames)
        jitter = draw_jitter(
            rng, num_frames=num_frames, clip_len=length, num_quantities=10
        ).reshape(num_frames, 5, 2)
        sizes = measure_eye_distances(snippets.points)[:, None, None]
        points = snippets.points + (POINT_JITTER * rng.random() * jitter * sizes)
        settings = dict(
            head_reach=rng.uniform(*HEAD_REACH),
            background_share=float(rng.random() < DRAGGED_SHARE) * rng.random(),
        )
        photos = _choose_photos(snippets.points, rng, clip_len=length)
        opening = MOUTH_OPENING * _draw_motion(rng, num_frames, length)
        blinks = BLINK_DEPTH * np.abs(_draw_motion(rng, num_frames, length))
        made = np.empty_like(frames)
        for photo in np.unique(photos):
            here = photos == photo
            made[here] = animate(
                frames[photo],
                snippets.points[photo],
                points[here],
                mouth_opening=opening[here],
                blinks=blinks[here],
                **settings,
            )
        if rng.random() < RESYNTHESIS_SHARE:
            made = resynthesise(made, rng)
        return made, np.ones(made.shape[:3], np.float32)


def _choose_photos(
    points: NDArray[np.floating], rng: np.random.Generator, *, clip_len: int
) -> NDArray[np.int64]:
    """Choose the frame that each frame is made of: (F,)."""
    num_snippets = len(points) // clip_len
    photo = int(rng.integers(len(points)))
    own = rng.integers(clip_len, size=num_snippets) + np.arange(num_snippets) * clip_len
    wants_one = rng.random() < ONE_PHOTO_SHARE
    poses = measure_poses(points)
    if wants_one and np.abs(poses - poses[photo]).max() < MAX_TURN:
        own[:] = photo
    return own.repeat(clip_len)


def _draw_motion(
    rng: np.random.Generator, num_frames: int, clip_len: int
) -> NDArray[np.float64]:
    """Draw a value and a steady change of it in every snippet: (F,)."""
    starts, changes = rng.normal(size=(2, num_frames // clip_len, 1))
    return (starts + 0.3 * changes * np.arange(clip_len)).reshape(-1)
