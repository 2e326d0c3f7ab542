"""The second pass over a video: cuts the faces out of its frames and stores them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mmdeepfake.faces.face_region import FaceRegion
from mmdeepfake.structures import FaceTrack
from mmdeepfake.video.clip_storage import ClipWriter
from mmdeepfake.video.source_frames import SourceFrame

MASK_FORMAT = 'png'  # lossless, and masks are a few hundred bytes a frame
UNKNOWN_FPS = 25.0  # what a clip is said to have where its frames tell no rate


@dataclass(frozen=True, eq=False)
class Cut:
    """One face to be stored.

    Attributes:
        track: its boxes, in pixels of the source frame.
        region: what is stored of the frames.
    """

    track: FaceTrack
    region: FaceRegion

    @classmethod
    def of_stored(cls, track: FaceTrack) -> Cut:
        """Make the cut of a stored track again."""
        region = FaceRegion.of_scale(track.region, track.scale)
        return cls(replace(track, region=None, scale=1.0), region)

    @property
    def end_frame(self) -> int:
        """Index of the first source frame after the track."""
        return self.track.first_frame + len(self.track)

    def stored_track(self, num_frames: int) -> FaceTrack:
        """Give the track as it is saved beside a clip of so many frames."""
        track = self.track
        return replace(
            track,
            boxes=track.boxes[:num_frames],
            detected=track.detected[:num_frames],
            scores=track.scores[:num_frames],
            points=None if track.points is None else track.points[:num_frames],
            region=self.region.x1y1x2y2_px,
            scale=self.region.scale,
        )


def cut_frames(
    frames: Iterable[SourceFrame | NDArray[np.uint8]], cuts: Sequence[Cut]
) -> Iterator[tuple[int, dict[int, NDArray[np.uint8]]]]:
    """Cut every face out of every frame, in one pass.

    Args:
        frames: all frames of the video; arrays are (H, W, 3) uint8 RGB.
        cuts: the faces.

    Yields:
        For each frame, its index and the pictures of the faces seen in it, by their
        place among `cuts`: (h, w, 3) uint8 RGB.
    """
    for index, frame in enumerate(frames):
        yield (
            index,
            {
                which: cut.region.cut(frame)
                for which, cut in enumerate(cuts)
                if cut.track.first_frame <= index < cut.end_frame
            },
        )


def write_clips(
    frames: Iterable[SourceFrame | NDArray[np.uint8]],
    cuts: Sequence[Cut],
    stems: Sequence[Path],
    *,
    format: str,
    quality: int | None,
    fps: float | None,
    times_seconds: Sequence[float] = (),
) -> tuple[list[int], int]:
    """Store every face in one pass; frame i of a clip is frame first_frame + i.

    Args:
        frames: all frames of the video; arrays are (H, W, 3) uint8 RGB.
        cuts: what to store.
        stems: paths of the clips without their suffix.
        format: of the clips.
        quality: of that format.
        fps: frames per second, where known.
        times_seconds: of each frame, where the rate varies.

    Returns:
        How many frames each clip got, fewer than its track where the video is shorter
        (0: there is no clip then), and how many frames the video has.
    """
    lengths = [0] * len(cuts)
    writers: dict[int, ClipWriter] = {}
    num_frames = 0
    with ExitStack() as stack:
        for index, pictures in cut_frames(frames, cuts):
            num_frames = index + 1
            time = {'time_seconds': times_seconds[index]} if times_seconds else {}
            for which, picture in pictures.items():
                if which not in writers:
                    writer = ClipWriter(
                        stems[which], format, fps=fps or UNKNOWN_FPS, quality=quality
                    )
                    writers[which] = stack.enter_context(writer)
                writers[which].write(picture, **time)
                lengths[which] += 1
                if index == cuts[which].end_frame - 1:
                    writers[which].close()
    return lengths, num_frames


def fit_masks(
    masks: Iterable[NDArray[np.uint8]], *, height: int, width: int
) -> Iterable[NDArray[np.uint8]]:
    """Bring the frames of a mask video to the size of the video that they belong to."""
    for mask in masks:
        if mask.shape[:2] != (height, width):
            mask = cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST)
        yield mask
