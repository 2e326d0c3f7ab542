"""Choosing the person in a video whom its label refers to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from mmdeepfake.structures import FaceTrack

_CHANGED_LEVEL = 32  # of 255; masks are compressed videos, whose black is not quite 0
_MASK_STEP = 5  # every n-th frame of a mask video is read
_MIN_CHANGED_SHARE = 0.1  # of the changed pixels, in the chosen face


def dominance(track: FaceTrack, *, num_frames: int, height: int, width: int) -> float:
    """Return how dominant a face is, 0..1: size x duration x confidence.

    Size is the mean side of the boxes over the frame's (geometric means of width and
    height), duration the share of the video's frames that have a box, and confidence
    the mean of the detector's.
    """
    sides = np.sqrt((track.boxes[:, 2:] - track.boxes[:, :2]).prod(1))
    size = sides.mean() / np.sqrt(height * width)
    return float(size * len(track) / num_frames * track.scores.mean())


def choose_dominant(
    tracks: Sequence[FaceTrack],
    mask_frames: Iterable[NDArray[np.uint8]] | None = None,
    *,
    num_frames: int,
    frame_size: tuple[int, int],
) -> list[FaceTrack]:
    """Put the face first that the video's label refers to; sort the rest by dominance.

    With a manipulation mask that is the face whose boxes contain most of the changed
    pixels; if none contains a tenth of them (or no pixel is marked), and without a
    mask, it is the most dominant one (see `dominance`).

    Args:
        tracks: the faces of one video.
        mask_frames: (h, w) or (h, w, 3) uint8 each, bright where pixels were changed;
            for every frame from the first on, all of one size.
        num_frames: of the video.
        frame_size: height and width of the video's frames.
    """
    height, width = frame_size
    ranked = sorted(
        tracks,
        key=lambda track: (
            -dominance(track, num_frames=num_frames, height=height, width=width),
            track.first_frame,
            track.boxes[0].tolist(),
        ),
    )
    if mask_frames is None or len(ranked) < 2:
        return ranked
    shares = changed_shares(ranked, mask_frames, frame_size=frame_size)
    best = int(np.argmax(shares))
    if shares[best] < _MIN_CHANGED_SHARE:
        return ranked
    return [ranked[best], *ranked[:best], *ranked[best + 1 :]]


def changed_shares(
    tracks: Sequence[FaceTrack],
    mask_frames: Iterable[NDArray[np.uint8]],
    *,
    frame_size: tuple[int, int],
) -> NDArray[np.float64]:
    """Return the share of a manipulation's changed pixels in the boxes of each face.

    Every fifth frame is read.

    Returns:
        (number of tracks,), 0..1; all 0 if no pixel is marked as changed.
    """
    inside, total = np.zeros(len(tracks)), 0
    for frame, mask in enumerate(mask_frames):
        if frame % _MASK_STEP:
            continue
        changed = (mask if mask.ndim == 2 else mask.max(-1)) > _CHANGED_LEVEL
        total += int(changed.sum())
        scale = np.array(changed.shape[::-1]) / np.array(frame_size[::-1])
        for which, track in enumerate(tracks):
            position = frame - track.first_frame
            if 0 <= position < len(track):
                box = np.round(track.boxes[position] * np.tile(scale, 2)).astype(int)
                inside[which] += changed[box[1] : box[3], box[0] : box[2]].sum()
    return inside / max(total, 1)
