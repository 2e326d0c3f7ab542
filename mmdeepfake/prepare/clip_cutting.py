"""The second pass over a video: cuts the faces out of its frames and stores them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mmdeepfake.faces.face_region import Cut, cut_frames
from mmdeepfake.video.clip_storage import ClipWriter
from mmdeepfake.video.source_frames import SourceFrame

MASK_FORMAT = 'png'  # lossless, and a mask takes a few hundred bytes per frame
UNKNOWN_FPS = 25.0  # rate written into a clip if that of its frames is unknown


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
        fps: frames per second, if known.
        times_seconds: of each frame, if the rate varies.

    Returns:
        The number of frames of each clip, smaller than its track's if the video is
        shorter (0: no clip was written), and the number of frames of the video.
    """
    lengths = [0] * len(cuts)
    writers: dict[int, ClipWriter] = {}
    num_frames = 0
    with ExitStack() as stack:
        for index, images in cut_frames(frames, cuts):
            num_frames = index + 1
            time = {'time_seconds': times_seconds[index]} if times_seconds else {}
            for which, image in images.items():
                if which not in writers:
                    writer = ClipWriter(
                        stems[which], format, fps=fps or UNKNOWN_FPS, quality=quality
                    )
                    writers[which] = stack.enter_context(writer)
                writers[which].write(image, **time)
                lengths[which] += 1
                if index == cuts[which].end_frame - 1:
                    writers[which].close()
    return lengths, num_frames


def fit_masks(
    masks: Iterable[NDArray[np.uint8]], *, height: int, width: int
) -> Iterator[NDArray[np.uint8]]:
    """Yield the frames of a mask video, scaled to the size of its video's frames."""
    for mask in masks:
        if mask.shape[:2] != (height, width):
            mask = cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST)
        yield mask
