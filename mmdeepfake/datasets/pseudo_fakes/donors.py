"""Frames from elsewhere for a forgery: another person's, or another moment's."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from mmdeepfake.datasets.transforms.decoding import open_reader
from mmdeepfake.errors import DataError

from .colour_and_sharpness import Frames
from .face_geometry import AVERAGE_POINTS, fit_faces

NUM_CANDIDATES = 12  # videos among which the one with the most similar pose is taken


def measure_poses(points: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return how faces are turned: (F, 2), the nose's place beside, below the eyes.

    In units of the face's size, without its roll: 0 beside is frontal.
    """
    middle = points[:, :2].mean(axis=1)
    down = points[:, 3:].mean(axis=1) - middle
    length = np.linalg.norm(down, axis=1, keepdims=True) + 1e-6
    down = down / length
    across = np.stack([down[:, 1], -down[:, 0]], axis=1)
    nose = (points[:, 2] - middle) / length
    return np.stack(
        [(nose * across).sum(axis=1), (nose * down).sum(axis=1)], axis=1
    ).astype(np.float32)


class Donors:
    """Videos of real persons, to take a face from.

    Args:
        items: items of a dataset.
        tracks: (F, 5, 2) points of each, pixels of its stored frames.
        user: the transform that needs them, for messages.
        owner: the dataset, for messages.

    Raises:
        DataError: all videos show one person.
    """

    def __init__(
        self,
        items: Sequence[dict],
        tracks: Sequence[NDArray[np.float32]],
        *,
        user: str,
        owner: str,
    ) -> None:
        self._items = list(items)
        self._tracks = list(tracks)
        self._poses = [measure_poses(points) for points in tracks]
        self._persons = [persons_of(item) for item in items]
        if all(not self._others(persons) for persons in self._persons):
            raise DataError(
                f'{owner}: {user} needs videos of two persons, but all {len(items)} '
                'real videos show one. Add videos of others, or take it out of '
                'MakePseudoFake.kinds'
            )

    def _others(self, persons: frozenset[str]) -> list[int]:
        return [i for i, other in enumerate(self._persons) if not persons & other]

    def draw(
        self,
        points: NDArray[np.float32],
        rng: np.random.Generator,
        *,
        persons: frozenset[str],
        clip_len: int,
    ) -> tuple[list[NDArray[np.uint8]], NDArray[np.float32]]:
        """Read snippets of one other person whose pose is similar.

        Args:
            points: (F, 5, 2) of the face to replace.
            rng: draws the candidates.
            persons: who may not be taken.
            clip_len: T; every snippet begins where the pose is most similar.

        Returns:
            F frames, and their points (F, 5, 2), in pixels of these frames.
        """
        others = self._others(persons)
        wanted = measure_poses(points).reshape(-1, clip_len, 2).mean(axis=1)
        best: tuple[float, int, NDArray[np.intp]] | None = None
        for i in rng.permutation(others)[:NUM_CANDIDATES]:
            last = max(1, len(self._poses[i]) - clip_len + 1)
            gaps = np.abs(self._poses[i][:last, None] - wanted).sum(axis=-1)
            cost = float(gaps.min(axis=0).sum())
            if best is None or cost < best[0]:
                best = cost, int(i), gaps.argmin(axis=0)
        assert best is not None
        _, i, starts = best
        inside = np.arange(clip_len)
        indices = (starts[:, None] + inside).clip(0, len(self._poses[i]) - 1)
        return read_frames(self._items[i], self._tracks[i], indices.reshape(-1))


def persons_of(item: dict) -> frozenset[str]:
    """Return the persons in a video; without names, the video stands for one."""
    return frozenset(item['identities'] or (item['video_name'],))


def read_frames(
    item: dict, points: NDArray[np.float32], indices: NDArray[np.integer]
) -> tuple[list[NDArray[np.uint8]], NDArray[np.float32]]:
    """Read frames of a video with their points, in pixels of these frames."""
    unique, places = np.unique(indices, return_inverse=True)
    reader = open_reader(item)
    frames = list(getattr(reader, 'read_each', reader.read)(unique))
    return [frames[place] for place in places], points[indices]


def align_faces(
    frames: Sequence[NDArray[np.uint8]],
    points: NDArray[np.float32],
    target_points: NDArray[np.floating],
    *,
    height: int,
    width: int,
) -> Frames:
    """Warp faces so that their points lie on others: (F, height, width, 3).

    Args:
        frames: F frames of any size.
        points: (F, 5, 2) pixels of them.
        target_points: (F, 5, 2) pixels of the result.
        height: of the result.
        width: of the result.
    """
    aligned = []
    corners = np.column_stack([AVERAGE_POINTS[[0, 1, 4]], np.ones(3)]).astype(
        np.float32
    )
    pairs = zip(frames, fit_faces(points), fit_faces(target_points), strict=True)
    for frame, face, target in pairs:
        here, there = corners @ face.T, corners @ target.T
        warp = cv2.getAffineTransform(here.astype(np.float32), there.astype(np.float32))
        shrinking = np.sqrt(abs(np.linalg.det(warp[:, :2])))
        if shrinking < 0.6:  # or the warp would skip pixels
            rows, columns = frame.shape[:2]
            size = (max(1, round(columns * shrinking)), max(1, round(rows * shrinking)))
            frame = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
            steps = np.array([columns / size[0], rows / size[1]])
            # The centre of pixel i lies at (i + 1/2) step - 1/2.
            warp = warp @ np.vstack(
                [np.column_stack([np.diag(steps), steps / 2 - 0.5]), (0, 0, 1)]
            )
        aligned.append(
            cv2.warpAffine(
                frame,
                warp,
                (width, height),
                flags=cv2.INTER_CUBIC,
                borderMode=cv2.BORDER_REFLECT_101,
            )
        )
    return np.stack(aligned)
