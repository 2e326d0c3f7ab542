"""Prepared real videos of drawn faces, with the points of their tracks."""

import cv2
import numpy as np

from mmdeepfake.datasets.pseudo_fakes.face_geometry import AVERAGE_POINTS
from mmdeepfake.structures import FaceTrack, VideoKey, VideoRecord
from mmdeepfake.structures.manifest import ManifestWriter
from mmdeepfake.video.clip_storage import ClipWriter

SIDE = 96
EYE_DISTANCE_PX = 22


def draw_clip(num_frames=8, *, seed=0, side=SIDE, speed=0.5):
    """Return frames of smooth texture that moves along, and the five points.

    (F, side, side, 3) uint8 and (F, 5, 2) float32.
    """
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(40, 215, (12, 12, 3)).astype(np.float32)
    texture = cv2.resize(coarse, (side + 32, side + 32), interpolation=cv2.INTER_CUBIC)
    texture += rng.normal(0, 4, texture.shape)
    frames, points = [], []
    face = AVERAGE_POINTS * EYE_DISTANCE_PX + (side / 2, side * 0.42)
    face += rng.normal(0, 0.5, face.shape)
    for index in range(num_frames):
        shift = speed * index
        moved = cv2.warpAffine(
            texture,
            np.float32([[1, 0, shift - 16], [0, 1, -16]]),
            (side, side),
            borderMode=cv2.BORDER_REFLECT_101,
        )
        frames.append(moved + rng.normal(0, 2, moved.shape))
        points.append(face + np.array([shift, 0]))
    return (
        np.stack(frames).clip(0, 255).astype(np.uint8),
        np.array(points, np.float32),
    )


def make_faces(
    root,
    names=('a', 'b', 'c'),
    *,
    split='train',
    method='real',
    num_frames=24,
    has_points=True,
    **fields,
):
    """Add prepared videos to a manifest and return the root.

    Args:
        root: folder of clips and manifest.
        names: of the videos.
        split: of all of them.
        method: 'real', or that of fakes.
        num_frames: of each.
        has_points: whether the tracks have points.
        fields: of every `VideoRecord`.
    """
    with ManifestWriter(root / 'manifest.jsonl') as manifest:
        for number, name in enumerate(names):
            frames, points = draw_clip(num_frames, seed=number)
            stem = f'{method}_{name}'
            with ClipWriter(root / stem, 'png', fps=25.0) as writer:
                for frame in frames:
                    writer.write(frame)
            boxes = np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)
            track = FaceTrack(boxes, points=points if has_points else None)
            track.save(root / f'{stem}.npz')
            manifest.append(
                VideoRecord(
                    VideoKey('A', int(method != 'real'), method, 'as_is', name),
                    path=writer.path.name,
                    split=split,
                    num_frames=num_frames,
                    track_file=f'{stem}.npz',
                    **fields,
                )
            )
    return root


def make_pipeline(kinds, *, num_snippets=2, clip_len=4, after=()):
    """Return a training pipeline up to a pseudo-fake, and steps after it."""
    return [
        dict(type='OpenVideo'),
        dict(type='SampleSnippets', num_snippets=num_snippets, clip_len=clip_len),
        dict(type='DecodeFrames'),
        dict(type='MakePseudoFake', kinds=kinds),
        *after,
    ]
