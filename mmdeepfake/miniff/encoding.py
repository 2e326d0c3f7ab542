"""H.264 files written and read with PyAV."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from mmdeepfake.files.atomic_write import replacing

MASK_CRF = 10  # ours; masks stay nearly binary
# How x264 codes the frames at a given constant rate factor.
# 'inter': as low-delay streams are. B-frames and a macroblock tree would blur what
# jitters more than what drifts, and so hide the temporal traces of a forgery.
# 'intra': every frame by itself at one fixed quantiser, so that what the codec does to
# a frame depends on that frame alone. Prediction between frames leaves blurs and ghosts
# where a face jitters, which a single frame would give away.
X264_PARAMS = {
    'inter': 'bframes=0:mbtree=0',
    'intra': 'bframes=0:mbtree=0:keyint=1:qcomp=1:aq-mode=0',
}


def encode_videos(
    frames: np.ndarray,
    paths_crf: Sequence[tuple[Path, int]],
    *,
    fps: int,
    coding: str = 'inter',
) -> None:
    """Write the same frames once for every (path, constant rate factor).

    A file appears under its name only when it is whole; one process at a time may write
    it.

    Args:
        frames: (T, H, W, 3) uint8 RGB, or (T, H, W) uint8 grey; H and W even.
        paths_crf: the files to write.
        fps: frames per second.
        coding: a key of `X264_PARAMS`.
    """
    pictures = [_to_picture(frame) for frame in frames]
    for path, crf in paths_crf:
        with replacing(path, alone=True) as partial:
            _encode(pictures, partial, crf=crf, fps=fps, coding=coding)


def _to_picture(frame: np.ndarray) -> av.VideoFrame:
    """A frame in the colours of H.264; OpenCV is twice as fast here as PyAV."""
    rgb = cv2.cvtColor(frame, cv2.COLOR_GRAY2RGB) if frame.ndim == 2 else frame
    i420 = cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420)
    return av.VideoFrame.from_ndarray(i420, format='yuv420p')


def _encode(
    pictures: Sequence[av.VideoFrame], path: Path, *, crf: int, fps: int, coding: str
) -> None:
    with av.open(str(path), 'w', format='mp4') as container:
        stream = container.add_stream('libx264', rate=fps)
        stream.width, stream.height = pictures[0].width, pictures[0].height
        stream.pix_fmt = 'yuv420p'
        # One thread: x264's output depends on how many it has.
        stream.codec_context.thread_count = 1
        stream.options = {'crf': str(crf), 'x264-params': X264_PARAMS[coding]}
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
