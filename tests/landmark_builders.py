"""Made-up landmarks, and what a dataset and a pipeline would hand on with them."""

import numpy as np


def draw_landmarks(num_frames=3, *, side=64, seed=0, moving=1.0):
    """(F, 68, 2) points of a rough face in the middle of a square frame, in motion."""
    angle = np.linspace(0, 2 * np.pi, 68, endpoint=False)
    face = np.stack((np.cos(angle), np.sin(angle)), -1) * 0.3  # jaw and brows: a ring
    for start, end, centre, radii in (
        (27, 36, (0.0, 0.02), (0.06, 0.1)),
        (36, 42, (-0.13, -0.1), (0.06, 0.03)),
        (42, 48, (0.13, -0.1), (0.06, 0.03)),
        (48, 68, (0.0, 0.2), (0.12, 0.05)),
    ):
        around = np.linspace(0, 2 * np.pi, end - start, endpoint=False)
        circle = np.stack((np.cos(around), np.sin(around)), -1)
        face[start:end] = np.array(centre) + circle * radii
    drift = np.random.default_rng(seed).normal(0, moving, (num_frames, 1, 2))
    return (side * (face + 0.5) + drift).astype(np.float32)


def write_landmarks(path, points):
    """Store points as the preparation does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, 'wb') as file:
        np.savez(file, points=points)
    return path


def make_results(frames, points_path, **more):
    """The dict after `DecodeFrames` for all frames of a clip, one snippet."""
    frames = [frame.copy() for frame in frames]
    size = frames[0].shape[:2]
    return {
        'imgs': frames,
        'img_shape': size,
        'original_shape': size,
        'modality': 'RGB',
        'frame_inds': np.arange(len(frames)),
        'num_clips': 1,
        'clip_len': len(frames),
        'filename': 'a.tar',
        'landmarks': None if points_path is None else str(points_path),
        **more,
    }
