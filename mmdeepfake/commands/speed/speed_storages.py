"""The same talking heads in every way of storing that the pipelines read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mmdeepfake.faces.face_region import choose_region
from mmdeepfake.miniff import MiniFFSettings
from mmdeepfake.miniff.encoding import decode_video, encode_videos
from mmdeepfake.miniff.render import render_frames
from mmdeepfake.miniff.settings import COMPRESSION_CRF
from mmdeepfake.miniff.video_jobs import list_jobs
from mmdeepfake.video.clip_storage import ClipWriter

FACE_RATIO = 0.5  # side of the face's box over the frame's; MiniFF's heads stand still
STORED_MARGIN, FACE_PX = 1.6, 224  # those of tools/prepare.py
FPS = 25
_TEMPLATE = '{:06d}'

Frames = NDArray[np.uint8]


def render_videos(
    folder: Path, *, num_videos: int, num_frames: int, size_px: int
) -> list[Path]:
    """Render real talking heads and encode them as FaceForensics++'s c23 is."""
    num_persons = num_videos + num_videos % 2
    settings = MiniFFSettings(
        num_identities=(num_persons, 2, 2),
        num_frames=num_frames,
        size_px=size_px,
        fps=FPS,
        methods=('Deepfakes',),
    )
    jobs = [job for job in list_jobs(settings) if job.method is None][:num_videos]
    paths = [folder / f'{number:03d}.mp4' for number in range(num_videos)]
    for job, path in zip(jobs, paths, strict=True):
        frames, _ = render_frames(job, settings)
        encode_videos(frames, [(path, COMPRESSION_CRF['c23'])], fps=FPS)
    return paths


def store_every_way(videos: Sequence[Path], folder: Path) -> dict[str, list[dict]]:
    """Store videos in every way; give, for each way, what a pipeline reads them by.

    Args:
        videos: with the face in the middle.
        folder: for the files.

    Returns:
        Name of the way -> one item a video, with the keys that `DeepfakeDataset` gives
        to a pipeline and that are read there.
    """
    ways: dict[str, list[dict]] = {name: [] for name in ('whole video, H.264', *_WAYS)}
    for path in videos:
        frames = decode_video(path)
        height, width = frames.shape[1:3]
        box = middle_box(height, width)
        ways['whole video, H.264'].append(
            make_item(box, len(frames), filename=str(path))
        )
        region = choose_region(
            box, height=height, width=width, margin_ratio=STORED_MARGIN, face_px=FACE_PX
        )
        parts = [region.cut(frame) for frame in frames]
        x, y = region.x1y1x2y2_px[:2]
        moved = (box - np.float32([x, y, x, y])) * np.float32(region.scale)
        for number, (name, write) in enumerate(_WAYS.items()):
            stem = folder / f'{path.stem}_{number}'
            ways[name].append(make_item(moved, len(parts), **write(parts, stem)))
    return ways


def middle_box(height: int, width: int) -> NDArray[np.float32]:
    """Give the box of a face in the frame's middle: (1, 4) pixels."""
    half = FACE_RATIO * min(height, width) / 2
    x, y = width / 2, height / 2
    return np.float32([[x - half, y - half, x + half, y + half]])


def make_item(box: NDArray[np.float32], num_frames: int, **place: object) -> dict:
    """Give what a pipeline gets of one video."""
    return {
        **place,
        'total_frames': num_frames,
        'face_boxes': box,
        'fps': FPS,
        'label': 0,
        'modality': 'RGB',
        'start_index': 0,
    }


def _write_clip(parts: Sequence[Frames], stem: Path, *, form: str) -> dict:
    with ClipWriter(stem, form, fps=FPS) as writer:
        for part in parts:
            writer.write(part)
    return {'filename': str(writer.path)}


def _write_folder(
    parts: Sequence[Frames], stem: Path, *, suffix: str, options: Sequence[int]
) -> dict:
    stem.mkdir()
    for number, part in enumerate(parts):
        path = stem / (_TEMPLATE.format(number) + suffix)
        cv2.imwrite(str(path), cv2.cvtColor(part, cv2.COLOR_RGB2BGR), options)
    return {'frame_dir': str(stem), 'filename_tmpl': _TEMPLATE + suffix, 'offset': 0}


_WAYS: dict[str, Callable[[Sequence[Frames], Path], dict]] = {
    'prepared clip, JPEG': lambda parts, stem: _write_clip(parts, stem, form='jpeg'),
    'prepared clip, PNG': lambda parts, stem: _write_clip(parts, stem, form='png'),
    'folder of faces, JPEG 95': lambda parts, stem: _write_folder(
        parts, stem, suffix='.jpg', options=[cv2.IMWRITE_JPEG_QUALITY, 95]
    ),
    'folder of faces, PNG': lambda parts, stem: _write_folder(
        parts, stem, suffix='.png', options=[cv2.IMWRITE_PNG_COMPRESSION, 1]
    ),
}
