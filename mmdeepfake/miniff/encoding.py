"""Writing and reading of H.264 files with PyAV."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from mmdeepfake.files.atomic_write import replacing

MASK_CRF = 10  # ours; masks stay nearly binary
# x264 settings at a given constant rate factor.
# 'inter': like low-delay streams. B-frames and the macroblock tree would blur jitter
# more than drift and so hide the temporal traces of a forgery.
# 'intra': each frame by itself with one fixed quantiser, so that its coding depends on
# that frame alone. Inter prediction blurs a jittering face, which a single frame would
# show.
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

    Files are written atomically; only one process at a time may write them.

    Args:
        frames: (T, H, W, 3) uint8 RGB, or (T, H, W) uint8 grey; H and W even.
        paths_crf: the files to write.
        fps: frames per second.
        coding: a key of `X264_PARAMS`.
    """
    images = [_to_yuv(frame) for frame in frames]
    for path, crf in paths_crf:
        with replacing(path, alone=True) as partial:
            _encode(images, partial, crf=crf, fps=fps, coding=coding)


def _to_yuv(frame: np.ndarray) -> av.VideoFrame:
    """Convert a frame to 4:2:0; OpenCV is twice as fast here as PyAV."""
    rgb = cv2.cvtColor(frame, cv2.COLOR_GRAY2RGB) if frame.ndim == 2 else frame
    i420 = cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420)
    return av.VideoFrame.from_ndarray(i420, format='yuv420p')


def _encode(
    images: Sequence[av.VideoFrame], path: Path, *, crf: int, fps: int, coding: str
) -> None:
    with av.open(str(path), 'w', format='mp4') as container:
        stream = container.add_stream('libx264', rate=fps)
        stream.width, stream.height = images[0].width, images[0].height
        stream.pix_fmt = 'yuv420p'
        # One thread, since x264's output depends on their number.
        stream.codec_context.thread_count = 1
        stream.options = {'crf': str(crf), 'x264-params': X264_PARAMS[coding]}
        for index, image in enumerate(images):
            image.pts, image.time_base = index, Fraction(1, fps)
            container.mux(stream.encode(image))
        container.mux(stream.encode())


def decode_video(path: Path) -> np.ndarray:
    """Read all frames of a file: (T, H, W, 3) uint8 RGB."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        return np.stack(
            [f.to_ndarray(format='rgb24') for f in container.decode(stream)]
        )
