"""The sound videos that broken ones are made from: MiniFF and real footage, cut short.

Small, so that a case costs milliseconds: a dozen frames of about a hundred pixels, in
the containers and codecs that people send. The same call gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np

from mmdeepfake.miniff import MiniFFSettings
from mmdeepfake.miniff.render import render_frames
from mmdeepfake.miniff.video_jobs import list_jobs
from mmdeepfake.video.frame_sources import VideoFile

from .video_mutator import Source

NUM_FRAMES = 12
SIZE_PX = 96
_X264 = {'preset': 'veryfast', 'threads': '1', 'crf': '28', 'g': '6'}

# Name -> suffix, codec, its options, those of the container.
_KINDS = {
    'h264_mp4': ('.mp4', 'libx264', {**_X264, 'bf': '2'}, {}),
    'h264_faststart': ('.mp4', 'libx264', _X264, {'movflags': 'faststart'}),
    'h264_fragments': (
        '.mp4',
        'libx264',
        {**_X264, 'bf': '0'},
        {'movflags': 'frag_keyframe+empty_moov'},
    ),
    'h264_mkv': ('.mkv', 'libx264', {**_X264, 'bf': '2'}, {}),
    'vp9_webm': ('.webm', 'libvpx-vp9', {'deadline': 'realtime', 'cpu-used': '8'}, {}),
    'mpeg4_avi': ('.avi', 'mpeg4', {'g': '4'}, {}),
    'mjpeg_mov': ('.mov', 'mjpeg', {}, {}),
    'h264_ts': ('.ts', 'libx264', {**_X264, 'bf': '0'}, {}),
}
KINDS = tuple(_KINDS)
# Those that can be coded in a process that has loaded decord, which brings symbols of
# an older libvpx with it.
PLAIN_KINDS = tuple(kind for kind in KINDS if kind != 'vp9_webm')


def make_miniff_frames(seed: int = 0) -> list[np.ndarray]:
    """Render one real clip of MiniFF: (H, W, 3) uint8 RGB, `NUM_FRAMES` of them."""
    settings = MiniFFSettings(
        seed=seed, num_identities=(2, 2, 2), num_frames=NUM_FRAMES, size_px=SIZE_PX
    )
    frames, _ = render_frames(list_jobs(settings)[0], settings)
    return list(frames)


def read_real_frames(path: Path, *, height_px: int = 112) -> list[np.ndarray]:
    """Read the start of a clip of real footage, made smaller."""
    frames = []
    for frame in islice(VideoFile(path).read(), NUM_FRAMES):
        height, width = frame.shape[:2]
        wanted = round(width * height_px / height / 16) * 16
        frames.append(cv2.resize(frame, (wanted, height_px)))
    return frames


def encode_source(
    name: str, kind: str, frames: Sequence[np.ndarray], folder: Path
) -> Source:
    """Encode frames as one of `KINDS`."""
    suffix, codec, options, container_options = _KINDS[kind]
    path = folder / f'{name}_{kind}{suffix}'
    # Without the flag Matroska's segments get random numbers.
    container_options = {'fflags': '+bitexact', **container_options}
    with av.open(str(path), 'w', options=container_options) as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = 'yuvj420p' if codec == 'mjpeg' else 'yuv420p'
        stream.codec_context.thread_count = 1
        for index, frame in enumerate(frames):
            # OpenCV's conversion: that of FFmpeg differs from run to run here.
            planes = cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420)
            picture = av.VideoFrame.from_ndarray(planes, format='yuv420p')
            picture.pts, picture.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return Source(f'{name}_{kind}', suffix, path.read_bytes())


def cut_short(name: str, path: Path, folder: Path) -> Source:
    """Copy the first frames of a file as they are coded."""
    made = folder / f'{name}_copied.mp4'
    with (
        av.open(str(path)) as whole,
        av.open(str(made), 'w', options={'fflags': '+bitexact'}) as part,
    ):
        stream = part.add_stream_from_template(whole.streams.video[0])
        for number, packet in enumerate(whole.demux(video=0)):
            if number == NUM_FRAMES:
                break
            packet.stream = stream
            part.mux(packet)
    return Source(f'{name}_copied', '.mp4', made.read_bytes())


def make_sources(
    folder: Path, realff: Path | None = None, *, kinds: Sequence[str] = KINDS
) -> list[Source]:
    """Make all sources.

    Args:
        folder: where the files are made.
        realff: root of real footage in FaceForensics++'s layout; None leaves it out.
        kinds: of MiniFF's clip.
    """
    frames = make_miniff_frames()
    sources = [encode_source('miniff', kind, frames, folder) for kind in kinds]
    if realff is None:
        return sources
    real = realff / 'original_sequences/youtube/c23/videos'
    fake = realff / 'manipulated_sequences/FaceSwap/c40/videos'
    clips = [sorted(real.glob('*.mp4'))[0], sorted(fake.glob('*.mp4'))[0]]
    for clip, kinds in zip(
        clips,
        (
            ('h264_mp4', 'h264_mkv', 'vp9_webm', 'mpeg4_avi'),
            ('h264_mp4', 'h264_faststart', 'h264_fragments'),
        ),
        strict=True,
    ):
        frames = read_real_frames(clip)
        name = f'realff_{clip.stem}'
        sources += [encode_source(name, kind, frames, folder) for kind in kinds]
    return [*sources, cut_short(f'realff_{clips[1].stem}', clips[1], folder)]
