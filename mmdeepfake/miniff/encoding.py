"""H.264 files written and read with PyAV."""

from __future__ import annotations

import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

MASK_CRF = 10  # ours; masks stay nearly binary


def encode_videos(
    frames: np.ndarray, paths_crf: Sequence[tuple[Path, int]], *, fps: int
) -> None:
    """Write the same frames once for every (path, constant rate factor).

    A file appears under its name only when it is whole.

    Args:
        frames: (T, H, W, 3) uint8 RGB, or (T, H, W) uint8 grey; H and W even.
        paths_crf: the files to write.
        fps: frames per second.
    """
    source_format = 'gray' if frames.ndim == 3 else 'rgb24'
    pictures = [
        av.VideoFrame.from_ndarray(frame, format=source_format).reformat(
            format='yuv420p'
        )
        for frame in frames
    ]
    for path, crf in paths_crf:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + '.partial')
        _encode(pictures, partial, crf=crf, fps=fps)
        os.replace(partial, path)


def _encode(
    pictures: Sequence[av.VideoFrame], path: Path, *, crf: int, fps: int
) -> None:
    with av.open(str(path), 'w', format='mp4') as container:
        stream = container.add_stream('libx264', rate=fps)
        stream.width, stream.height = pictures[0].width, pictures[0].height
        stream.pix_fmt = 'yuv420p'
        # One thread: x264's output depends on how many it has.
        stream.codec_context.thread_count = 1
        stream.options = {'crf': str(crf)}
        for index, picture in enumerate(pictures):
            picture.pts, picture.time_base = index, Fraction(1, fps)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


def decode_video(path: Path) -> np.ndarray:
    """Every frame of a file: (T, H, W, 3) uint8 RGB."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        return np.stack(
            [f.to_ndarray(format='rgb24') for f in container.decode(stream)]
        )
