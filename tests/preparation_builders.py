"""Made-up videos with green faces, and requests to prepare them."""

import pickle
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from stubs.stub_detector import GREEN, build_stub

from mmdeepfake.prepare.pipeline import PreparationRequest
from mmdeepfake.prepare.preparation_settings import PreparationSettings

SIZE = (160, 120)


def draw_faces(index, faces=((40, 30),), size=SIZE, side=40, grey=None):
    """Draw (H, W, 3) uint8: faces that move to the right by one pixel per frame."""
    width, height = size
    shade = (60 + index * 3 % 100) if grey is None else grey
    frame = np.full((height, width, 3), shade, np.uint8)
    for x, y in faces:
        x += index % 20
        frame[y : y + side, x : x + side] = GREEN
        # A bar that differs between frames.
        frame[y + 5 : y + 10, x + 5 : x + 5 + index % 30] = (10, 10, 10)
    return frame


def encode(
    path,
    frames,
    *,
    codec='libx264',
    pix_fmt='yuv420p',
    fps=25,
    pts=None,
    rotation=None,
    options=None,
):
    """Write frames (RGB arrays) as a video; `pts` are in thousandths of a second."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if codec == 'libx264':
        usual = dict(crf='23', preset='ultrafast', threads='1')
        options = usual | (options or {})
    with av.open(str(path), 'w') as container:
        stream = container.add_stream(codec, rate=fps, options=options)
        for index, frame in enumerate(frames):
            if index == 0:
                stream.height, stream.width = frame.shape[:2]
                stream.pix_fmt = pix_fmt
                if rotation is not None:
                    stream.set_display_rotation(rotation)
            image = av.VideoFrame.from_ndarray(frame, format='rgb24')
            if pts is not None:
                image.pts, image.time_base = pts[index], Fraction(1, 1000)
            container.mux(stream.encode(image))
        container.mux(stream.encode())
    return path


def make_face_video(path, num_frames=20, faces=((40, 30),), size=SIZE, **options):
    """Write a video of green faces."""
    frames = (draw_faces(i, faces, size) for i in range(num_frames))
    return encode(path, frames, **options)


def make_tree(root, names=('a', 'b'), splits=('train',), num_frames=20):
    """Write <split>/{real,fake}/<name>.mp4, each with different content."""
    for s, split in enumerate(splits):
        for c, kind in enumerate(('real', 'fake')):
            for n, name in enumerate(names):
                corner = (20 + 8 * n + 20 * s, 20 + 10 * c + 3 * n)
                path = Path(root, split, kind, f'{name}_{split}_{kind}.mp4')
                make_face_video(path, num_frames, [corner])
    return Path(root)


def make_request(root, out, *, layout='folder', settings=None, **options):
    """Return a request to prepare in this process, with the stub detector."""
    settings = {'layout': layout, 'min_face_px': 16} | (settings or {})
    usual = dict(num_workers=0, build_detector=build_stub, shows_progress=False)
    return PreparationRequest(
        root=root, out=out, settings=PreparationSettings(**settings), **usual | options
    )


def write_boxes(path, boxes_of):
    """Write STIL's file of boxes."""
    content = {name: np.asarray(boxes).tolist() for name, boxes in boxes_of.items()}
    Path(path).write_bytes(pickle.dumps(content))
    return Path(path)


def snapshot(out):
    """Return the content of every clip, track and record, and of the manifest."""
    paths = sorted([*Path(out, 'clips').rglob('*'), Path(out, 'manifest.jsonl')])
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in paths
        if path.is_file()
    }
